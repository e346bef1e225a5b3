//! Every refusal that is recorded of an operation that payinfra calls, with the class that it must have.

use std::collections::BTreeSet;

use payinfra_engine::Class;

use super::class_of;

/// One refusal for each line: class, operation, status, code, text, and where it is recorded.
const RECORDED: &str = include_str!("recorded.tsv");

#[test]
fn recorded_refusals_have_their_class() {
    let (mut count, mut wrong, mut classes) = (0, Vec::new(), BTreeSet::new());
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let [expected, operation, status, code, text, _] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("six columns: {line}");
        };
        let (_, operation) = operation.split_once(':').expect("a service and an operation");
        let class = class_of(operation, Some(code), Some(text), status.parse().expect("a status"));
        if format!("{class:?}") != expected {
            wrong.push(format!("{operation} {code} {text:?} is {class:?}, not {expected}"));
        }
        classes.insert(expected);
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 250 && classes.len() >= 8, "{count} {classes:?}");
}

#[test]
fn a_key_that_cloudwatch_logs_may_not_use_yet_is_waited_for() {
    // terraform-provider-aws#8042 and #24194 of hashicorp/terraform, and since 2024 #29282: a code of permissions.
    for (code, text) in [
        ("InvalidParameterException", "The specified KMS Key Id could not be found."),
        (
            "InvalidParameterException",
            "The specified KMS key does not exist or is not allowed to be used with LogGroup 'a'",
        ),
        ("AccessDeniedException", "The specified KMS key does not exist or is not allowed to be used with Arn 'a'"),
    ] {
        for operation in ["CreateLogGroup", "AssociateKmsKey"] {
            assert_eq!(class_of(operation, Some(code), Some(text), 400), Class::NotYet, "{operation} {text}");
        }
    }
    let denied = "User: a is not authorized to perform: logs:CreateLogGroup on resource: b";
    assert_eq!(class_of("CreateLogGroup", Some("AccessDeniedException"), Some(denied), 400), Class::Denied);
}
