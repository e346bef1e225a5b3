//! Reads a bucket's configuration: each part has its own call.

use aws_sdk_s3::types::{
    BlockedEncryptionTypes, BucketVersioningStatus, EncryptionType, ObjectOwnership, PublicAccessBlockConfiguration,
    ServerSideEncryption, TransitionDefaultMinimumObjectSize,
};
use payinfra_aws::{Emulator, Tags, error, unless};
use payinfra_engine::{Class, Error};
use serde_json::Value;

use super::{Bucket, LifecycleRule, Logging, lifecycle};
use crate::Cloud;

/// Reads all parts but the tags at once.
pub(super) async fn read(cloud: &Cloud, name: String, tags: Tags) -> Result<Bucket, Error> {
    let (encryption, versioning, (lifecycle, moves_small_objects), rest) =
        tokio::try_join!(encryption(cloud, &name), is_versioned(cloud, &name), lifecycle_of(cloud, &name), async {
            tokio::try_join!(
                public_access(cloud, &name),
                ownership(cloud, &name),
                policy(cloud, &name),
                logging(cloud, &name)
            )
        },)?;
    let (public_access_blocked, ownership, policy, logging) = rest;
    Ok(Bucket {
        name,
        versioning,
        encryption: encryption.algorithm,
        encryption_key: encryption.key,
        bucket_key: encryption.bucket_key,
        customer_keys_blocked: encryption.customer_keys_blocked,
        lifecycle,
        moves_small_objects,
        public_access_blocked,
        ownership,
        policy,
        logging,
        tags,
    })
}

/// Whether a bucket encrypts what is written to it without a key.
///
/// # Errors
/// `GetBucketEncryption`'s.
pub async fn is_encrypted(cloud: &Cloud, name: &str) -> Result<bool, Error> {
    encryption(cloud, name).await.map(|found| !found.algorithm.is_empty())
}

/// How a bucket encrypts.
#[derive(Default)]
struct Encryption {
    algorithm: String,
    key: Option<String>,
    bucket_key: bool,
    customer_keys_blocked: bool,
}

async fn encryption(cloud: &Cloud, name: &str) -> Result<Encryption, Error> {
    let answer = cloud
        .s3
        .get_bucket_encryption()
        .bucket(name)
        .expected_bucket_owner(cloud.account())
        .send()
        .await
        .map_err(error("GetBucketEncryption"));
    let found = unless_unset(answer)?;
    let rules = found.as_ref().and_then(|found| found.server_side_encryption_configuration());
    let rule = rules.and_then(|rules| rules.rules().first());
    let Some((rule, default)) = rule.and_then(|rule| Some((rule, rule.apply_server_side_encryption_by_default()?)))
    else {
        return Ok(Encryption::default());
    };
    let algorithm = default.sse_algorithm();
    // Without KMS the flag has no meaning, and S3 shows it either way.
    let bucket_key = *algorithm != ServerSideEncryption::Aes256 && rule.bucket_key_enabled().unwrap_or_default();
    // A bucket that was never told names no types, and blocks these keys if it is new (docs/aws-behaviour.md, "S3:
    // creating"). One that somebody opened names `NONE`.
    let blocked = rule.blocked_encryption_types().map(BlockedEncryptionTypes::encryption_type);
    Ok(Encryption {
        algorithm: algorithm.as_str().to_owned(),
        key: default.kms_master_key_id().map(ToOwned::to_owned),
        bucket_key,
        customer_keys_blocked: blocked.is_none_or(|types| types.contains(&EncryptionType::SseC)),
    })
}

