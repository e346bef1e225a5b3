//! The settings of PostgreSQL for all instances of a cluster.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, DbClusterParameterGroup as Found, Parameter};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rds::{retag, tags_of, text, to_rds, wanted};
use crate::{Cloud, Context};

/// A cluster parameter group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbParameterGroup {
    /// Its name.
    pub name: String,
    /// The engine and major version it is for, `aurora-postgresql16`.
    pub family: String,
    /// What it is for.
    pub description: String,
    /// The parameters that differ from the engine's defaults; all of them can change while the engine runs.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a parameter group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The parameters that payinfra sets: TLS only, and a log of connections, schema changes and slow statements.
///
/// Their values count whoever set them. One that is set to its default, as `rds.force_ssl` from PostgreSQL 17 on, does not
/// count as set by a user (docs/aws-behaviour.md, "Aurora: parameters").
pub const PARAMETERS: [(&str, &str); 6] = [
    ("log_connections", "1"),
    ("log_disconnections", "1"),
    ("log_lock_waits", "1"),
    ("log_min_duration_statement", "1000"),
    ("log_statement", "ddl"),
    ("rds.force_ssl", "1"),
];

impl Resource for DbParameterGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_parameter_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "family", "description"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let groups = cloud.rds.describe_db_cluster_parameter_groups().into_paginator().items().send();
        let groups: Vec<Found> =
            groups.collect::<Result<_, _>>().await.map_err(error("DescribeDBClusterParameterGroups"))?;
        let name = |group: &Found| text(group.db_cluster_parameter_group_name());
        let groups = groups.iter().filter(|group| wanted(cloud, select, Kind::DbParameterGroup, &name(group)));
        // A group may be deleted between the list and the look.
        let looks = groups.map(|group| async move { unless(Class::Absent, live(cloud, group).await) });
        let mut found: Vec<_> = try_join_all(looks).await?.into_iter().flatten().collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx
            .rds
            .create_db_cluster_parameter_group()
            .db_cluster_parameter_group_name(&self.name)
            .db_parameter_group_family(&self.family)
            .description(&self.description)
            .set_tags(Some(to_rds(&self.tags)));
        let made = request.send().await.map_err(error("CreateDBClusterParameterGroup"))?;
        Ok(Created { id: self.name.clone(), outputs: made.db_cluster_parameter_group().map(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"parameters") {
            let surplus = live.spec.parameters.keys().filter(|name| !self.parameters.contains_key(*name));
            let surplus: Vec<Parameter> = surplus.map(|name| parameter(name, None)).collect();
            if !surplus.is_empty() {
                let request = cx.rds.reset_db_cluster_parameter_group().db_cluster_parameter_group_name(&live.id);
                let request = request.set_parameters(Some(surplus));
                request.send().await.map_err(error("ResetDBClusterParameterGroup"))?;
            }
            // One call takes twenty.
            let wanted: Vec<_> = self.parameters.iter().map(|(name, value)| parameter(name, Some(value))).collect();
            for some in wanted.chunks(20) {
                let request = cx.rds.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(&live.id);
                let request = request.set_parameters(Some(some.to_vec()));
                request.send().await.map_err(error("ModifyDBClusterParameterGroup"))?;
            }
        }
        if changed.contains(&"tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.rds.delete_db_cluster_parameter_group().db_cluster_parameter_group_name(&live.id);
        request.send().await.map_err(error("DeleteDBClusterParameterGroup"))?;
        Ok(Progress::Going)
    }
}

fn parameter(name: &str, value: Option<&str>) -> Parameter {
    let parameter = Parameter::builder().parameter_name(name).apply_method(ApplyMethod::Immediate);
    parameter.set_parameter_value(value.map(ToOwned::to_owned)).build()
}

fn outputs(group: &Found) -> Outputs {
    let (name, arn) = (group.db_cluster_parameter_group_name(), group.db_cluster_parameter_group_arn());
    Outputs { name: text(name), arn: text(arn) }
}

async fn live(cloud: &Cloud, group: &Found) -> Result<Live<DbParameterGroup>, Error> {
    let outputs = outputs(group);
    let (tags, parameters) = tokio::try_join!(tags_of(cloud, &outputs.arn), parameters(cloud, &outputs.name))?;
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.name.clone(),
        status: Status::Ready,
        spec: DbParameterGroup {
            name: outputs.name.clone(),
            family: text(group.db_parameter_group_family()),
            description: text(group.description()),
            parameters,
            tags,
        },
        outputs,
    })
}

