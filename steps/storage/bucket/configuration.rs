//! The parts of a bucket's configuration: each has its own calls for reading and writing.

use aws_sdk_s3::types::{
    BlockedEncryptionTypes, BucketLifecycleConfiguration, BucketLoggingStatus, BucketVersioningStatus, EncryptionType,
    LoggingEnabled, ObjectOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging, TransitionDefaultMinimumObjectSize, VersioningConfiguration,
};
use payinfra_aws::{Emulator, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Error};
use serde_json::Value;

use super::{Bucket, LifecycleRule, Logging, lifecycle};
use crate::Cloud;

/// A part that S3 keeps by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Tags,
    PublicAccess,
    Ownership,
    Encryption,
    Versioning,
    Policy,
    Lifecycle,
    Logging,
}

impl Part {
    /// In the order of writing: ownership tags first, then what protects, then the rest.
    pub(super) const ALL: [Self; 8] = [
        Self::Tags,
        Self::PublicAccess,
        Self::Ownership,
        Self::Encryption,
        Self::Versioning,
        Self::Policy,
        Self::Lifecycle,
        Self::Logging,
    ];

    /// The attributes of the spec that the part holds.
    pub(super) const fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Tags => &["tags"],
            Self::PublicAccess => &["public_access_blocked"],
            Self::Ownership => &["ownership"],
            Self::Encryption => &["encryption", "encryption_key", "bucket_key", "customer_keys_blocked"],
            Self::Versioning => &["versioning"],
            Self::Policy => &["policy"],
            Self::Lifecycle => &["lifecycle", "moves_small_objects"],
            Self::Logging => &["logging"],
        }
    }

    /// Writes the part.
    pub(super) async fn put(self, cloud: &Cloud, spec: &Bucket) -> Result<(), Error> {
        let (s3, name, owner) = (&cloud.s3, &spec.name, cloud.account());
        match self {
            Self::Tags => {
                let tags = Tagging::builder().set_tag_set(Some(to_s3(&spec.tags)?)).build().map_err(invalid)?;
                let request = s3.put_bucket_tagging().bucket(name).expected_bucket_owner(owner).tagging(tags);
                request.send().await.map_err(error("PutBucketTagging")).map(drop)
            }
            Self::PublicAccess => {
                let on = spec.public_access_blocked;
                let block = PublicAccessBlockConfiguration::builder().block_public_acls(on).ignore_public_acls(on);
                let block = block.block_public_policy(on).restrict_public_buckets(on).build();
                let request = s3
                    .put_public_access_block()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .public_access_block_configuration(block);
                request.send().await.map_err(error("PutPublicAccessBlock")).map(drop)
            }
            Self::Ownership => {
                let rule = OwnershipControlsRule::builder().object_ownership(spec.ownership.as_str().into());
                let rule = rule.build().map_err(invalid)?;
                let controls = OwnershipControls::builder().rules(rule).build().map_err(invalid)?;
                let request = s3
                    .put_bucket_ownership_controls()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .ownership_controls(controls);
                request.send().await.map_err(error("PutBucketOwnershipControls")).map(drop)
            }
            Self::Encryption => {
                let default = ServerSideEncryptionByDefault::builder()
                    .sse_algorithm(spec.encryption.as_str().into())
                    .set_kms_master_key_id(spec.encryption_key.clone());
                // Whoever brings a key of his own to a stolen credential could hold the objects to ransom.
                let blocked = if spec.customer_keys_blocked { EncryptionType::SseC } else { EncryptionType::None };
                let customer_keys = BlockedEncryptionTypes::builder().encryption_type(blocked).build();
                let rule = ServerSideEncryptionRule::builder()
                    .apply_server_side_encryption_by_default(default.build().map_err(invalid)?)
                    .blocked_encryption_types(customer_keys)
                    .bucket_key_enabled(spec.bucket_key);
                let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build());
                let request = s3.put_bucket_encryption().bucket(name).expected_bucket_owner(owner);
                let request = request.server_side_encryption_configuration(rules.build().map_err(invalid)?);
                request.send().await.map_err(error("PutBucketEncryption")).map(drop)
            }
            Self::Versioning => {
                let status =
                    if spec.versioning { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
                let status = VersioningConfiguration::builder().status(status).build();
                let request = s3
                    .put_bucket_versioning()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .versioning_configuration(status);
                request.send().await.map_err(error("PutBucketVersioning")).map(drop)
            }
            Self::Policy | Self::Lifecycle | Self::Logging => self.put_rules(cloud, spec).await,
        }
    }

    /// Writes a part that a bucket may lack.
    async fn put_rules(self, cloud: &Cloud, spec: &Bucket) -> Result<(), Error> {
        let (s3, name, owner) = (&cloud.s3, &spec.name, cloud.account());
        match self {
            Self::Policy if spec.policy.is_null() => s3
                .delete_bucket_policy()
                .bucket(name)
                .expected_bucket_owner(owner)
                .send()
                .await
                .map_err(error("DeleteBucketPolicy"))
                .map(drop),
            Self::Policy => {
                let request =
                    s3.put_bucket_policy().bucket(name).expected_bucket_owner(owner).policy(spec.policy.to_string());
                request.send().await.map_err(error("PutBucketPolicy")).map(drop)
            }
            Self::Lifecycle if spec.lifecycle.is_empty() => s3
                .delete_bucket_lifecycle()
                .bucket(name)
                .expected_bucket_owner(owner)
                .send()
                .await
                .map_err(error("DeleteBucketLifecycle"))
                .map(drop),
            Self::Lifecycle => {
                let rules = spec.lifecycle.iter().map(lifecycle::to_s3).collect::<Result<_, _>>()?;
                let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().map_err(invalid)?;
                let minimum = if spec.moves_small_objects {
                    TransitionDefaultMinimumObjectSize::VariesByStorageClass
                } else {
                    TransitionDefaultMinimumObjectSize::AllStorageClasses128K
                };
                let request = s3
                    .put_bucket_lifecycle_configuration()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .lifecycle_configuration(rules);
                let request = request.transition_default_minimum_object_size(minimum);
                request.send().await.map_err(error("PutBucketLifecycleConfiguration")).map(drop)
            }
            Self::Logging => {
                let target = |logging: &Logging| {
                    let target = LoggingEnabled::builder().target_bucket(&logging.bucket);
                    target.target_prefix(&logging.prefix).build().map_err(invalid)
                };
                let target = spec.logging.as_ref().map(target).transpose()?;
                let status = BucketLoggingStatus::builder().set_logging_enabled(target).build();
                let request =
                    s3.put_bucket_logging().bucket(name).expected_bucket_owner(owner).bucket_logging_status(status);
                request.send().await.map_err(error("PutBucketLogging")).map(drop)
            }
            _ => Ok(()),
        }
    }
}

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

/// Tags as S3 wants them.
pub(super) fn to_s3(tags: &Tags) -> Result<Vec<Tag>, Error> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(invalid)).collect()
}

/// Tags as S3 has them, without AWS's own.
pub(super) fn from_s3(tags: &[Tag]) -> Tags {
    own_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}

fn invalid(error: aws_sdk_s3::error::BuildError) -> Error {
    Error::new(Class::Invalid, "S3", error.to_string())
}
