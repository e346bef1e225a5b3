//! The subnets that a database may stand in.

use aws_sdk_rds::types::DbSubnetGroup as Found;
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rds::{retag, sorted, tags_of, text, to_rds, wanted};
use crate::{Cloud, Context};

/// A group of subnets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The VPC of the subnets: RDS finds it out, and never lets it change.
    pub vpc_id: String,
    /// The subnets, in alphabetical order.
    pub subnet_ids: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a group of subnets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for DbSubnetGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_subnet_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "vpc_id"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let groups = cloud.rds.describe_db_subnet_groups().into_paginator().items().send();
        let groups: Vec<Found> = groups.collect::<Result<_, _>>().await.map_err(error("DescribeDBSubnetGroups"))?;
        let groups = groups.iter().filter(|group| {
            wanted(cloud, select, Kind::DbSubnetGroup, group.db_subnet_group_name().unwrap_or_default())
        });
        // A group may be deleted between the list and the look.
        let looks = groups.map(|group| async move { unless(Class::Absent, live(cloud, group).await) });
        let mut found: Vec<_> = try_join_all(looks).await?.into_iter().flatten().collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(&self.name)
            .db_subnet_group_description(&self.description)
            .set_subnet_ids(Some(self.subnet_ids.clone()))
            .set_tags(Some(to_rds(&self.tags)));
        let made = match request.send().await.map_err(error("CreateDBSubnetGroup")) {
            Ok(made) => made,
            Err(refusal) => {
                // Not yet: in an account that never used RDS, its service-linked role comes first.
                if refusal.class == Class::NotYet {
                    make_service_linked_role(cx).await?;
                }
                return Err(refusal);
            }
        };
        Ok(Created { id: self.name.clone(), outputs: made.db_subnet_group().map(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"subnet_ids") || changed.contains(&"description") {
            let request = cx.rds.modify_db_subnet_group().db_subnet_group_name(&live.id);
            let request = request.db_subnet_group_description(&self.description);
            let request = request.set_subnet_ids(Some(self.subnet_ids.clone()));
            request.send().await.map_err(error("ModifyDBSubnetGroup"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.rds.delete_db_subnet_group().db_subnet_group_name(&live.id);
        request.send().await.map_err(error("DeleteDBSubnetGroup"))?;
        Ok(Progress::Going)
    }
}

/// Makes the role under which RDS works in the account, unless it is there. It is the account's and stays.
async fn make_service_linked_role(cloud: &Cloud) -> Result<(), Error> {
    let request = cloud.iam.create_service_linked_role().aws_service_name("rds.amazonaws.com");
    unless(Class::Exists, request.send().await.map_err(error("CreateServiceLinkedRole")))?;
    Ok(())
}

fn outputs(group: &Found) -> Outputs {
    Outputs { name: text(group.db_subnet_group_name()), arn: text(group.db_subnet_group_arn()) }
}

async fn live(cloud: &Cloud, group: &Found) -> Result<Live<DbSubnetGroup>, Error> {
    let outputs = outputs(group);
    let tags = tags_of(cloud, &outputs.arn).await?;
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.name.clone(),
        status: match group.subnet_group_status() {
            Some("Complete") | None => Status::Ready,
            Some(status) => Status::Pending(status.to_owned()),
        },
        spec: DbSubnetGroup {
            name: outputs.name.clone(),
            description: text(group.db_subnet_group_description()),
            vpc_id: text(group.vpc_id()),
            subnet_ids: sorted(group.subnets().iter().map(|subnet| subnet.subnet_identifier())),
            tags,
        },
        outputs,
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::super::rds::samples;
    use super::*;

    const GROUPS: &str = "<DescribeDBSubnetGroupsResponse><DescribeDBSubnetGroupsResult><DBSubnetGroups>
        <DBSubnetGroup><DBSubnetGroupName>db-subnet-group-prod</DBSubnetGroupName><VpcId>vpc-1</VpcId>
        <DBSubnetGroupDescription>d</DBSubnetGroupDescription><SubnetGroupStatus>Complete</SubnetGroupStatus>
        <Subnets><Subnet><SubnetIdentifier>subnet-2</SubnetIdentifier></Subnet>
        <Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet></Subnets></DBSubnetGroup>
        <DBSubnetGroup><DBSubnetGroupName>other</DBSubnetGroupName></DBSubnetGroup>
        </DBSubnetGroups></DescribeDBSubnetGroupsResult></DescribeDBSubnetGroupsResponse>";

    fn group() -> DbSubnetGroup {
        DbSubnetGroup {
            name: "db-subnet-group-prod".to_owned(),
            description: "d".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            subnet_ids: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
            tags: samples::ownership("db_subnet_group.main"),
        }
    }

    #[tokio::test]
    async fn is_found_by_its_tags_in_the_shape_of_its_spec() {
        let tags = samples::tags("db_subnet_group.main");
        let (cloud, replay) = Cloud::replaying([(200, GROUPS), (200, &tags)]);
        let live = DbSubnetGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("db_subnet_group", "main")));
        assert_eq!(live[0].spec, group());
        assert_eq!(replay.sent().len(), 2, "others' groups are not asked for their tags");
    }

    #[tokio::test]
    async fn an_object_deleted_between_two_reads_is_left_out() {
        // The service model's DBSubnetGroupNotFoundFault.
        let gone = samples::refusal("DBSubnetGroupNotFoundFault");
        let (cloud, _) = Cloud::replaying([(200, GROUPS), (404, &gone)]);
        assert!(DbSubnetGroup::list(&cloud, Select::Owned).await.expect("absence is an answer").is_empty());
    }

    #[tokio::test]
    async fn carries_its_tags_in_the_create_call_and_knows_a_taken_name() {
        let refusal = samples::refusal("DBSubnetGroupAlreadyExists");
        let (cloud, replay) = Cloud::replaying([(400, &refusal)]);
        let address = Address::new("db_subnet_group", "main");
        let refused = group().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("the name is taken").class, Class::Exists);
        assert!(replay.sent()[0].has("SubnetIds.SubnetIdentifier.1=subnet-1"));
        assert!(replay.sent()[0].has("Value=prod"));
    }

    #[tokio::test]
    async fn makes_the_role_of_rds_in_an_account_that_never_used_it() {
        // terraform-aws-modules/terraform-aws-rds#364.
        let refusal = "<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>Missing necessary credentials. Please \
            check http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html</Message>\
            </Error></ErrorResponse>";
        // Recorded.
        let taken =
            "<ErrorResponse><Error><Code>InvalidInput</Code><Message>Service role name AWSServiceRoleForRDS has been
            taken in this account, please try a different suffix.</Message></Error></ErrorResponse>";
        let made =
            "<CreateServiceLinkedRoleResponse><CreateServiceLinkedRoleResult/></CreateServiceLinkedRoleResponse>";
        for answer in [(200, made), (400, taken)] {
            let (cloud, replay) = Cloud::replaying([(400, refusal), answer]);
            let address = Address::new("db_subnet_group", "main");
            let refused = group().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
            assert_eq!(refused.expect_err("the role is not usable yet").class, Class::NotYet);
            assert!(replay.sent()[1].has("Action=CreateServiceLinkedRole&Version=2010-05-08"));
            assert!(replay.sent()[1].has("AWSServiceName=rds.amazonaws.com"));
        }
    }
}
