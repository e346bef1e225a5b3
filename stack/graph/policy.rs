//! The parts that policies are made of.

use serde_json::{Value, json};

use super::design::Design;

/// A policy document with these statements.
pub(super) fn document<S: Into<Vec<Value>>>(statements: S) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements.into() })
}

/// A trust policy that lets one service assume a role, on this account's behalf only (`docs/requirements.md`, R6).
pub(super) fn trust(design: &Design, service: &str) -> Value {
    trust_if(service, json!({ "StringEquals": { "aws:SourceAccount": design.account() } }))
}

/// A trust policy that lets one service assume a role under a condition.
pub(super) fn trust_if(service: &str, condition: Value) -> Value {
    document([json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
        "Condition": condition,
    })])
}

/// Allows `actions` on `resources`.
pub(super) fn allow(sid: &str, actions: &[&str], resources: impl Into<Value>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": one_or_many(actions), "Resource": resources.into() })
}

/// Allows the use of the key through one service only.
pub(super) fn via(sid: &str, actions: &[&str], key_arn: &str, service: &str) -> Value {
    let mut statement = allow(sid, actions, key_arn);
    statement["Condition"] = json!({ "StringEquals": { "kms:ViaService": endpoint(service) } });
    statement
}

/// A service as `kms:ViaService` names it.
pub(super) fn endpoint(service: &str) -> String {
    format!("{service}.us-east-1.amazonaws.com")
}

/// A single action is written without a list, as in all policies.
fn one_or_many(actions: &[&str]) -> Value {
    match actions {
        [one] => json!(one),
        many => json!(many),
    }
}

/// Denies everyone `action` without TLS (`docs/requirements.md`, R5).
pub(super) fn deny_without_tls(sid: &str, everyone: &Value, action: &str, resources: impl Into<Value>) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Deny",
        "Principal": everyone,
        "Action": action,
        "Resource": resources.into(),
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}
