//! The key that encrypts the stack's data.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use futures::{StreamExt, TryStreamExt, stream};
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cloud, Context};

/// A symmetric KMS key and its alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Its name for people and services, `alias/kms-<suffix>`; empty where it has none.
    pub alias: String,
    /// What it is for.
    pub description: String,
    /// Who may use it.
    #[serde(with = "crate::policy")]
    pub policy: Value,
    /// Whether it encrypts and decrypts.
    pub enabled: bool,
    /// Whether its material is rotated by itself.
    pub rotation: bool,
    /// Days between two rotations, 90 to 2560; 0 without rotation.
    pub rotation_days: u32,
    /// Days from a deletion until the key is gone, 7 to 30. It stands in a tag of the key, because a teardown without
    /// state and configuration must know it; 0 where the tag is missing, and then AWS's own 30 days hold.
    pub deletion_days: u32,
    /// Its tags, without the one for `deletion_days`.
    pub tags: Tags,
}

/// What others use of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, a UUID.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

/// The tag key that carries [`Key::deletion_days`].
const DELETION_DAYS: &str = "payinfra:key-deletion-days";

/// The only policy that a key has.
const POLICY: &str = "default";

/// How many keys are looked at at once.
const LOOKS: usize = 16;

impl Resource for Key {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "key";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let aliases = aliases(cloud).await?;
        let ids = match select {
            Select::Ids(ids) => ids.to_vec(),
            Select::Owned => candidates(cloud, &aliases).await?,
        };
        let aliases = &aliases;
        let looks = ids.into_iter().map(|id| async move { read(cloud, &id, aliases.get(&id), select).await });
        let found: Vec<_> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.kms.create_key().description(&self.description).policy(self.policy.to_string());
        let created = request.set_tags(Some(to_kms(&self.all_tags()))).send().await.map_err(error("CreateKey"))?;
        let outputs = created.key_metadata().map(outputs);
        Ok(Created { id: outputs.as_ref().map(|outputs| outputs.id.clone()).unwrap_or_default(), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let kms = &cx.kms;
        if live.status == Status::PendingDeletion {
            // A repeated call finds it taken back already.
            let back = kms.cancel_key_deletion().key_id(&live.id).send().await.map_err(error("CancelKeyDeletion"));
            unless(Class::InUse, back)?;
        }
        // A key whose deletion was cancelled is disabled, and only an enabled one takes a rotation.
        if changed.contains(&"enabled") && self.enabled {
            kms.enable_key().key_id(&live.id).send().await.map_err(error("EnableKey"))?;
        }
        if changed.contains(&"policy") {
            let request = kms.put_key_policy().key_id(&live.id).policy_name(POLICY).policy(self.policy.to_string());
            request.send().await.map_err(error("PutKeyPolicy"))?;
        }
        if changed.contains(&"description") {
            let request = kms.update_key_description().key_id(&live.id).description(&self.description);
            request.send().await.map_err(error("UpdateKeyDescription"))?;
        }
        if changed.contains(&"rotation") || changed.contains(&"rotation_days") {
            if self.rotation {
                let days = i32::try_from(self.rotation_days).ok();
                let request = kms.enable_key_rotation().key_id(&live.id).set_rotation_period_in_days(days);
                request.send().await.map_err(error("EnableKeyRotation"))?;
            } else {
                kms.disable_key_rotation().key_id(&live.id).send().await.map_err(error("DisableKeyRotation"))?;
            }
        }
        if changed.contains(&"alias") {
            self.take_alias(cx, live).await?;
        }
        if changed.contains(&"tags") || changed.contains(&"deletion_days") {
            let change = TagChange::between(&live.spec.all_tags(), &self.all_tags());
            if !change.remove.is_empty() {
                let request = kms.untag_resource().key_id(&live.id).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagResource"))?;
            }
            if !change.set.is_empty() {
                let request = kms.tag_resource().key_id(&live.id).set_tags(Some(to_kms(&change.set)));
                request.send().await.map_err(error("TagResource"))?;
            }
        }
        if changed.contains(&"enabled") && !self.enabled {
            kms.disable_key().key_id(&live.id).send().await.map_err(error("DisableKey"))?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // The alias would otherwise stay until the key is gone, and a new stack could not take it.
        if !live.spec.alias.is_empty() {
            let request = cx.kms.delete_alias().alias_name(&live.spec.alias);
            request.send().await.map_err(error("DeleteAlias"))?;
            return Ok(Progress::More);
        }
        let days = i32::try_from(live.spec.deletion_days).ok().filter(|days| (7..=30).contains(days));
        let request = cx.kms.schedule_key_deletion().key_id(&live.id).set_pending_window_in_days(days);
        request.send().await.map_err(error("ScheduleKeyDeletion"))?;
        Ok(Progress::Going)
    }
}

impl Key {
    /// Gives the key its alias, which another key must not have: an alias that is not ours is not taken over.
    async fn take_alias(&self, cloud: &Cloud, live: &Live<Self>) -> Result<(), Error> {
        let request = cloud.kms.create_alias().alias_name(&self.alias).target_key_id(&live.id);
        let Err(refusal) = request.send().await.map_err(error("CreateAlias")) else { return Ok(()) };
        // An unanswered earlier call may have given it already.
        if refusal.class == Class::Exists {
            let request = cloud.kms.describe_key().key_id(&self.alias);
            let named = request.send().await.map_err(error("DescribeKey"))?;
            if named.key_metadata().is_some_and(|key| key.key_id() == live.id) {
                return Ok(());
            }
        }
        Err(refusal)
    }

    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(DELETION_DAYS.to_owned(), self.deletion_days.to_string());
        tags
    }
}

fn to_kms(tags: &Tags) -> Vec<Tag> {
    // A tag without a key or value cannot come out of texts.
    tags.iter().filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok()).collect()
}

