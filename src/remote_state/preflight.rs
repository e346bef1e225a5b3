//! Whether a bucket can keep a state: it exists, is versioned, encrypted, and closed to the public.

use payinfra_aws::error;
use payinfra_engine::{Class, Error};
use payinfra_steps::Cloud;
use payinfra_steps::storage::{is_encrypted, is_versioned};

use crate::command_error::{CommandError, Exit, exit_of};

/// The command that creates a bucket.
const CREATE: &str = "aws s3api create-bucket --region us-east-1 --bucket";

/// Checks the bucket and returns warnings.
///
/// # Errors
/// All missing settings at once, with the commands that fix them; a missing permission; a service that does not answer.
pub async fn check_bucket(cloud: &Cloud, bucket: &str) -> Result<Vec<String>, CommandError> {
    let (versioned, encrypted, access) = tokio::join!(
        is_versioned(cloud, bucket),
        is_encrypted(cloud, bucket),
        cloud.s3.get_public_access_block().bucket(bucket).expected_bucket_owner(cloud.account()).send(),
    );
    let mut missing = Vec::new();
    if !versioned.map_err(|error| unusable(bucket, error))? {
        missing.push((
            "does not keep old versions of objects",
            format!("aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"),
        ));
    }
    if !encrypted.map_err(|error| unusable(bucket, error))? {
        missing.push((
            "has no default encryption",
            format!(
                "aws s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration \
                 '{{\"Rules\":[{{\"ApplyServerSideEncryptionByDefault\":{{\"SSEAlgorithm\":\"AES256\"}}}}]}}'"
            ),
        ));
    }
    if !missing.is_empty() {
        let (what, commands): (Vec<&str>, Vec<String>) = missing.into_iter().unzip();
        let error = CommandError::new(Exit::Usage, format!("the state's bucket {bucket} {}", what.join(" and ")));
        return Err(error.hint(format!("Nothing was changed. Type:\n  {}", commands.join("\n  "))));
    }
    let closed = match access.map_err(error("GetPublicAccessBlock")) {
        Ok(found) => found.public_access_block_configuration.is_some_and(|found| {
            [
                found.block_public_acls,
                found.ignore_public_acls,
                found.block_public_policy,
                found.restrict_public_buckets,
            ]
            .iter()
            .all(|set| *set == Some(true))
        }),
        Err(error) if error.class == Class::Absent => false,
        // It is only a warning, so the permission to ask is not required.
        Err(error) if error.class == Class::Denied => true,
        Err(error) => return Err(unusable(bucket, error)),
    };
    if closed {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "the state's bucket {bucket} does not block public access: aws s3api put-public-access-block --bucket {bucket} \
         --public-access-block-configuration \
         BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
    )])
}

fn unusable(bucket: &str, error: Error) -> CommandError {
    let (exit, hint) = match (error.class, error.code.as_deref()) {
        (Class::Absent, _) => (
            Exit::Usage,
            format!(
                "Nothing was changed. Name another bucket, or create it:\n  {CREATE} {bucket}\n  aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
            ),
        ),
        (_, Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")) => {
            (Exit::Usage, "Nothing was changed. The bucket is in another region; use one in us-east-1.".to_owned())
        }
        (Class::Denied | Class::Credentials, _) => (
            exit_of(error.class),
            "Nothing was changed. docs/deployment.md lists the rights that the state's bucket needs.".to_owned(),
        ),
        _ => (Exit::Failed, "Nothing was changed. Run the command again.".to_owned()),
    };
    let failed = CommandError { exit, error: error.into(), hint: Some(hint) };
    failed.context(format!("cannot use the bucket {bucket} for the state"))
}
