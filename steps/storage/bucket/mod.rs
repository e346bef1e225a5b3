//! A bucket with everything that S3 keeps about it.

use aws_sdk_s3::types::CreateBucketConfiguration;
use futures::future::try_join_all;
use payinfra_aws::names::{Kind, bucket_arn};
use payinfra_aws::{ADDRESS, Emulator, Owned, REGION, STACK, Tags, error, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cloud, Context, policy};

mod configuration;
mod emptying;
mod lifecycle;
mod reading;

pub use lifecycle::LifecycleRule;
pub use reading::{is_encrypted, is_versioned};

/// A bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name, with the account before the suffix because bucket names are global.
    pub name: String,
    /// Whether it keeps replaced and deleted objects.
    pub versioning: bool,
    /// How objects are encrypted unless they say otherwise: `AES256` (keys of S3) or `aws:kms` (keys of KMS).
    pub encryption: String,
    /// The KMS key; none means the account's AWS managed key for S3, or no key at all with `AES256`.
    pub encryption_key: Option<String>,
    /// Whether S3 derives object keys from a bucket key, which spares calls to KMS; false with `AES256`.
    pub bucket_key: bool,
    /// Whether S3 refuses objects that are encrypted with a key of the caller's (SSE-C).
    #[serde(default)]
    pub customer_keys_blocked: bool,
    /// What becomes of objects with time, ordered by id.
    pub lifecycle: Vec<LifecycleRule>,
    /// Whether objects under 128 KB move to GLACIER too; by default, S3 does not move them.
    pub moves_small_objects: bool,
    /// Whether all four kinds of public access are blocked.
    pub public_access_blocked: bool,
    /// Who owns objects: `BucketOwnerEnforced` means this account, and that ACLs are off.
    pub ownership: String,
    /// Who may do what; null means no policy.
    #[serde(with = "crate::policy")]
    pub policy: Value,
    /// Where S3 writes who accessed it.
    pub logging: Option<Logging>,
    /// Its tags.
    pub tags: Tags,
}

/// Where server access logs go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// The bucket.
    pub bucket: String,
    /// What the names of the log objects begin with.
    pub prefix: String,
}

/// What others use of a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Bucket {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "bucket";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // A million objects take minutes to empty; logs are delivered for up to an hour after they are switched off
    // (docs/aws-behaviour.md, "S3: emptying").
    const DURATIONS: Durations = Durations::seconds(6, 5, 7200);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let names = match select {
            Select::Ids(ids) => ids.to_vec(),
            Select::Owned => candidates(cloud).await?,
        };
        let found = try_join_all(names.into_iter().map(|name| look(cloud, name, select))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // In us-east-1 creating a bucket that this account has already answers 200: whose it is must be asked before.
        let made = Created { id: self.name.clone(), outputs: Some(outputs(&self.name)) };
        match tags_of(cx, &self.name).await {
            Ok(Some(tags)) if address_of(cx, &self.name, &tags).as_ref() == Some(cx.address) => return Ok(made),
            Ok(Some(_)) => return Err(Error::new(Class::Exists, "CreateBucket", "the account has it already")),
            // Another account's bucket does not show its tags; the create call then reports that the name is taken.
            Err(error) if error.class != Class::Denied => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let request = CreateBucketConfiguration::builder().set_tags(Some(configuration::to_s3(&self.tags)?)).build();
        let request = cx.s3.create_bucket().bucket(&self.name).create_bucket_configuration(request);
        request.send().await.map_err(error("CreateBucket"))?;
        Ok(made)
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        // One after the other: S3 rejects concurrent changes of one bucket (docs/aws-behaviour.md, "S3: consistency").
        for part in configuration::Part::ALL {
            if part.attributes().iter().any(|attribute| changed.contains(attribute)) {
                part.put(cx, self).await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // Writers are stopped first, or the emptied bucket fills again (docs/aws-behaviour.md, "S3: emptying").
        let closed = Self { logging: None, policy: nobody_writes(&live.id), ..live.spec.clone() };
        if live.spec.logging.is_some() {
            configuration::Part::Logging.put(cx, &closed).await?;
            return Ok(Progress::More);
        }
        if policy::canonical(&live.spec.policy) != policy::canonical(&closed.policy) {
            configuration::Part::Policy.put(cx, &closed).await?;
            return Ok(Progress::More);
        }
        if emptying::step(cx, &live.id).await? {
            return Ok(Progress::More);
        }
        cx.s3
            .delete_bucket()
            .bucket(&live.id)
            .expected_bucket_owner(cx.account())
            .send()
            .await
            .map_err(error("DeleteBucket"))?;
        Ok(Progress::Going)
    }
}

/// The account's buckets whose names have the form of this stack's.
async fn candidates(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let request = cloud.s3.list_buckets().prefix(Kind::Bucket.beginning()).into_paginator();
    let pages: Vec<_> = request.send().collect::<Result<_, _>>().await.map_err(error("ListBuckets"))?;
    // A name of this form in another region is not a bucket of ours, and answers 301. Emulators name no region.
    let here = |bucket: &&aws_sdk_s3::types::Bucket| bucket.bucket_region().is_none_or(|region| region == REGION);
    let names = pages.iter().flat_map(|page| page.buckets()).filter(here).filter_map(|bucket| bucket.name());
    Ok(names.filter(|name| cloud.names.is_ours(Kind::Bucket, name)).map(ToOwned::to_owned).collect())
}

async fn look(cloud: &Cloud, name: String, select: Select<'_>) -> Result<Option<Live<Bucket>>, Error> {
    let Some(tags) = tags_of(cloud, &name).await? else { return Ok(None) };
    let address = address_of(cloud, &name, &tags);
    if select == Select::Owned && address.is_none() {
        return Ok(None);
    }
    // A bucket that was just created, or deleted, may be known to some of the reads only.
    let Some(spec) = unless(Class::Absent, reading::read(cloud, name.clone(), tags).await)? else {
        return Ok(None);
    };
    Ok(Some(Live { address, outputs: outputs(&name), status: Status::Ready, spec, id: name }))
}

/// A bucket's tags; nothing where the bucket does not exist.
async fn tags_of(cloud: &Cloud, name: &str) -> Result<Option<Tags>, Error> {
    match cloud
        .s3
        .get_bucket_tagging()
        .bucket(name)
        .expected_bucket_owner(cloud.account())
        .send()
        .await
        .map_err(error("GetBucketTagging"))
    {
        Ok(found) => Ok(Some(configuration::from_s3(found.tag_set()))),
        Err(error) if error.code.as_deref() == Some("NoSuchTagSet") => Ok(Some(Tags::new())),
        Err(error) if error.class == Class::Absent => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whose a bucket is, by its tags. Moto drops the tags of a create call: there, and until the tags follow, the name
/// with account and suffix in it shows the owner.
fn address_of(cloud: &Cloud, name: &str, tags: &Tags) -> Option<Address> {
    let untagged = !tags.contains_key(STACK) && !tags.contains_key(ADDRESS);
    if untagged && cloud.emulator == Some(Emulator::Moto) {
        return cloud.names.role_of(Kind::Bucket, name).map(|role| Address::new(Bucket::KIND, role));
    }
    tags.address_in(cloud.stack())
}

fn outputs(name: &str) -> Outputs {
    Outputs { name: name.to_owned(), arn: bucket_arn(name) }
}

/// The policy of a bucket that is being emptied: nobody can put objects into it, not even this account.
fn nobody_writes(name: &str) -> Value {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "BeingDeleted",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": bucket_arn(&format!("{name}/*")),
        }],
    })
}

#[cfg(test)]
mod tests;
