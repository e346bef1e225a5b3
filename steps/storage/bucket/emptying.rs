//! Empties a bucket of everything: objects, their versions, delete markers, unfinished uploads.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use payinfra_aws::{error, refused};
use payinfra_engine::{Class, Error};

use crate::Cloud;

/// How many thousands one step removes.
const PAGES: usize = 10;

/// How many unfinished uploads are aborted at once; each takes a call.
const ABORTS: usize = 32;

/// Removes the next ten thousand objects and thousand uploads; false where there was nothing left.
pub(super) async fn step(cloud: &Cloud, bucket: &str) -> Result<bool, Error> {
    let (objects, uploads) = try_join(remove(cloud, bucket), abort(cloud, bucket)).await?;
    Ok(objects || uploads)
}

async fn remove(cloud: &Cloud, bucket: &str) -> Result<bool, Error> {
    let pages = versions(cloud, bucket).await?;
    let found = !pages.is_empty();
    stream::iter(pages)
        .map(|page| async move {
            let invalid = |error: aws_sdk_s3::error::BuildError| invalid("DeleteObjects", error);
            let delete = Delete::builder().quiet(true).set_objects(Some(page)).build().map_err(invalid)?;
            let request =
                cloud.s3.delete_objects().bucket(bucket).expected_bucket_owner(cloud.account()).delete(delete);
            let answer = request.send().await.map_err(error("DeleteObjects"))?;
            let refusals = answer.errors().iter().map(|item| refused("DeleteObjects", item.code(), item.message()));
            // A version that is gone meanwhile is what was wanted.
            refusals.into_iter().find(|refusal| refusal.class != Class::Absent).map_or(Ok(()), Err)
        })
        .buffer_unordered(PAGES)
        .try_collect::<()>()
        .await?;
    Ok(found)
}

/// Versions and delete markers, by the thousand that one call deletes.
async fn versions(cloud: &Cloud, bucket: &str) -> Result<Vec<Vec<ObjectIdentifier>>, Error> {
    let mut pages = Vec::new();
    let (mut key, mut version) = (None, None);
    for _ in 0..PAGES {
        let request = cloud
            .s3
            .list_object_versions()
            .bucket(bucket)
            .expected_bucket_owner(cloud.account())
            .set_key_marker(key)
            .set_version_id_marker(version);
        let page = request.send().await.map_err(error("ListObjectVersions"))?;
        let objects = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let identifiers: Vec<_> = objects
            .chain(markers)
            .map(|(key, version)| {
                let identifier = ObjectIdentifier::builder().key(key.unwrap_or_default());
                identifier.set_version_id(version.map(ToOwned::to_owned)).build()
            })
            .collect::<Result<_, _>>()
            .map_err(|error| invalid("ListObjectVersions", error))?;
        if !identifiers.is_empty() {
            pages.push(identifiers);
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, version) =
            (page.next_key_marker().map(ToOwned::to_owned), page.next_version_id_marker().map(ToOwned::to_owned));
    }
    Ok(pages)
}

async fn abort(cloud: &Cloud, bucket: &str) -> Result<bool, Error> {
    let request = cloud.s3.list_multipart_uploads().bucket(bucket).expected_bucket_owner(cloud.account());
    let answer = request.send().await.map_err(error("ListMultipartUploads"))?;
    stream::iter(answer.uploads().to_vec())
        .map(|upload| async move {
            let request = cloud.s3.abort_multipart_upload().bucket(bucket).expected_bucket_owner(cloud.account());
            let request = request.set_key(upload.key().map(ToOwned::to_owned));
            let request = request.set_upload_id(upload.upload_id().map(ToOwned::to_owned));
            match request.send().await.map_err(error("AbortMultipartUpload")) {
                Err(error) if error.class != Class::Absent => Err(error),
                _ => Ok(()),
            }
        })
        .buffer_unordered(ABORTS)
        .try_collect::<()>()
        .await?;
    Ok(!answer.uploads().is_empty())
}

fn invalid(operation: &'static str, error: aws_sdk_s3::error::BuildError) -> Error {
    Error::new(Class::Invalid, operation, error.to_string())
}