/// The values of the parameters that payinfra sets, and of those that somebody else has set.
async fn parameters(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let request = cloud.rds.describe_db_cluster_parameters().db_cluster_parameter_group_name(name);
    let found: Vec<Parameter> = request
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(error("DescribeDBClusterParameters"))?;
    let counts = |parameter: &&Parameter| {
        let ours = PARAMETERS.iter().any(|(name, _)| parameter.parameter_name() == Some(*name));
        // An emulator may not show the source.
        ours || parameter.source().is_none_or(|source| source == "user")
    };
    let counting = found.iter().filter(counts);
    Ok(counting
        .filter_map(|parameter| Some((parameter.parameter_name()?.to_owned(), parameter.parameter_value()?.to_owned())))
        .collect())
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::super::rds::samples;
    use super::*;

    const GROUPS: &str = "<DescribeDBClusterParameterGroupsResponse><DescribeDBClusterParameterGroupsResult>
        <DBClusterParameterGroups><DBClusterParameterGroup>
        <DBClusterParameterGroupName>db-parameter-group-postgresql16-prod</DBClusterParameterGroupName>
        <DBParameterGroupFamily>aurora-postgresql16</DBParameterGroupFamily><Description>d</Description>
        </DBClusterParameterGroup></DBClusterParameterGroups>
        </DescribeDBClusterParameterGroupsResult></DescribeDBClusterParameterGroupsResponse>";
    const PARAMETERS_FOUND: &str =
        "<DescribeDBClusterParametersResponse><DescribeDBClusterParametersResult><Parameters>
        <Parameter><ParameterName>rds.force_ssl</ParameterName><ParameterValue>1</ParameterValue><Source>user</Source>
        </Parameter><Parameter><ParameterName>work_mem</ParameterName><ParameterValue>1</ParameterValue>
        <Source>system</Source></Parameter></Parameters>
        </DescribeDBClusterParametersResult></DescribeDBClusterParametersResponse>";

    fn group() -> DbParameterGroup {
        DbParameterGroup {
            name: "db-parameter-group-postgresql16-prod".to_owned(),
            family: "aurora-postgresql16".to_owned(),
            description: "d".to_owned(),
            parameters: BTreeMap::from([("rds.force_ssl".to_owned(), "1".to_owned())]),
            tags: samples::ownership("db_parameter_group.postgresql16"),
        }
    }

    #[tokio::test]
    async fn is_found_by_its_tags_with_what_was_set_or_is_ours_to_set() {
        let tags = samples::tags("db_parameter_group.postgresql16");
        let (cloud, replay) = Cloud::replaying([(200, GROUPS), (200, &tags), (200, PARAMETERS_FOUND)]);
        let live = DbParameterGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("db_parameter_group", "postgresql16")));
        assert_eq!(live[0].spec, group());
        assert!(!replay.sent()[2].has("Source"), "what is set to its default has another source");
    }

    #[tokio::test]
    async fn a_parameter_that_is_set_to_its_default_reads_as_it_was_set() {
        // PostgreSQL 17: rds.force_ssl is 1 by default, and stays `engine-default` (terraform-provider-aws#23335).
        let parameters = PARAMETERS_FOUND.replace("<Source>user</Source>", "<Source>engine-default</Source>");
        let tags = samples::tags("db_parameter_group.postgresql16");
        let (cloud, _) = Cloud::replaying([(200, GROUPS), (200, &tags), (200, &parameters)]);
        let live = DbParameterGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].spec, group());
    }

    #[tokio::test]
    async fn carries_its_tags_in_the_create_call_and_waits_while_a_cluster_uses_it() {
        let refusal = samples::refusal("InvalidDBParameterGroupState");
        let made = "<CreateDBClusterParameterGroupResponse><CreateDBClusterParameterGroupResult/></CreateDBClusterParameterGroupResponse>";
        let tags = samples::tags("db_parameter_group.postgresql16");
        let answers =
            [(200, made), (200, GROUPS), (200, tags.as_str()), (200, PARAMETERS_FOUND), (400, refusal.as_str())];
        let (cloud, replay) = Cloud::replaying(answers);
        let address = Address::new("db_parameter_group", "postgresql16");
        let cx = Context { cloud: &cloud, address: &address, token: "t" };
        group().create(&cx).await.expect("it is made");
        assert!(replay.sent()[0].has("Value=prod"));
        let live = DbParameterGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
        let refused = DbParameterGroup::delete(&cx, &live[0]).await;
        assert_eq!(refused.expect_err("a cluster uses it").class, Class::InUse);
    }
}