/// Whether a bucket keeps old versions of its objects.
///
/// # Errors
/// `GetBucketVersioning`'s.
pub async fn is_versioned(cloud: &Cloud, name: &str) -> Result<bool, Error> {
    match cloud.s3.get_bucket_versioning().bucket(name).expected_bucket_owner(cloud.account()).send().await {
        Ok(found) => Ok(found.status() == Some(&BucketVersioningStatus::Enabled)),
        // Moto's answer has an unknown root element, which the SDK cannot read.
        Err(answer) if cloud.emulator == Some(Emulator::Moto) => {
            let body = answer.raw_response().and_then(|raw| raw.body().bytes()).map(String::from_utf8_lossy);
            match body.filter(|body| body.contains("<GetBucketVersioningResponse")) {
                Some(body) => Ok(body.contains("<Status>Enabled</Status>")),
                None => Err(error("GetBucketVersioning")(answer)),
            }
        }
        Err(answer) => Err(error("GetBucketVersioning")(answer)),
    }
}

async fn lifecycle_of(cloud: &Cloud, name: &str) -> Result<(Vec<LifecycleRule>, bool), Error> {
    let request = cloud.s3.get_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(cloud.account());
    let answer = request.send().await.map_err(error("GetBucketLifecycleConfiguration"));
    let Some(found) = unless_unset(answer)? else { return Ok((Vec::new(), false)) };
    let mut rules: Vec<_> = found.rules().iter().map(lifecycle::from_s3).collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let small = found.transition_default_minimum_object_size()
        == Some(&TransitionDefaultMinimumObjectSize::VariesByStorageClass);
    Ok((rules, small))
}

async fn public_access(cloud: &Cloud, name: &str) -> Result<bool, Error> {
    let answer = cloud
        .s3
        .get_public_access_block()
        .bucket(name)
        .expected_bucket_owner(cloud.account())
        .send()
        .await
        .map_err(error("GetPublicAccessBlock"));
    let found = unless_unset(answer)?;
    let block = found.as_ref().and_then(|found| found.public_access_block_configuration());
    let all = |block: &PublicAccessBlockConfiguration| {
        let (acls, policies) = (block.block_public_acls(), block.block_public_policy());
        [acls, block.ignore_public_acls(), policies, block.restrict_public_buckets()].iter().all(|on| *on == Some(true))
    };
    Ok(block.is_some_and(all))
}

async fn ownership(cloud: &Cloud, name: &str) -> Result<String, Error> {
    let request = cloud.s3.get_bucket_ownership_controls().bucket(name).expected_bucket_owner(cloud.account());
    let found = unless_unset(request.send().await.map_err(error("GetBucketOwnershipControls")))?;
    let controls = found.as_ref().and_then(|found| found.ownership_controls());
    let rule = controls.and_then(|controls| controls.rules().first());
    Ok(rule.map(|rule| rule.object_ownership()).map(ObjectOwnership::as_str).unwrap_or_default().to_owned())
}

async fn policy(cloud: &Cloud, name: &str) -> Result<Value, Error> {
    let answer = cloud
        .s3
        .get_bucket_policy()
        .bucket(name)
        .expected_bucket_owner(cloud.account())
        .send()
        .await
        .map_err(error("GetBucketPolicy"));
    let found = unless_unset(answer)?;
    let text = found.as_ref().and_then(|found| found.policy());
    Ok(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}

async fn logging(cloud: &Cloud, name: &str) -> Result<Option<Logging>, Error> {
    let found = cloud
        .s3
        .get_bucket_logging()
        .bucket(name)
        .expected_bucket_owner(cloud.account())
        .send()
        .await
        .map_err(error("GetBucketLogging"))?;
    Ok(found
        .logging_enabled()
        .map(|target| Logging { bucket: target.target_bucket().to_owned(), prefix: target.target_prefix().to_owned() }))
}

/// Takes a part that is not set for success. A bucket that does not exist is an error: right after its creation each of
/// these reads may say so (docs/aws-behaviour.md, "S3: consistency"), and nothing is known then.
fn unless_unset<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.code.as_deref() == Some("NoSuchBucket") => Err(error),
        other => unless(Class::Absent, other),
    }
}
