//! A private way to an AWS service, past the internet and the NAT gateways.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ResourceType, VpcEndpoint as Found, VpcEndpointType};
use payinfra_aws::{Owned, Tags, error, refused};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A gateway endpoint (routes, free) or an interface endpoint (network interfaces, by the hour).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// The VPC.
    pub vpc_id: String,
    /// The service, `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// `Gateway` or `Interface`.
    pub endpoint_type: String,
    /// Which requests may pass, and whose, as a policy document.
    pub policy: Value,
    /// The route tables that lead to a gateway endpoint.
    pub route_table_ids: BTreeSet<String>,
    /// The subnets of an interface endpoint.
    pub subnet_ids: BTreeSet<String>,
    /// The security groups of an interface endpoint.
    pub security_group_ids: BTreeSet<String>,
    /// Whether the service's usual name leads to an interface endpoint.
    pub private_dns: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `vpce-…`.
    pub id: String,
}

impl Resource for VpcEndpoint {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "vpc_endpoint";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["vpc_id", "service", "endpoint_type"];
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    const DURATIONS: Durations = Durations::seconds(90, 90, 900);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.ec2.describe_vpc_endpoints();
        // There are tens of them at most, and moto does not know the filter for their ids.
        let request = match select {
            Select::Owned => request.filters(filter(cloud, select, "vpc-endpoint-id")),
            Select::Ids(_) => request,
        };
        let found: Vec<_> = request
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(error("DescribeVpcEndpoints"))?;
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => true,
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(found.iter().filter_map(|endpoint| live(cloud, endpoint)).filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_vpc_endpoint().vpc_id(&self.vpc_id).service_name(&self.service);
        let request = request
            .vpc_endpoint_type(VpcEndpointType::from(self.endpoint_type.as_str()))
            .policy_document(self.policy.to_string())
            .private_dns_enabled(self.private_dns)
            .client_token(cx.token)
            .tag_specifications(specification(ResourceType::VpcEndpoint, &self.tags));
        let request = if self.endpoint_type == VpcEndpointType::Gateway.as_str() {
            request.set_route_table_ids(list_of(&self.route_table_ids))
        } else {
            request.set_subnet_ids(list_of(&self.subnet_ids)).set_security_group_ids(list_of(&self.security_group_ids))
        };
        let created = request.send().await.map_err(error("CreateVpcEndpoint"))?;
        let id = created.vpc_endpoint().and_then(|endpoint| endpoint.vpc_endpoint_id()).unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        // All in one call, of which EC2 takes one in three seconds.
        if changed.iter().any(|attribute| *attribute != "tags") {
            let (have, want) = (&live.spec, self);
            let mut request = cx.ec2.modify_vpc_endpoint().vpc_endpoint_id(&live.id);
            if changed.contains(&"policy") {
                request = request.policy_document(want.policy.to_string());
            }
            if changed.contains(&"private_dns") {
                request = request.private_dns_enabled(want.private_dns);
            }
            if changed.contains(&"route_table_ids") {
                request = request
                    .set_add_route_table_ids(only_in(&want.route_table_ids, &have.route_table_ids))
                    .set_remove_route_table_ids(only_in(&have.route_table_ids, &want.route_table_ids));
            }
            if changed.contains(&"subnet_ids") {
                request = request
                    .set_add_subnet_ids(only_in(&want.subnet_ids, &have.subnet_ids))
                    .set_remove_subnet_ids(only_in(&have.subnet_ids, &want.subnet_ids));
            }
            if changed.contains(&"security_group_ids") {
                request = request
                    .set_add_security_group_ids(only_in(&want.security_group_ids, &have.security_group_ids))
                    .set_remove_security_group_ids(only_in(&have.security_group_ids, &want.security_group_ids));
            }
            request.send().await.map_err(error("ModifyVpcEndpoint"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&live.id);
        let answer = request.send().await.map_err(error("DeleteVpcEndpoints"))?;
        match answer.unsuccessful().first().map(|item| item.error()) {
            None => Ok(Progress::Going),
            Some(why) => {
                let (code, message) = (why.and_then(|why| why.code()), why.and_then(|why| why.message()));
                Err(refused("DeleteVpcEndpoints", code, message))
            }
        }
    }
}

fn list_of(ids: &BTreeSet<String>) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().cloned().collect())
}

