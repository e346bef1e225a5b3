//! Where packets of a subnet go.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, ResourceType, Route, RouteTable as Found, RouteTableAssociationStateCode};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A route table, its routes, and the subnets that follow it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC.
    pub vpc_id: String,
    /// The internet or NAT gateway of each destination range. The VPC's own range and what gateway endpoints add are
    /// not ours to say.
    pub routes: BTreeMap<String, String>,
    /// The subnets.
    pub subnet_ids: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a route table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `rtb-…`.
    pub id: String,
}

impl Resource for RouteTable {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "route_table";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["vpc_id"];
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let found = tables(cloud, filter(cloud, select, "route-table-id")).await?;
        Ok(found.iter().map(|table| live(cloud, table)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_route_table().vpc_id(&self.vpc_id).client_token(cx.token);
        let created = request
            .tag_specifications(specification(ResourceType::RouteTable, &self.tags))
            .send()
            .await
            .map_err(error("CreateRouteTable"))?;
        let id = created.route_table().and_then(|table| table.route_table_id()).unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"routes") {
            let surplus = live.spec.routes.keys().filter(|destination| !self.routes.contains_key(*destination));
            try_join_all(surplus.map(|destination| remove_route(cx, &live.id, destination))).await?;
            let missing =
                self.routes.iter().filter(|(destination, target)| live.spec.routes.get(*destination) != Some(target));
            try_join_all(missing.map(|(destination, target)| {
                put_route(cx, &live.id, destination, target, live.spec.routes.contains_key(destination))
            }))
            .await?;
        }
        if changed.contains(&"subnet_ids") {
            associate(cx, &live.id, &live.spec.subnet_ids, &self.subnet_ids).await?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // EC2 refuses while a subnet follows it.
        if !live.spec.subnet_ids.is_empty() {
            associate(cx, &live.id, &live.spec.subnet_ids, &BTreeSet::new()).await?;
            return Ok(Progress::More);
        }
        let request = cx.ec2.delete_route_table().route_table_id(&live.id);
        request.send().await.map_err(error("DeleteRouteTable"))?;
        Ok(Progress::Going)
    }
}

async fn tables(cloud: &Cloud, filter: Filter) -> Result<Vec<Found>, Error> {
    let request = cloud.ec2.describe_route_tables().filters(filter);
    let found: Result<_, _> = request.into_paginator().items().send().collect().await;
    found.map_err(error("DescribeRouteTables"))
}

async fn put_route(cloud: &Cloud, table: &str, destination: &str, target: &str, exists: bool) -> Result<(), Error> {
    let (gateway, nat) = if target.starts_with("nat-") { (None, Some(target)) } else { (Some(target), None) };
    let (gateway, nat) = (gateway.map(ToOwned::to_owned), nat.map(ToOwned::to_owned));
    if exists {
        let request = cloud.ec2.replace_route().route_table_id(table).destination_cidr_block(destination);
        let request = request.set_gateway_id(gateway).set_nat_gateway_id(nat);
        request.send().await.map_err(error("ReplaceRoute"))?;
    } else {
        let request = cloud.ec2.create_route().route_table_id(table).destination_cidr_block(destination);
        let request = request.set_gateway_id(gateway).set_nat_gateway_id(nat);
        // An unanswered earlier call may have created it; the next look shows whether it is the right one.
        unless(Class::Exists, request.send().await.map_err(error("CreateRoute")))?;
    }
    Ok(())
}

async fn remove_route(cloud: &Cloud, table: &str, destination: &str) -> Result<(), Error> {
    let request = cloud.ec2.delete_route().route_table_id(table);
    let request = if destination.contains(':') {
        request.destination_ipv6_cidr_block(destination)
    } else {
        request.destination_cidr_block(destination)
    };
    unless(Class::Absent, request.send().await.map_err(error("DeleteRoute")))?;
    Ok(())
}

/// Makes `want` instead of `have` follow the table. A subnet that follows another one is moved, which leaves no moment
/// in which it follows the VPC's main table.
async fn associate(cloud: &Cloud, table: &str, have: &BTreeSet<String>, want: &BTreeSet<String>) -> Result<(), Error> {
    let subnets: Vec<String> = have.union(want).cloned().collect();
    let filter = Filter::builder().name("association.subnet-id").set_values(Some(subnets)).build();
    let found = tables(cloud, filter).await?;
    let mut now = BTreeMap::new();
    for association in found.iter().flat_map(|table| table.associations()) {
        if let (Some(subnet), Some(id)) = (association.subnet_id(), association.route_table_association_id()) {
            now.insert(subnet, (id, association.route_table_id()));
        }
    }
    let leave = have.difference(want).filter_map(|subnet| now.get(subnet.as_str()));
    let leave = leave.filter(|(_, followed)| *followed == Some(table));
    try_join_all(leave.map(|(id, _)| async move {
        let request = cloud.ec2.disassociate_route_table().association_id(*id);
        unless(Class::Absent, request.send().await.map_err(error("DisassociateRouteTable")))
    }))
    .await?;
    try_join_all(want.difference(have).map(|subnet| {
        let now = now.get(subnet.as_str());
        async move {
            match now {
                Some((_, followed)) if *followed == Some(table) => {}
                Some((id, _)) => {
                    let request = cloud.ec2.replace_route_table_association().association_id(*id).route_table_id(table);
                    request.send().await.map_err(error("ReplaceRouteTableAssociation"))?;
                }
                None => {
                    let request = cloud.ec2.associate_route_table().route_table_id(table).subnet_id(subnet);
                    request.send().await.map_err(error("AssociateRouteTable"))?;
                }
            }
            Ok::<_, Error>(())
        }
    }))
    .await?;
    Ok(())
}

fn live(cloud: &Cloud, table: &Found) -> Live<RouteTable> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = from_ec2(table.tags());
    let id = text(table.route_table_id());
    let follows = |state: Option<&RouteTableAssociationStateCode>| {
        use RouteTableAssociationStateCode as State;
        !matches!(state, Some(State::Disassociated | State::Disassociating | State::Failed))
    };
    let subnets = table
        .associations()
        .iter()
        .filter(|association| follows(association.association_state().and_then(|association| association.state())));
    Live {
        address: tags.address_in(cloud.stack()),
        spec: RouteTable {
            vpc_id: text(table.vpc_id()),
            routes: table.routes().iter().filter_map(route).collect(),
            subnet_ids: subnets.filter_map(|association| association.subnet_id().map(ToOwned::to_owned)).collect(),
            tags,
        },
        outputs: Outputs { id: id.clone() },
        status: Status::Ready,
        id,
    }
}

