//! Events in the archive.

use payinfra_aws::{error, unless};
use payinfra_engine::{Class, Error};

use payinfra_steps::Cloud;

/// One archived event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// How often it was written. An event is written once.
    pub versions: usize,
    /// How it is encrypted: `aws:kms`, `AES256`, or empty if it is not.
    pub encryption: String,
    /// Its text.
    pub body: String,
}

/// Reads an event from the archive; `None` if it does not exist. Needs `s3:GetObject`, `s3:ListBucket` (without it, S3
/// answers 403 instead of 404) and `s3:ListBucketVersions`.
///
/// # Errors
/// If S3 refuses or does not answer.
pub async fn archived(cloud: &Cloud, bucket: &str, key: &str) -> Result<Option<Archived>, Error> {
    let request = cloud.s3.get_object().bucket(bucket).expected_bucket_owner(cloud.account()).key(key);
    let Some(object) = unless(Class::Absent, request.send().await.map_err(error("GetObject")))? else {
        return Ok(None);
    };
    let encryption = object.server_side_encryption().map(|kind| kind.as_str().to_owned()).unwrap_or_default();
    let body = object.body.collect().await;
    let body = body.map_err(|error| Error::new(Class::NoAnswer, "GetObject", error.to_string()))?.into_bytes();
    let request = cloud.s3.list_object_versions().bucket(bucket).expected_bucket_owner(cloud.account()).prefix(key);
    let listed = request.send().await.map_err(error("ListObjectVersions"))?;
    Ok(Some(Archived {
        versions: listed.versions().iter().filter(|version| version.key() == Some(key)).count(),
        encryption,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}
