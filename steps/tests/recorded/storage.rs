//! Buckets.

use payinfra_engine::{Class, LiveValue, Progress};
use serde_json::json;

use crate::answers::{Answer, answer, modelled};
use crate::{deleted, one, owned, shows};

const NAME: &str = "s3-archive-123456789012-prod";

fn tags() -> Answer {
    let tag = |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let ours = tag("payinfra:stack", "prod") + &tag("payinfra:address", "bucket.archive");
    answer("s3", "tags").with(&tag("tag1", "value1"), &ours)
}

fn listed() -> Answer {
    answer("s3", "buckets-by-prefix").with("{bucket-name-1}", NAME)
}

/// A bucket with all its settings, as the reads of them answer.
async fn bucket() -> LiveValue {
    let answers = [
        listed(),
        tags(),
        answer("s3", "encryption"),
        answer("s3", "versioning"),
        answer("s3", "lifecycle"),
        answer("s3", "public-access"),
        answer("s3", "ownership"),
        answer("s3", "policy").with("{bucket-name:1}", NAME),
        answer("s3", "logging").with("{target-bucket:1}", "s3-logs-123456789012-prod"),
    ];
    owned("bucket", answers).await.remove(0)
}

#[tokio::test]
async fn every_setting_of_a_bucket_reads_back() {
    let live = bucket().await;
    shows(
        &live,
        &json!({
            "versioning": true, "encryption": "aws:kms", "encryption_key": null, "bucket_key": true,
            "moves_small_objects": true, "public_access_blocked": false, "ownership": "BucketOwnerEnforced",
            "logging": {"bucket": "s3-logs-123456789012-prod", "prefix": "log"},
        }),
    );
    assert_eq!(live.spec["lifecycle"][0]["expire_after"], 7);
    let resources = json!([format!("arn:aws:s3:::{NAME}"), format!("arn:aws:s3:::{NAME}/*")]);
    assert_eq!(live.spec["policy"]["Statement"][0]["Resource"], resources);
}

#[tokio::test]
async fn a_setting_that_is_not_there_is_unset_and_a_bucket_that_is_not_there_is_left_out() {
    let unset = [
        tags(),
        modelled(404, "<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>"),
        answer("s3", "versioning"),
        answer("s3", "no-lifecycle"),
        answer("s3", "no-public-access-block"),
        answer("s3", "no-ownership"),
        answer("s3", "no-policy"),
        answer("s3", "logging"),
    ];
    let live = one("bucket", NAME, unset).await;
    shows(
        &live,
        &json!({"lifecycle": [], "moves_small_objects": false, "public_access_blocked": false,
        "ownership": "", "policy": null, "encryption": ""}),
    );
    let (untagged, absent) = (answer("s3", "no-tags"), answer("s3", "no-bucket"));
    assert!(owned("bucket", [listed(), untagged]).await.is_empty(), "one without tags is not ours");
    assert!(owned("bucket", [listed(), absent]).await.is_empty());
}

#[tokio::test]
async fn a_bucket_of_another_region_is_not_read() {
    let elsewhere = listed().with("<BucketRegion>us-east-1", "<BucketRegion>eu-west-1");
    assert!(owned("bucket", [elsewhere]).await.is_empty());
}

#[tokio::test]
async fn emptying_takes_versions_markers_and_uploads_and_a_version_that_is_gone_is_no_error() {
    let mut live = bucket().await;
    live.spec["logging"] = json!(null);
    live.spec["policy"] = json!({"Version": "2012-10-17", "Statement": [{"Sid": "BeingDeleted", "Effect": "Deny",
        "Principal": "*", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{NAME}/*")}]});
    for gone in [answer("s3", "deleted"), answer("s3", "unknown-version")] {
        let answers = [answer("s3", "versions"), gone, answer("s3", "no-uploads")];
        let (progress, sent) = deleted(&live, "bucket", answers).await;
        assert_eq!(progress, Ok(Progress::More), "{sent:#?}");
        for version in ["{version-id:1}", "{version-id:2}", "{version-id:3}"] {
            assert!(sent[1].has(version), "{version}");
        }
    }
    let none = modelled(200, "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>");
    let upload = answer("s3", "uploads");
    let gone = modelled(404, "<Error><Code>NoSuchUpload</Code></Error>");
    let (progress, sent) = deleted(&live, "bucket", [none.clone(), upload, gone]).await;
    assert_eq!(progress, Ok(Progress::More), "an upload that is aborted meanwhile is gone");
    assert!(sent[2].has("test-list-parts"));
    let (progress, _) = deleted(&live, "bucket", [none, answer("s3", "no-uploads"), answer("s3", "not-empty")]).await;
    assert_eq!(progress, Err(Class::InUse), "a late writer");
}

#[tokio::test]
async fn a_fresh_target_of_access_logs_is_waited_for() {
    let live = bucket().await;
    let (cloud, _) = crate::cloud([answer("s3", "target-absent")]);
    let address = payinfra_engine::Address::new("bucket", "archive");
    let cx = payinfra_engine::Context { cloud: &cloud, address: &address, token: "" };
    let refused = crate::kind("bucket").update(&cx, &live, &live.spec, &["logging"]).await;
    assert_eq!(refused.expect_err("it is refused").class, Class::NotYet);
}
