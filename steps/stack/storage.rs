//! The archive of events and the bucket of logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_engine::{Graph, Handle};
use serde_json::{Value, json};

use super::Design;
use crate::aws::Aws;
use crate::names::Kind;
use crate::security::Key;
use crate::storage::{Bucket, LifecycleRule, Logging};

/// The storage's resources.
#[derive(Clone, Copy)]
pub(super) struct Storage {
    pub archive: Handle<Bucket>,
    pub logs: Handle<Bucket>,
}

/// Where in the log bucket S3 writes its access logs.
const ACCESS_LOGS: &str = "s3-access/";

/// For how many days a log that was deleted or overwritten before its time can still be recovered.
const LOG_RECOVERY: i32 = 30;

pub(super) fn add(graph: &mut Graph<Aws>, design: &Arc<Design>, _key: Handle<Key>) -> Storage {
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
    Storage { archive, logs }
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

/// Lets the S3 logging service write, for the archive only. Its statement stands first: moto looks no further.
fn log_policy(design: &Design, name: &str) -> Value {
    let archive = design.names.of(Kind::Bucket, "archive");
    json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": "AccessLogs",
            "Effect": "Allow",
            "Principal": { "Service": "logging.s3.amazonaws.com" },
            "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{name}/{ACCESS_LOGS}*"),
            "Condition": {
                "ArnLike": { "aws:SourceArn": format!("arn:aws:s3:::{archive}") },
                "StringEquals": { "aws:SourceAccount": design.account() },
            },
        },
        tls_only(name),
    ] })
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
