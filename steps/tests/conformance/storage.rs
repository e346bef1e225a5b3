//! Fixtures of buckets and the trail.

use payinfra_engine::Class;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![bucket(), trail()]
}

fn s3_fault(status: u16, code: &str) -> (u16, String) {
    (status, format!("<Error><Code>{code}</Code></Error>"))
}

fn bucket() -> Fixture {
    let tags = tags::query("Tag", "bucket.archive");
    Fixture {
        kind: "bucket",
        name: "archive",
        id: "s3-archive-123456789012-prod",
        // Another stack's bucket is not asked for its tags.
        found: vec![
            ok("<ListAllMyBucketsResult><Buckets><Bucket><Name>s3-archive-123456789012-prod</Name></Bucket>
                <Bucket><Name>s3-archive-123456789012-other-prod</Name></Bucket></Buckets></ListAllMyBucketsResult>"),
            ok(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")),
            s3_fault(404, "ServerSideEncryptionConfigurationNotFoundError"),
            ok("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
            s3_fault(404, "NoSuchLifecycleConfiguration"),
            s3_fault(404, "NoSuchPublicAccessBlockConfiguration"),
            s3_fault(404, "OwnershipControlsNotFoundError"),
            s3_fault(404, "NoSuchBucketPolicy"),
            ok("<BucketLoggingStatus/>"),
        ],
        searched: &["prefix=s3-"],
        shows: json!({
            "spec": {"name": "s3-archive-123456789012-prod", "versioning": true, "lifecycle": [], "policy": null,
                "public_access_blocked": false, "logging": null},
            "outputs": {"arn": "arn:aws:s3:::s3-archive-123456789012-prod"},
        }),
        others: None,
        absent: ("s3-archive-123456789012-prod", vec![s3_fault(404, "NoSuchBucket")], &["tagging"]),
        refused: (
            vec![s3_fault(404, "NoSuchBucket"), s3_fault(409, "BucketAlreadyExists")],
            Class::Exists,
            &["<Tag><Key>payinfra:stack</Key><Value>prod</Value></Tag>"],
        ),
        deleted: (vec![s3_fault(404, "NoSuchBucket")], Err(Class::Absent)),
    }
}

fn trail() -> Fixture {
    let trails = ok(r#"{"trailList":[{"Name":"trail-prod",
        "TrailARN":"arn:aws:cloudtrail:us-east-1:123456789012:trail/trail-prod",
        "S3BucketName":"logs","S3KeyPrefix":"cloudtrail","IsMultiRegionTrail":true,"IncludeGlobalServiceEvents":true,
        "LogFileValidationEnabled":true,"CloudWatchLogsLogGroupArn":"arn:group:*","CloudWatchLogsRoleArn":"arn:role"},
        {"Name":"trail-of-others"}]}"#);
    let tags = tags::list("trail.main");
    Fixture {
        kind: "trail",
        name: "main",
        id: "trail-prod",
        // The trails of others are not read.
        found: vec![
            trails.clone(),
            ok(format!(r#"{{"ResourceTagList":[{{"TagsList":{tags}}}]}}"#)),
            ok(r#"{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[
                {"Type":"AWS::S3::Object","Values":["arn:aws:s3:::archive/"]}]}]}"#),
            ok(r#"{"IsLogging":true}"#),
        ],
        searched: &["DescribeTrails"],
        shows: json!({"spec": {"name": "trail-prod", "bucket": "logs", "prefix": "cloudtrail", "key_arn": "",
            "log_group_arn": "arn:group", "log_role_arn": "arn:role", "multi_region": true, "global_services": true,
            "validation": true, "management_events": true,
            "data_events": {"AWS::S3::Object": ["arn:aws:s3:::archive/"]}, "logging": true}}),
        others: None,
        absent: ("trail-dev", vec![trails], &[]),
        // The bucket's policy does not show yet.
        refused: (
            vec![json_fault(400, "InsufficientS3BucketPolicyException")],
            Class::NotYet,
            &[r#"{"Key":"payinfra:stack","Value":"prod"}"#, r#""EnableLogFileValidation":true"#],
        ),
        deleted: (vec![json_fault(400, "TrailNotFoundException")], Err(Class::Absent)),
    }
}
