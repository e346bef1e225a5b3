//! Fixtures of functions, their aliases and permissions.

use payinfra_engine::Class;
use payinfra_steps::functions::{Architecture, Artifacts, FunctionName, PackageCache};
use serde_json::json;

use crate::fixture::{Fixture, ok, rest_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![function(), function_alias(), permission()]
}

const LISTED: &str = r#"{"Functions": [{"FunctionName": "lambda-notifications-prod"}, {"FunctionName": "other"}]}"#;

/// The code of the functions: the smallest programs that pass for one.
pub fn artifacts() -> Artifacts {
    let mut program = vec![0; 64];
    program[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (program[16], program[18], program[20], program[24]) = (2, 62, 1, 1);
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["payment-validation", "transaction-processing", "notifications"] {
        std::fs::write(folder.path().join(name), &program).expect("it can be written");
    }
    Artifacts::load(folder.path(), Architecture::X86_64, &PackageCache::default()).expect("they are programs")
}

fn found(configuration: &str) -> (u16, String) {
    let tags = tags::map("function.notifications");
    ok(format!(
        r#"{{"Configuration": {{"FunctionName": "lambda-notifications-prod"{configuration}}},
        "Concurrency": {{"ReservedConcurrentExecutions": 50}}, "Tags": {tags}}}"#
    ))
}

fn gone() -> (u16, String) {
    rest_fault(404, "ResourceNotFoundException", "Function not found")
}

fn function() -> Fixture {
    let code = artifacts().sha256(FunctionName::Notifications);
    let configuration = format!(
        r#", "State": "Active", "FunctionArn": "arn:f", "CodeSha256": "{code}", "LastUpdateStatus": "InProgress",
        "MemorySize": 256, "Timeout": 10, "Architectures": ["x86_64"], "Role": "arn:role",
        "VpcConfig": {{"SubnetIds": ["subnet-b", "subnet-a"], "SecurityGroupIds": ["sg-1"]}},
        "LoggingConfig": {{"LogGroup": "/aws/lambda/lambda-notifications-prod"}}, "TracingConfig": {{"Mode": "Active"}}"#
    );
    Fixture {
        kind: "function",
        name: "notifications",
        id: "lambda-notifications-prod",
        // A function with another name is not read.
        found: vec![ok(LISTED), found(&configuration)],
        searched: &["/functions"],
        shows: json!({
            "spec": {"name": "lambda-notifications-prod", "code_sha256": code, "memory_mb": 256,
                "subnet_ids": ["subnet-a", "subnet-b"], "reserved_concurrency": 50, "changes_taken_over": true},
            "outputs": {"arn": "arn:f"},
            "status": {"is": "pending", "says": "update in progress"},
        }),
        others: None,
        absent: ("gone", vec![gone()], &["/functions/gone"]),
        refused: (
            vec![rest_fault(409, "ResourceConflictException", "Function already exist: lambda-notifications-prod")],
            Class::Exists,
            &[r#""payinfra:stack":"prod""#, r#""ZipFile""#, r#""MemorySize":256"#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn function_alias() -> Fixture {
    Fixture {
        kind: "function_alias",
        name: "notifications",
        id: "lambda-notifications-prod",
        found: vec![
            ok(LISTED),
            found(""),
            ok(r#"{"AliasArn": "arn:f:live", "FunctionVersion": "3", "Description": "keeps 5 versions"}"#),
            ok(r#"{"Versions": [{"Version": "$LATEST", "CodeSha256": "new="},
                {"Version": "2", "CodeSha256": "old="}, {"Version": "3", "CodeSha256": "live="}]}"#),
            ok(r#"{"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}"#),
        ],
        searched: &["/aliases/live"],
        shows: json!({
            "spec": {"function": "lambda-notifications-prod", "code_sha256": "live=", "versions_kept": 5},
            "outputs": {"arn": "arn:f:live", "version": "3"},
        }),
        others: None,
        absent: ("gone", vec![gone()], &["/functions/gone"]),
        refused: (
            vec![ok(r#"{"Version": "4"}"#), rest_fault(409, "ResourceConflictException", "Alias already exists: live")],
            Class::Exists,
            &["/aliases", r#""FunctionVersion":"4""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn permission() -> Fixture {
    let conditions = json!({"ArnLike": {"AWS:SourceArn": "arn:topic"}, "StringEquals": {"AWS:SourceAccount": "1"}});
    let policy = json!({"Statement": [
        {"Sid": "payinfra-payment_events", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": conditions},
        {"Sid": "somebody-elses", "Principal": {"Service": "events.amazonaws.com"}},
    ]});
    Fixture {
        kind: "permission",
        name: "payment_events",
        id: "lambda-notifications-prod/payinfra-payment_events",
        found: vec![ok(LISTED), found(""), ok(json!({"Policy": policy.to_string()}).to_string())],
        searched: &["/policy", "Qualifier=live"],
        shows: json!({"spec": {"function": "lambda-notifications-prod", "statement": "payinfra-payment_events",
            "principal": "sns.amazonaws.com", "source_arn": "arn:topic", "source_account": "1"}}),
        others: None,
        absent: ("lambda-notifications-prod/payinfra-x", vec![found(""), gone()], &["/policy"]),
        refused: (
            // A conflict is followed by a look at the policy, which the kind tests itself.
            vec![rest_fault(429, "TooManyRequestsException", "Rate Exceeded.")],
            Class::Throttled,
            &["Qualifier=live", r#""SourceAccount":"1""#, r#""SourceArn":"arn:topic""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}