/// Reads a route; nothing for the VPC's own range and for what a gateway endpoint adds.
fn route(route: &Route) -> Option<(String, String)> {
    let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block())?;
    let target = [
        route.gateway_id(),
        route.nat_gateway_id(),
        route.network_interface_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.egress_only_internet_gateway_id(),
    ];
    let target = target.into_iter().flatten().find(|target| !target.is_empty()).unwrap_or_default();
    (target != "local" && !target.starts_with("vpce-")).then(|| (destination.to_owned(), target.to_owned()))
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const FOUND: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId>
        <vpcId>vpc-1</vpcId><routeSet>
        <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId></item>
        <item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId></item>
        <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId></item></routeSet>
        <associationSet><item><routeTableAssociationId>rtbassoc-1</routeTableAssociationId><routeTableId>rtb-1</routeTableId>
        <subnetId>subnet-1</subnetId><associationState><state>associated</state></associationState></item></associationSet>
        <tagSet><item><key>payinfra:stack</key><value>prod</value></item>
        <item><key>payinfra:address</key><value>route_table.private_a</value></item></tagSet>
        </item></routeTableSet></DescribeRouteTablesResponse>";

    fn table() -> RouteTable {
        RouteTable {
            vpc_id: "vpc-1".to_owned(),
            routes: BTreeMap::from([("0.0.0.0/0".to_owned(), "nat-1".to_owned())]),
            subnet_ids: BTreeSet::from(["subnet-1".to_owned()]),
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        }
    }

    #[tokio::test]
    async fn replaces_a_route_and_moves_a_subnet_from_another_table() {
        let other = FOUND.replace("rtb-1", "rtb-9").replace("subnet-1", "subnet-2");
        let (cloud, replay) = Cloud::replaying([
            (200, FOUND),
            (200, "<ReplaceRouteResponse/>"),
            (200, &other),
            (200, "<ReplaceRouteTableAssociationResponse/>"),
        ]);
        let live = RouteTable::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!((&live[0].spec.routes, &live[0].spec.subnet_ids), (&table().routes, &table().subnet_ids));
        let mut want = table();
        want.routes.insert("0.0.0.0/0".to_owned(), "nat-2".to_owned());
        want.subnet_ids.insert("subnet-2".to_owned());
        let address = Address::new("route_table", "private_a");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        want.update(&cx, &live[0], &["routes", "subnet_ids"]).await.expect("the answers are good");
        assert!(replay.sent()[1].has("Action=ReplaceRoute&") && replay.sent()[1].has("NatGatewayId=nat-2"));
        assert!(replay.sent()[3].has("AssociationId=rtbassoc-1") && replay.sent()[3].has("RouteTableId=rtb-1"));
    }
}
