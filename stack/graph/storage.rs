//! The archive of events, the bucket of logs and the audit trail.

use std::collections::BTreeMap;

use payinfra_aws::names::Kind;
use payinfra_engine::Handle;
use payinfra_steps::storage::{Bucket, LifecycleRule, Logging, Trail};
use serde_json::{Value, json};

use super::blueprint::Blueprint;
use super::design::Design;
use super::policy::{deny_without_tls, document};

/// The prefix in the log bucket under which S3 writes its access logs.
const ACCESS_LOGS: &str = "s3-access/";

/// The prefix in the log bucket under which CloudTrail writes.
const TRAIL_LOGS: &str = "cloudtrail";

/// Days for which a log that was deleted or overwritten too early can still be recovered.
const LOG_RECOVERY: i32 = 30;

/// Adds both buckets and the trail; returns the archive.
pub(super) fn add(stack: &mut Blueprint) -> Handle<Bucket> {
    let logs = stack.add("logs", |design, scope| {
        let name = design.names.of(Kind::Bucket, "logs");
        Bucket {
            // S3 delivers access logs only to buckets with SSE-S3 (`docs/aws-behaviour.md`, S3: access logs).
            encryption: "AES256".to_owned(),
            bucket_key: false,
            lifecycle: vec![
                LifecycleRule {
                    abort_uploads_after: Some(days(design.settings.archive.abort_uploads_after_days)),
                    expire_after: Some(days(design.settings.archive.log_expiry_days)),
                    noncurrent_expire_after: Some(LOG_RECOVERY),
                    ..rule("expiry")
                },
                LifecycleRule { remove_delete_markers: true, ..rule("markers") },
            ],
            policy: log_policy(design, &name),
            tags: design.tags(scope, &name),
            ..private(name)
        }
    });
    let archive = stack.add("archive", move |design, scope| {
        let name = design.names.of(Kind::Bucket, "archive");
        let settings = &design.settings.archive;
        let glacier = BTreeMap::from([("GLACIER".to_owned(), days(settings.glacier_after_days))]);
        Bucket {
            encryption: "aws:kms".to_owned(),
            bucket_key: true,
            lifecycle: vec![LifecycleRule {
                transitions: glacier.clone(),
                noncurrent_transitions: glacier,
                noncurrent_expire_after: settings.noncurrent_expiry_days.map(days),
                remove_delete_markers: settings.noncurrent_expiry_days.is_some(),
                abort_uploads_after: Some(days(settings.abort_uploads_after_days)),
                ..rule("archive")
            }],
            // By default S3 moves only objects that are far larger than an event.
            moves_small_objects: true,
            policy: document([tls_only(&name)]),
            // Ready, because the log bucket must let S3 write before it can be named here.
            logging: Some(Logging {
                bucket: scope.ready(logs, |logs| logs.name.clone()),
                prefix: ACCESS_LOGS.to_owned(),
            }),
            tags: design.tags(scope, &name),
            ..private(name)
        }
    });
    if stack.design().settings.trail {
        trail(stack, logs);
    }
    archive
}

/// Records what is done in the account, and every access to the archive and the sessions.
fn trail(stack: &mut Blueprint, logs: Handle<Bucket>) {
    let key = stack.key;
    stack.add("main", move |design, scope| {
        let name = design.names.only(Kind::Trail);
        let table = format!("table/{}", design.names.of(Kind::Table, "sessions"));
        let archive = format!("arn:aws:s3:::{}/", design.names.of(Kind::Bucket, "archive"));
        Trail {
            // Ready, because the bucket's policy lets CloudTrail write.
            bucket: scope.ready(logs, |logs| logs.name.clone()),
            prefix: TRAIL_LOGS.to_owned(),
            key_arn: scope.ready(key, |key| key.arn.clone()),
            log_group_arn: String::new(),
            log_role_arn: String::new(),
            multi_region: true,
            global_services: true,
            validation: true,
            management_events: true,
            data_events: BTreeMap::from([
                ("AWS::DynamoDB::Table".to_owned(), vec![design.names.arn("dynamodb", &table)]),
                ("AWS::S3::Object".to_owned(), vec![archive]),
            ]),
            logging: true,
            tags: design.tags(scope, &name),
            name,
        }
    });
}

/// What both buckets have in common.
fn private(name: String) -> Bucket {
    Bucket {
        name,
        versioning: true,
        encryption: String::new(),
        encryption_key: None,
        bucket_key: false,
        customer_keys_blocked: true,
        lifecycle: Vec::new(),
        moves_small_objects: false,
        public_access_blocked: true,
        ownership: "BucketOwnerEnforced".to_owned(),
        policy: Value::Null,
        logging: None,
        tags: BTreeMap::new(),
    }
}

fn rule(id: &str) -> LifecycleRule {
    LifecycleRule { id: id.to_owned(), enabled: true, ..LifecycleRule::default() }
}

/// Lets the S3 logging service write for the archive, and CloudTrail for the trail. S3's statement is the first one
/// because moto reads only that.
fn log_policy(design: &Design, name: &str) -> Value {
    let archive = design.names.of(Kind::Bucket, "archive");
    let mut statements = vec![json!({
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": { "Service": "logging.s3.amazonaws.com" },
        "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{name}/{ACCESS_LOGS}*"),
        "Condition": {
            "ArnLike": { "aws:SourceArn": format!("arn:aws:s3:::{archive}") },
            "StringEquals": { "aws:SourceAccount": design.account() },
        },
    })];
    if design.settings.trail {
        let trail = design.names.arn("cloudtrail", &format!("trail/{}", design.names.only(Kind::Trail)));
        let principal = json!({ "Service": "cloudtrail.amazonaws.com" });
        statements.push(json!({
            "Sid": "TrailLooks",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:GetBucketAcl",
            "Resource": format!("arn:aws:s3:::{name}"),
            "Condition": { "StringEquals": { "aws:SourceArn": trail } },
        }));
        statements.push(json!({
            "Sid": "TrailWrites",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{name}/{TRAIL_LOGS}/AWSLogs/{}/*", design.account()),
            "Condition": {
                "StringEquals": { "aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control" },
            },
        }));
    }
    statements.push(tls_only(name));
    document(statements)
}

fn tls_only(name: &str) -> Value {
    let resources = vec![format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*")];
    deny_without_tls("TlsOnly", &json!("*"), "s3:*", resources)
}

fn days(days: u32) -> i32 {
    days.try_into().unwrap_or(i32::MAX)
}
