//! A DynamoDB table.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, SseSpecification, SseType, TableDescription, TableStatus, Tag,
    TimeToLiveSpecification, TimeToLiveStatus, WarmThroughput as Warm,
};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, following, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use crate::{Cloud, Context};

/// A table with one text key, paid by request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The attribute that is its key, a text.
    pub key: String,
    /// `PAY_PER_REQUEST`, or `PROVISIONED` if it was changed by hand.
    pub billing: String,
    /// The KMS key it is encrypted with; empty means one of AWS's.
    pub key_arn: String,
    /// The attribute whose time, in seconds since 1970, ends an item's life; empty means that items stay.
    pub expiry_attribute: String,
    /// Whether it can be restored to any moment of the last 35 days.
    pub point_in_time_recovery: bool,
    /// Whether DynamoDB refuses to delete it.
    pub deletion_protection: bool,
    /// The throughput it was warmed to, where that was asked for.
    pub warm_throughput: Option<WarmThroughput>,
    /// Its tags.
    pub tags: Tags,
}

/// The throughput that a table takes from its first minute, in units per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmThroughput {
    /// Read units.
    pub read: i64,
    /// Write units.
    pub write: i64,
}

/// What others use of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// Remembers the warm throughput that was asked for: DynamoDB raises the shown one by itself with use, and never lowers it.
const WARMED_TO: &str = "payinfra:warm-throughput";

impl Resource for Table {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "table";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "key"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(12, 10, 1200);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let names: Vec<String> = match select {
            Select::Ids(ids) => ids.to_vec(),
            Select::Owned => {
                let names = cloud.dynamodb.list_tables().into_paginator().items().send();
                let names: Vec<String> = names.collect::<Result<_, _>>().await.map_err(error("ListTables"))?;
                names.into_iter().filter(|name| cloud.names.is_ours(Kind::Table, name)).collect()
            }
        };
        let mut found = try_join_all(names.iter().map(|name| look(cloud, name))).await?;
        found.retain(|live| select != Select::Owned || live.as_ref().is_some_and(|live| live.address.is_some()));
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let attribute = AttributeDefinition::builder().attribute_name(&self.key).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(&self.key).key_type(KeyType::Hash);
        let request = cx
            .dynamodb
            .create_table()
            .table_name(&self.name)
            .attribute_definitions(attribute.build().map_err(invalid)?)
            .key_schema(key.build().map_err(invalid)?)
            .billing_mode(self.billing.as_str().into())
            .sse_specification(encryption(&self.key_arn))
            .deletion_protection_enabled(self.deletion_protection)
            .set_warm_throughput(self.warm_throughput.map(warm))
            .set_tags(Some(to_dynamodb(&self.all_tags())?));
        let made = request.send().await.map_err(error("CreateTable"))?;
        let arn = made.table_description().and_then(|table| table.table_arn()).unwrap_or_default().to_owned();
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone(), arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") || changed.contains(&"warm_throughput") {
            retag(cx, &live.outputs.arn, &live.spec.all_tags(), &self.all_tags()).await?;
        }
        if changed.contains(&"expiry_attribute") {
            expire_by(cx, &live.id, &live.spec.expiry_attribute, &self.expiry_attribute).await?;
        }
        if changed.contains(&"point_in_time_recovery") {
            let recovery =
                PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(self.point_in_time_recovery);
            let request = cx.dynamodb.update_continuous_backups().table_name(&live.id);
            let request = request.point_in_time_recovery_specification(recovery.build().map_err(invalid)?);
            request.send().await.map_err(error("UpdateContinuousBackups"))?;
        }
        // UpdateTable takes few changes at a time: the first one, and the engine comes back for the others once the
        // table is active again.
        let request = cx.dynamodb.update_table().table_name(&live.id);
        let request = match changed.iter().find(|attribute| UPDATED_WITH_THE_TABLE.contains(attribute)) {
            Some(&"billing") => request.billing_mode(BillingMode::from(self.billing.as_str())),
            Some(&"key_arn") => request.sse_specification(encryption(&self.key_arn)),
            Some(&"deletion_protection") => request.deletion_protection_enabled(self.deletion_protection),
            // What was asked for before stays: it cannot be taken back.
            Some(_) if self.warm_throughput.is_some() => request.set_warm_throughput(self.warm_throughput.map(warm)),
            _ => return Ok(()),
        };
        request.send().await.map_err(error("UpdateTable"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if live.spec.deletion_protection {
            let request = cx.dynamodb.update_table().table_name(&live.id).deletion_protection_enabled(false);
            request.send().await.map_err(error("UpdateTable"))?;
            return Ok(Progress::More);
        }
        cx.dynamodb.delete_table().table_name(&live.id).send().await.map_err(error("DeleteTable"))?;
        Ok(Progress::Going)
    }
}

const UPDATED_WITH_THE_TABLE: [&str; 4] = ["billing", "key_arn", "deletion_protection", "warm_throughput"];

impl Table {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.extend(self.warm_throughput.map(|warm| (WARMED_TO.to_owned(), format!("{}/{}", warm.read, warm.write))));
        tags
    }
}