fn only_in(these: &BTreeSet<String>, those: &BTreeSet<String>) -> Option<Vec<String>> {
    list_of(&these.difference(those).cloned().collect())
}

fn live(cloud: &Cloud, endpoint: &Found) -> Option<Live<VpcEndpoint>> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    // The model writes `Available`, the service `available`.
    let state = endpoint.state().map(|state| state.as_str().to_ascii_lowercase());
    let status = match state.as_deref().unwrap_or("available") {
        "deleted" => return None,
        "deleting" => Status::Deleting,
        "available" => Status::Ready,
        state @ ("failed" | "rejected" | "expired") => {
            let why = endpoint.last_error().and_then(|why| why.message()).or(endpoint.failure_reason());
            Status::Failed(why.map_or_else(|| state.to_owned(), |why| format!("{state}: {why}")))
        }
        state => Status::Pending(state.to_owned()),
    };
    let tags = from_ec2(endpoint.tags());
    let id = text(endpoint.vpc_endpoint_id());
    let policy = endpoint.policy_document().unwrap_or_default();
    Some(Live {
        address: tags.address_in(cloud.stack()),
        spec: VpcEndpoint {
            vpc_id: text(endpoint.vpc_id()),
            service: text(endpoint.service_name()),
            endpoint_type: text(endpoint.vpc_endpoint_type().map(VpcEndpointType::as_str)),
            policy: serde_json::from_str(policy).unwrap_or_else(|_| Value::String(policy.to_owned())),
            route_table_ids: endpoint.route_table_ids().iter().cloned().collect(),
            subnet_ids: endpoint.subnet_ids().iter().cloned().collect(),
            security_group_ids: endpoint.groups().iter().map(|group| text(group.group_id())).collect(),
            private_dns: endpoint.private_dns_enabled().unwrap_or_default(),
            tags,
        },
        outputs: Outputs { id: id.clone() },
        status,
        id,
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;
    use serde_json::json;

    use super::*;

    fn endpoint() -> VpcEndpoint {
        VpcEndpoint {
            vpc_id: "vpc-1".to_owned(),
            service: "com.amazonaws.us-east-1.s3".to_owned(),
            endpoint_type: "Gateway".to_owned(),
            policy: json!({ "Statement": [] }),
            route_table_ids: BTreeSet::from(["rtb-1".to_owned()]),
            subnet_ids: BTreeSet::new(),
            security_group_ids: BTreeSet::new(),
            private_dns: false,
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        }
    }

    fn found(state: &str) -> String {
        format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId>
            <vpcEndpointType>Gateway</vpcEndpointType><vpcId>vpc-1</vpcId><state>{state}</state>
            <serviceName>com.amazonaws.us-east-1.s3</serviceName>
            <policyDocument>{{\"Statement\": []}}</policyDocument><routeTableIdSet><item>rtb-1</item></routeTableIdSet>
            <tagSet><item><key>payinfra:stack</key><value>prod</value></item>
            <item><key>payinfra:address</key><value>vpc_endpoint.s3</value></item></tagSet>
            </item></vpcEndpointSet></DescribeVpcEndpointsResponse>"
        )
    }

    #[tokio::test]
    async fn is_found_by_its_tags_in_the_shape_of_its_spec_until_it_is_deleted() {
        let (cloud, replay) = Cloud::replaying(
            ["available", "Deleting", "deleted", "available"].map(found).each_ref().map(|body| (200, body.as_str())),
        );
        let live = VpcEndpoint::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("vpc_endpoint", "s3")));
        let tags = live[0].spec.tags.clone();
        assert_eq!((&live[0].spec, &live[0].status), (&VpcEndpoint { tags, ..endpoint() }, &Status::Ready));
        let ids = ["vpce-1".to_owned()];
        let deleting = VpcEndpoint::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good");
        assert_eq!(deleting[0].status, Status::Deleting);
        assert_eq!(VpcEndpoint::list(&cloud, Select::Ids(&ids)).await, Ok(Vec::new()));
        let absent = VpcEndpoint::list(&cloud, Select::Ids(&["vpce-2".to_owned()])).await;
        assert_eq!(absent, Ok(Vec::new()), "another one is not the one that was asked for");
        assert!(replay.sent()[0].has("Filter.1.Name=tag%3Apayinfra%3Astack&Filter.1.Value.1=prod"));
    }
}
