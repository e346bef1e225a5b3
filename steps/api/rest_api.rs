//! The REST API that everything else of API Gateway stands in.

use aws_sdk_apigateway::types::{
    ApiStatus, EndpointAccessMode, EndpointConfiguration, EndpointType, RestApi as LiveApi, SecurityPolicy,
};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{all_apis, all_resources, arn, from_gateway, replace, retag, to_gateway};
use crate::{Cloud, Context};

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestApi {
    /// Its name; it is a metric dimension.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it answers: `REGIONAL`.
    pub endpoint: String,
    /// Whether it does not answer at its `execute-api` address; so where it has a domain of its own (docs/requirements.md, A4).
    pub execute_api_disabled: bool,
    /// The TLS policy of its `execute-api` address; AWS's default still takes TLS 1.0.
    pub security_policy: String,
    /// Its resource policy as text; empty for none, since callers are authorized one by one (docs/requirements.md, A5).
    pub policy: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub id: String,
    /// The id of its path `/`.
    pub root_id: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for RestApi {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "rest_api";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    // Names are not unique.
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;
    // A change of the TLS policy takes about 15 minutes (AWS: security policies).
    const DURATIONS: Durations = Durations::seconds(2, 2, 2400);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let found: Vec<LiveApi> = match select {
            Select::Owned => {
                let owned = |api: &&LiveApi| from_gateway(api.tags()).address_in(cloud.stack()).is_some();
                all_apis(cloud).await?.iter().filter(owned).cloned().collect()
            }
            Select::Ids(ids) => {
                let wanted = |api: &&LiveApi| ids.iter().any(|id| api.id() == Some(id));
                all_apis(cloud).await?.iter().filter(wanted).cloned().collect()
            }
        };
        let live = try_join_all(found.iter().map(|api| async {
            let root = match api.root_resource_id() {
                Some(root) => Some(root.to_owned()),
                None => root_of(cloud, api.id().unwrap_or_default()).await?,
            };
            Ok(root.map(|root| live(cloud, api, root)))
        }));
        Ok(live.await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let endpoint = EndpointConfiguration::builder().types(EndpointType::from(self.endpoint.as_str())).build();
        let created = cx
            .apigateway
            .create_rest_api()
            .name(&self.name)
            .description(&self.description)
            .endpoint_configuration(endpoint)
            .disable_execute_api_endpoint(self.execute_api_disabled)
            .security_policy(SecurityPolicy::from(self.security_policy.as_str()))
            .endpoint_access_mode(EndpointAccessMode::Basic)
            .set_tags(to_gateway(&self.tags))
            .send()
            .await
            .map_err(error("CreateRestApi"))?;
        let id = created.id().unwrap_or_default().to_owned();
        let outputs = created.root_resource_id().map(|root| outputs(&id, root.to_owned()));
        Ok(Created { id, outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let mut patches: Vec<_> = changed
            .iter()
            .filter_map(|name| match *name {
                "name" => Some(replace("/name", &self.name)),
                "description" => Some(replace("/description", &self.description)),
                "endpoint" => {
                    Some(replace(format!("/endpointConfiguration/types/{}", live.spec.endpoint), &self.endpoint))
                }
                "execute_api_disabled" => Some(replace("/disableExecuteApiEndpoint", self.execute_api_disabled)),
                "security_policy" => Some(replace("/securityPolicy", &self.security_policy)),
                "policy" => Some(replace("/policy", &self.policy)),
                _ => None,
            })
            .collect();
        // Named policies come with a mode, which older ones do not take.
        if changed.contains(&"security_policy") && self.security_policy.starts_with("SecurityPolicy_") {
            patches.push(replace("/endpointAccessMode", EndpointAccessMode::Basic.as_str()));
        }
        if !patches.is_empty() {
            let request = cx.apigateway.update_rest_api().rest_api_id(&live.id).set_patch_operations(Some(patches));
            request.send().await.map_err(error("UpdateRestApi"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        cx.apigateway.delete_rest_api().rest_api_id(&live.id).send().await.map_err(error("DeleteRestApi"))?;
        Ok(Progress::Going)
    }
}

/// The id of the path `/`, for an answer that leaves it out; `None` where the API is gone by now.
async fn root_of(cloud: &Cloud, api_id: &str) -> Result<Option<String>, Error> {
    let resources = unless(Class::Absent, all_resources(cloud, api_id).await)?;
    let root = resources.iter().flat_map(|all| all.iter()).find(|resource| resource.path() == Some("/"));
    Ok(root.and_then(|root| root.id()).map(ToOwned::to_owned))
}

fn outputs(id: &str, root_id: String) -> Outputs {
    Outputs { id: id.to_owned(), root_id, arn: arn(&format!("restapis/{id}")) }
}

fn live(cloud: &Cloud, api: &LiveApi, root_id: String) -> Live<RestApi> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = from_gateway(api.tags());
    let id = text(api.id());
    let endpoint = api.endpoint_configuration().and_then(|endpoint| endpoint.types().first());
    Live {
        address: tags.address_in(cloud.stack()),
        outputs: outputs(&id, root_id),
        status: match api.api_status() {
            Some(ApiStatus::Failed) => Status::Failed(text(api.api_status_message())),
            Some(status @ (ApiStatus::Pending | ApiStatus::Updating)) => Status::Pending(status.as_str().to_owned()),
            _ => Status::Ready,
        },
        spec: RestApi {
            name: text(api.name()),
            description: text(api.description()),
            endpoint: text(endpoint.map(EndpointType::as_str)),
            execute_api_disabled: api.disable_execute_api_endpoint(),
            security_policy: text(api.security_policy().map(SecurityPolicy::as_str)),
            policy: text(api.policy()),
            tags,
        },
        id,
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const APIS: &str = r#"{"item":[{"id":"a1","name":"api-prod","disableExecuteApiEndpoint":true,
        "securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06","endpointConfiguration":{"types":["REGIONAL"]},
        "tags":{"payinfra:stack":"prod","payinfra:address":"rest_api.main"},"apiStatus":"UPDATING"},
        {"id":"a2","name":"api-prod"}]}"#;

    #[tokio::test]
    async fn is_found_by_its_tags_and_its_root_is_looked_up_where_the_answer_lacks_it() {
        let tree = r#"{"item":[{"id":"r1","path":"/health"},{"id":"r0","path":"/"}]}"#;
        let (cloud, replay) = Cloud::replaying([(200, APIS), (200, tree)]);
        let live = RestApi::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!((live.len(), live[0].address.as_ref()), (1, Some(&Address::new("rest_api", "main"))));
        assert_eq!((live[0].outputs.root_id.as_str(), live[0].spec.endpoint.as_str()), ("r0", "REGIONAL"));
        assert!(live[0].spec.execute_api_disabled);
        assert_eq!(live[0].status, Status::Pending("UPDATING".to_owned()));
        assert!(replay.sent()[1].has("/restapis/a1/resources"));
    }

    #[tokio::test]
    async fn an_absent_id_is_left_out_and_the_create_call_carries_the_tags() {
        let (cloud, replay) =
            Cloud::replaying([(200, APIS), (429, "x-amzn-errortype: TooManyRequestsException\n\n{}")]);
        let absent = RestApi::list(&cloud, Select::Ids(&["a9".to_owned()])).await.expect("the answer is good");
        assert!(absent.is_empty());
        let api = RestApi {
            name: "api-prod".to_owned(),
            description: String::new(),
            endpoint: "REGIONAL".to_owned(),
            execute_api_disabled: false,
            security_policy: "SecurityPolicy_TLS13_1_2_2021_06".to_owned(),
            policy: String::new(),
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        };
        let address = Address::new("rest_api", "main");
        let refused = api.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("too many calls").class, Class::Throttled);
        let sent = &replay.sent()[1];
        assert!(sent.has(r#""payinfra:stack":"prod""#) && sent.has(r#""types":["REGIONAL"]"#), "{sent:?}");
        assert!(sent.has(r#""securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06""#));
    }

    #[tokio::test]
    async fn a_named_tls_policy_is_changed_together_with_its_mode() {
        let ours = APIS.replace("TLS13_1_2_2021_06", "TLS13_1_3_2025_09");
        let tree = r#"{"item":[{"id":"r0","path":"/"}]}"#;
        let (cloud, replay) = Cloud::replaying([(200, &ours), (200, tree), (200, "{}")]);
        let live = RestApi::list(&cloud, Select::Owned).await.expect("the answers are good").remove(0);
        let wanted = RestApi { security_policy: "SecurityPolicy_TLS13_1_2_2021_06".to_owned(), ..live.spec.clone() };
        let address = Address::new("rest_api", "main");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        wanted.update(&cx, &live, &["security_policy"]).await.expect("it works");
        let sent = &replay.sent()[2];
        assert!(sent.has(r#""path":"/securityPolicy","value":"SecurityPolicy_TLS13_1_2_2021_06""#), "{}", sent.body);
        assert!(sent.has(r#""path":"/endpointAccessMode","value":"BASIC""#), "{}", sent.body);
    }
}