async fn look(cloud: &Cloud, name: &str) -> Result<Option<Live<Table>>, Error> {
    let request = cloud.dynamodb.describe_table().table_name(name);
    let Some(found) = unless(Class::Absent, request.send().await.map_err(error("DescribeTable")))? else {
        return Ok(None);
    };
    let Some(table) = found.table() else { return Ok(None) };
    let arn = table.table_arn().unwrap_or_default();
    let parts = tokio::try_join!(tags_of(cloud, arn), recovery(cloud, name), expiry(cloud, name));
    let Some((mut tags, point_in_time_recovery, expiry_attribute)) = unless(Class::Absent, parts)? else {
        return Ok(None);
    };
    let warmed_to = tags.remove(WARMED_TO);
    let key = table.key_schema().iter().find(|element| *element.key_type() == KeyType::Hash);
    let billing = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let sse = table.sse_description().filter(|sse| sse.sse_type() == Some(&SseType::Kms));
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        id: name.to_owned(),
        outputs: Outputs { name: name.to_owned(), arn: arn.to_owned() },
        status: match table.table_status() {
            Some(TableStatus::Active) | None => Status::Ready,
            Some(TableStatus::Deleting) => Status::Deleting,
            Some(TableStatus::InaccessibleEncryptionCredentials) => Status::Failed("its key cannot be used".to_owned()),
            Some(status) => Status::Pending(status.as_str().to_owned()),
        },
        spec: Table {
            name: name.to_owned(),
            key: key.map(|element| element.attribute_name()).unwrap_or_default().to_owned(),
            billing: billing.unwrap_or(&BillingMode::Provisioned).as_str().to_owned(),
            key_arn: sse.and_then(|sse| sse.kms_master_key_arn()).unwrap_or_default().to_owned(),
            expiry_attribute,
            point_in_time_recovery,
            deletion_protection: table.deletion_protection_enabled().unwrap_or_default(),
            warm_throughput: warmed(table, warmed_to.as_deref()),
            tags,
        },
    }))
}

/// What was asked for, while the table has at least that; otherwise what it has.
fn warmed(table: &TableDescription, asked: Option<&str>) -> Option<WarmThroughput> {
    let (read, write) = asked?.split_once('/')?;
    let asked = WarmThroughput { read: read.parse().ok()?, write: write.parse().ok()? };
    let has = table.warm_throughput().and_then(|warm| {
        Some(WarmThroughput { read: warm.read_units_per_second()?, write: warm.write_units_per_second()? })
    })?;
    Some(WarmThroughput { read: has.read.min(asked.read), write: has.write.min(asked.write) })
}

async fn tags_of(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    let (mut tags, mut next) = (Tags::new(), None);
    loop {
        let request = cloud.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next.clone());
        let page = request.send().await.map_err(error("ListTagsOfResource"))?;
        tags.extend(own_tags(page.tags().iter().map(|tag| (tag.key(), tag.value()))));
        next = following(next, page.next_token());
        if next.is_none() {
            return Ok(tags);
        }
    }
}

async fn recovery(cloud: &Cloud, name: &str) -> Result<bool, Error> {
    let request = cloud.dynamodb.describe_continuous_backups().table_name(name);
    let found = request.send().await.map_err(error("DescribeContinuousBackups"))?;
    let recovery =
        found.continuous_backups_description().and_then(|backups| backups.point_in_time_recovery_description());
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
    Ok(status == Some(&PointInTimeRecoveryStatus::Enabled))
}

async fn expiry(cloud: &Cloud, name: &str) -> Result<String, Error> {
    let found = cloud.dynamodb.describe_time_to_live().table_name(name).send().await;
    let found = found.map_err(error("DescribeTimeToLive"))?;
    let on = [Some(&TimeToLiveStatus::Enabled), Some(&TimeToLiveStatus::Enabling)];
    let expiry = found.time_to_live_description().filter(|expiry| on.contains(&expiry.time_to_live_status()));
    Ok(expiry.and_then(|expiry| expiry.attribute_name()).unwrap_or_default().to_owned())
}

/// Sets the expiry attribute; DynamoDB requires a separate call that switches the old one off, and a while in between.
async fn expire_by(cloud: &Cloud, name: &str, have: &str, want: &str) -> Result<(), Error> {
    let (attribute, enabled) = if have.is_empty() { (want, true) } else { (have, false) };
    let expiry = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(enabled);
    let request = cloud.dynamodb.update_time_to_live().table_name(name);
    let request = request.time_to_live_specification(expiry.build().map_err(invalid)?);
    match request.send().await.map_err(error("UpdateTimeToLive")) {
        // It is set already, or was changed less than an hour ago: the next look shows which.
        Err(error) if error.code.as_deref() == Some("ValidationException") => Ok(()),
        answer => answer.map(drop),
    }
}

async fn retag(cloud: &Cloud, arn: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let request = cloud.dynamodb.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("UntagResource"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(to_dynamodb(&change.set)?));
        request.send().await.map_err(error("TagResource"))?;
    }
    Ok(())
}

fn encryption(key_arn: &str) -> SseSpecification {
    SseSpecification::builder().enabled(true).sse_type(SseType::Kms).kms_master_key_id(key_arn).build()
}

fn warm(warm: WarmThroughput) -> Warm {
    Warm::builder().read_units_per_second(warm.read).write_units_per_second(warm.write).build()
}

fn to_dynamodb(tags: &Tags) -> Result<Vec<Tag>, Error> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(invalid)).collect()
}

fn invalid(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::new(Class::Invalid, "DynamoDB", error.to_string())
}
