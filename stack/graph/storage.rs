//! The archive of events, the bucket of logs and the audit trail.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use serde_json::{Value, json};

use super::Design;
use payinfra_steps::Cloud;
use payinfra_steps::security::Key;
use payinfra_steps::storage::{Bucket, LifecycleRule, Logging, Trail};

/// The storage's resources.
#[derive(Clone, Copy)]
pub(super) struct Storage {
    pub archive: Handle<Bucket>,
}

/// Where in the log bucket S3 writes its access logs.
const ACCESS_LOGS: &str = "s3-access/";

/// Where in the log bucket CloudTrail writes.
const TRAIL_LOGS: &str = "cloudtrail";

/// For how many days a log that was deleted or overwritten before its time can still be recovered.
const LOG_RECOVERY: i32 = 30;

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Storage {
    let logs = {
        let design = Arc::clone(design);
        graph.add("logs", move |scope| {
            let name = design.names.of(Kind::Bucket, "logs");
            Bucket {
                // Access logs are delivered into buckets with keys of S3 only (fact sheet §1.4).
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
                policy: log_policy(&design, &name),
                tags: design.tags(scope, &name),
                ..private(name)
            }
        })
    };
    let archive = {
        let design = Arc::clone(design);
        graph.add("archive", move |scope| {
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
                // An event is far smaller than what S3 moves by itself.
                moves_small_objects: true,
                policy: json!({ "Version": "2012-10-17", "Statement": [tls_only(&name)] }),
                // The log bucket must let S3 write before it can be named here.
                logging: Some(Logging {
                    bucket: scope.ready(logs, |logs| logs.name.clone()),
                    prefix: ACCESS_LOGS.to_owned(),
                }),
                tags: design.tags(scope, &name),
                ..private(name)
            }
        })
    };
    if design.settings.trail {
        trail(graph, design, key, logs);
    }
    Storage { archive }
}

/// Records what is done in the account, and every access to the archive and the sessions.
fn trail(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, logs: Handle<Bucket>) {
    let design = Arc::clone(design);
    graph.add("main", move |scope| {
        let name = design.names.only(Kind::Trail);
        let table = format!("table/{}", design.names.of(Kind::Table, "sessions"));
        let archive = format!("arn:aws:s3:::{}/", design.names.of(Kind::Bucket, "archive"));
        Trail {
            // Its policy lets CloudTrail write.
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
                ("AWS::DynamoDB::Table".to_owned(), vec![design.arn("dynamodb", &table)]),
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

/// Lets the S3 logging service write for the archive, and CloudTrail for the trail. S3's statement stands first: moto
/// looks no further.
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
        let trail = design.arn("cloudtrail", &format!("trail/{}", design.names.only(Kind::Trail)));
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
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Refuses every request without TLS.
fn tls_only(name: &str) -> Value {
    json!({
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

fn days(days: u32) -> i32 {
    days.try_into().unwrap_or(i32::MAX)
}
