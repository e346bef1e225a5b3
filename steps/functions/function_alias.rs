//! The alias `live` of a function, and the published versions behind it: each change is a version, the last ones stay.

use std::collections::BTreeSet;

use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, State};
use futures::future::try_join_all;
use payinfra_aws::{Owned, error, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use super::function::{get, owned, tags};
use crate::{Cloud, Context};

/// An alias with its versions. It is there as long as the alias or any version is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionAlias {
    /// The name of the function.
    pub function: String,
    /// The SHA-256 of the code of the version behind the alias, in base64.
    pub code_sha256: String,
    /// The configuration of the version behind the alias.
    #[serde(flatten)]
    pub configuration: Configuration,
    /// How many versions stay for a rollback, the one behind the alias included. The alias's description says so.
    pub versions_kept: u32,
}

/// What others use of an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The ARN of the alias; empty while only versions are there.
    pub arn: String,
    /// The version behind it.
    pub version: String,
}

/// The name of the alias.
pub const LIVE: &str = "live";

impl Resource for FunctionAlias {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "function_alias";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["function"];
    const CODE: &'static [&'static str] = &["code_sha256"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 2, 900);

    // An alias has no tags: its function's count, and its address has the function's name.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let functions = match select {
            Select::Owned => owned(cloud).await?,
            Select::Ids(names) => {
                try_join_all(names.iter().map(|name| get(cloud, name))).await?.into_iter().flatten().collect()
            }
        };
        let live = functions.iter().map(|function| async move {
            let name = function.configuration().and_then(|configuration| configuration.function_name());
            let address = tags(function).address_in(cloud.stack()).map(|of| Address::new(Self::KIND, of.name()));
            live(cloud, name.unwrap_or_default(), address).await
        });
        Ok(try_join_all(live).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // Publishing what is published already answers with that version, so only the alias is new.
        let version = self.publish(cx).await?;
        let request = cx.lambda.create_alias().function_name(&self.function).name(LIVE).function_version(&version);
        let request = request.description(description(self.versions_kept));
        let arn = request.send().await.map_err(error("CreateAlias"))?.alias_arn.unwrap_or_default();
        Ok(Created { id: self.function.clone(), outputs: Some(Outputs { arn, version }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let same_code = changed.iter().all(|name| *name == "versions_kept");
        let version = if same_code { live.outputs.version.clone() } else { self.publish(cx).await? };
        if live.outputs.arn.is_empty() {
            let request = cx.lambda.create_alias().function_name(&self.function).name(LIVE).function_version(&version);
            let request = request.description(description(self.versions_kept));
            request.send().await.map_err(error("CreateAlias"))?;
        } else {
            let request = cx.lambda.update_alias().function_name(&self.function).name(LIVE).function_version(&version);
            let request = request.description(description(self.versions_kept));
            request.send().await.map_err(error("UpdateAlias"))?;
        }
        let versions = versions(cx, &self.function).await?;
        let numbers = versions.iter().filter_map(|version| version.version()?.parse().ok()).collect();
        remove(cx, &self.function, surplus(numbers, version.parse().ok(), self.versions_kept)).await
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if !live.outputs.arn.is_empty() {
            let request = cx.lambda.delete_alias().function_name(&live.spec.function).name(LIVE);
            request.send().await.map_err(error("DeleteAlias"))?;
            return Ok(Progress::More);
        }
        // Each version holds the function's network interfaces (docs/aws-behaviour.md, "Lambda: network interfaces").
        let versions = versions(cx, &live.spec.function).await?;
        let numbers = versions.iter().filter_map(|version| version.version()?.parse().ok()).collect();
        remove(cx, &live.spec.function, numbers).await?;
        Ok(Progress::Going)
    }
}

impl FunctionAlias {
    async fn publish(&self, cloud: &Cloud) -> Result<String, Error> {
        let request = cloud.lambda.publish_version().function_name(&self.function).code_sha256(&self.code_sha256);
        let published = request.send().await.map_err(error("PublishVersion"))?;
        Ok(published.version.unwrap_or_default())
    }
}

fn description(versions_kept: u32) -> String {
    format!("keeps {versions_kept} versions")
}

/// The versions beyond the newest `kept`, of which the one behind the alias is always one.
fn surplus(mut versions: BTreeSet<u64>, behind_alias: Option<u64>, kept: u32) -> BTreeSet<u64> {
    let mut stay = kept as usize;
    if let Some(version) = behind_alias
        && versions.remove(&version)
    {
        stay = stay.saturating_sub(1);
    }
    let surplus = versions.len().saturating_sub(stay);
    versions.into_iter().take(surplus).collect()
}

async fn remove(cloud: &Cloud, function: &str, versions: BTreeSet<u64>) -> Result<(), Error> {
    let removals = versions.into_iter().map(|version| {
        let request = cloud.lambda.delete_function().function_name(function).qualifier(version.to_string());
        async move { unless(Class::Absent, request.send().await.map_err(error("DeleteFunction"))) }
    });
    try_join_all(removals).await?;
    Ok(())
}

/// Reads the published versions.
async fn versions(cloud: &Cloud, function: &str) -> Result<Vec<FunctionConfiguration>, Error> {
    let request = cloud.lambda.list_versions_by_function().function_name(function).into_paginator().items();
    let versions = request.send().collect::<Result<Vec<_>, _>>().await.map_err(error("ListVersionsByFunction"))?;
    Ok(versions.into_iter().filter(|version| version.version() != Some("$LATEST")).collect())
}

async fn live(cloud: &Cloud, function: &str, address: Option<Address>) -> Result<Option<Live<FunctionAlias>>, Error> {
    let alias = async {
        let request = cloud.lambda.get_alias().function_name(function).name(LIVE);
        unless(Class::Absent, request.send().await.map_err(error("GetAlias")))
    };
    let versions = async { unless(Class::Absent, versions(cloud, function).await) };
    // The list of versions does not say whether a version is active.
    let state = async {
        let request = cloud.lambda.get_function().function_name(function).qualifier(LIVE);
        unless(Class::Absent, request.send().await.map_err(error("GetFunction")))
    };
    let (alias, versions, state) = tokio::try_join!(alias, versions, state)?;
    let versions = versions.unwrap_or_default();
    if alias.is_none() && versions.is_empty() {
        return Ok(None);
    }
    let alias = alias.unwrap_or_else(|| GetAliasOutput::builder().build());
    let behind = versions.into_iter().find(|version| version.version() == alias.function_version());
    let behind = behind.unwrap_or_else(|| FunctionConfiguration::builder().build());
    let kept =
        alias.description().and_then(|text| text.strip_prefix("keeps ")?.strip_suffix(" versions")?.parse().ok());
    Ok(Some(Live {
        address,
        id: function.to_owned(),
        status: match state.as_ref().and_then(|found| found.configuration()) {
            Some(version) if version.state() == Some(&State::Pending) => Status::Pending("Pending".to_owned()),
            Some(version) if version.state() == Some(&State::Failed) => {
                Status::Failed(version.state_reason().unwrap_or("the version failed").to_owned())
            }
            _ => Status::Ready,
        },
        spec: FunctionAlias {
            function: function.to_owned(),
            code_sha256: behind.code_sha256().unwrap_or_default().to_owned(),
            configuration: Configuration::read(&behind),
            versions_kept: kept.unwrap_or_default(),
        },
        outputs: Outputs {
            arn: alias.alias_arn.unwrap_or_default(),
            version: alias.function_version.unwrap_or_default(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = r#"{"Configuration": {"FunctionName": "f-prod"},
        "Tags": {"payinfra:stack": "prod", "payinfra:address": "function.notifications"}}"#;
    const ALIAS: &str = r#"{"AliasArn": "arn:f:live", "FunctionVersion": "3", "Description": "keeps 5 versions"}"#;
    const VERSIONS: &str = r#"{"Versions": [{"Version": "$LATEST", "CodeSha256": "new="},
        {"Version": "2", "CodeSha256": "old="}, {"Version": "3", "CodeSha256": "live="}]}"#;
    const ABSENT: &str = "x-amzn-errortype: ResourceNotFoundException\n\n{}";

    /// What `GetFunction` answers about the alias: recorded, where `ListVersionsByFunction` never has a state.
    const ACTIVE: &str = r#"{"Configuration": {"FunctionName": "f-prod", "Version": "3", "State": "Active"}}"#;

    async fn read(alias: (u16, &str)) -> Live<FunctionAlias> {
        let state = if alias.0 == 200 { (200, ACTIVE) } else { (404, ABSENT) };
        let (cloud, _) = Cloud::replaying([(200, FUNCTION), alias, (200, VERSIONS), state]);
        let ids = ["f-prod".to_owned()];
        FunctionAlias::list(&cloud, Select::Ids(&ids)).await.expect("the answers are good").remove(0)
    }

    #[tokio::test]
    async fn shows_the_version_behind_it_under_its_functions_tags() {
        let live = read((200, ALIAS)).await;
        assert_eq!(live.address, Some(Address::new("function_alias", "notifications")));
        assert_eq!((live.spec.code_sha256.as_str(), live.spec.versions_kept), ("live=", 5));
        assert_eq!(live.outputs.version, "3");
    }

    #[tokio::test]
    async fn is_pending_while_its_version_is() {
        let pending = ACTIVE.replace("Active", "Pending");
        let (cloud, replay) = Cloud::replaying([(200, FUNCTION), (200, ALIAS), (200, VERSIONS), (200, &pending)]);
        let ids = ["f-prod".to_owned()];
        let live = FunctionAlias::list(&cloud, Select::Ids(&ids)).await.expect("the answers are good").remove(0);
        assert_eq!(live.status, Status::Pending("Pending".to_owned()));
        assert!(replay.sent()[3].has("f-prod?Qualifier=live"), "{}", replay.sent()[3].uri);
    }

    #[tokio::test]
    async fn is_there_until_the_last_version_is_gone() {
        let live = read((404, ABSENT)).await;
        assert!(live.outputs.arn.is_empty());
        let (cloud, replay) = Cloud::replaying([(200, VERSIONS), (204, ""), (204, "")]);
        let address = Address::new("function_alias", "notifications");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        assert_eq!(FunctionAlias::delete(&cx, &live).await.expect("it works"), Progress::Going);
        let deleted: Vec<_> = replay.sent()[1..].iter().map(|sent| sent.uri.clone()).collect();
        assert!(deleted.iter().all(|uri| uri.contains("Qualifier=2") || uri.contains("Qualifier=3")), "{deleted:?}");
        let (cloud, _) = Cloud::replaying([(404, ABSENT)]);
        assert!(FunctionAlias::list(&cloud, Select::Ids(&["f-prod".to_owned()])).await.expect("absent").is_empty());
    }

    #[tokio::test]
    async fn new_code_is_published_once_and_the_alias_moves() {
        let mut live = read((200, ALIAS)).await;
        live.spec.code_sha256 = "new=".to_owned();
        let (cloud, replay) = Cloud::replaying([(201, r#"{"Version": "4"}"#), (200, ALIAS), (200, VERSIONS)]);
        let address = Address::new("function_alias", "notifications");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        live.spec.update(&cx, &live, &["code_sha256"]).await.expect("it works");
        assert!(replay.sent()[0].has(r#""CodeSha256":"new=""#));
        assert!(replay.sent()[1].has(r#""FunctionVersion":"4""#));
    }

    #[test]
    fn the_newest_versions_stay_and_the_one_behind_the_alias_in_any_case() {
        let versions = || (1..=6).collect::<BTreeSet<u64>>();
        assert_eq!(surplus(versions(), Some(6), 5), BTreeSet::from([1]));
        assert_eq!(surplus(versions(), Some(1), 2), BTreeSet::from([2, 3, 4, 5]));
        assert_eq!(surplus(versions(), Some(6), 100), BTreeSet::new());
    }
}
