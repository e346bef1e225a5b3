//! The parts of a bucket's configuration: each has its own call for writing.

use aws_sdk_s3::types::{
    BlockedEncryptionTypes, BucketLifecycleConfiguration, BucketLoggingStatus, BucketVersioningStatus, EncryptionType,
    LoggingEnabled, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    TransitionDefaultMinimumObjectSize, VersioningConfiguration,
};
use payinfra_aws::{Tags, error, own_tags};
use payinfra_engine::{Class, Error};

use super::{Bucket, Logging, lifecycle};
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