/// The aliases of the account, by the key that they name.
type Aliases = BTreeMap<String, BTreeSet<String>>;

async fn aliases(cloud: &Cloud) -> Result<Aliases, Error> {
    let request = cloud.kms.list_aliases();
    let found: Vec<_> =
        request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("ListAliases"))?;
    let mut aliases = Aliases::new();
    for alias in found {
        if let (Some(key), Some(name)) = (alias.target_key_id(), alias.alias_name()) {
            aliases.entry(key.to_owned()).or_default().insert(name.to_owned());
        }
    }
    Ok(aliases)
}

/// The keys that may be ours: the one with our alias, and those without any, as a fresh or one pending deletion is.
async fn candidates(cloud: &Cloud, aliases: &Aliases) -> Result<Vec<String>, Error> {
    let request = cloud.kms.list_keys();
    let keys: Vec<_> =
        request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("ListKeys"))?;
    let ours = cloud.names.key_alias();
    let ids = keys.iter().filter_map(|key| key.key_id().map(ToOwned::to_owned));
    Ok(ids.filter(|id| aliases.get(id).is_none_or(|names| names.contains(&ours))).collect())
}

async fn read(
    cloud: &Cloud,
    id: &str,
    aliases: Option<&BTreeSet<String>>,
    select: Select<'_>,
) -> Result<Option<Live<Key>>, Error> {
    let request = cloud.kms.list_resource_tags().key_id(id);
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let found = match found.map_err(error("ListResourceTags")) {
        Ok(found) => found,
        Err(error) if error.class == Class::Absent => return Ok(None),
        // Somebody else's key, whose policy keeps us out.
        Err(error) if error.class == Class::Denied && aliases.is_none() && select == Select::Owned => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut tags = own_tags(found.iter().map(|tag| (tag.tag_key(), tag.tag_value())));
    let address = tags.address_in(cloud.stack());
    if select == Select::Owned && address.is_none() {
        return Ok(None);
    }
    let described = async { cloud.kms.describe_key().key_id(id).send().await.map_err(error("DescribeKey")) };
    let policy = async {
        let request = cloud.kms.get_key_policy().key_id(id).policy_name(POLICY);
        request.send().await.map_err(error("GetKeyPolicy"))
    };
    let rotation =
        async { cloud.kms.get_key_rotation_status().key_id(id).send().await.map_err(error("GetKeyRotationStatus")) };
    // Seconds after its creation, each of these may not know the key yet (docs/aws-behaviour.md, "KMS: consistency").
    let looks = async { tokio::try_join!(described, policy, rotation) };
    let Some((described, policy, rotation)) = unless(Class::Absent, looks.await)? else { return Ok(None) };
    let Some(key) = described.key_metadata() else { return Ok(None) };
    let policy = policy.policy().unwrap_or_default();
    let days = rotation.rotation_period_in_days().and_then(|days| u32::try_from(days).ok());
    let deletion_days = tags.remove(DELETION_DAYS).and_then(|days| days.parse().ok()).unwrap_or_default();
    let ours = cloud.names.key_alias();
    let alias = aliases.and_then(|names| names.get(&ours).or_else(|| names.first())).cloned();
    Ok(Some(Live {
        address,
        id: key.key_id().to_owned(),
        spec: Key {
            alias: alias.unwrap_or_default(),
            description: key.description().unwrap_or_default().to_owned(),
            policy: serde_json::from_str(policy).unwrap_or_else(|_| Value::String(policy.to_owned())),
            enabled: key.enabled(),
            rotation: rotation.key_rotation_enabled(),
            rotation_days: days.filter(|_| rotation.key_rotation_enabled()).unwrap_or_default(),
            deletion_days,
            tags,
        },
        outputs: outputs(key),
        status: match key.key_state() {
            Some(KeyState::PendingDeletion) => Status::PendingDeletion,
            Some(KeyState::Enabled | KeyState::Disabled) | None => Status::Ready,
            Some(state) => Status::Pending(state.as_str().to_owned()),
        },
    }))
}

fn outputs(key: &KeyMetadata) -> Outputs {
    Outputs { id: key.key_id().to_owned(), arn: key.arn().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests;
