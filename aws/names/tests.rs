#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use super::*;

const ACCOUNT_ID: &str = "123456789012";

fn names(suffix: &str) -> Names {
    Names::new(Suffix::parse(suffix).unwrap(), ACCOUNT_ID)
}

#[test]
fn names_follow_the_rule() {
    let prod = names("prod");
    assert_eq!(prod.only(Kind::Vpc), "vpc-prod");
    assert_eq!(prod.of(Kind::Subnet, "private-a"), "subnet-private-a-prod");
    assert_eq!(prod.of(Kind::Function, "payment-validation"), "lambda-payment-validation-prod");
    assert_eq!(prod.of(Kind::Alarm, "api-5xx"), "alarm-api-5xx-prod");
    assert_eq!(prod.of(Kind::Bucket, "archive"), "s3-archive-123456789012-prod");
    assert_eq!(prod.parameter("features/refunds-enabled"), "/payments/prod/features/refunds-enabled");
    assert_eq!(prod.key_alias(), "alias/kms-prod");
    assert_eq!(prod.function_log_group("notifications"), "/aws/lambda/lambda-notifications-prod");
}

#[test]
fn every_kind_is_listed_once() {
    let listed: std::collections::HashSet<Kind> = Kind::ALL.into_iter().collect();
    assert_eq!(listed.len(), Kind::ALL.len());
}

#[test]
fn names_are_recognized_as_they_are_built() {
    let prod = names("prod");
    for kind in Kind::ALL {
        assert_eq!(prod.role_of(kind, &prod.of(kind, "payment-validation")), Some("payment-validation"), "{kind:?}");
        assert_eq!(prod.role_of(kind, &prod.only(kind)), None, "{kind:?}");
        assert!(prod.is_ours(kind, &prod.only(kind)) && prod.is_ours(kind, &prod.of(kind, "x")), "{kind:?}");
        let test = names("test");
        assert!(!test.is_ours(kind, &prod.only(kind)) && !test.is_ours(kind, &prod.of(kind, "x")), "{kind:?}");
        assert!(!prod.is_ours(kind, &format!("other-{}", prod.only(kind))), "{kind:?}");
    }
    let elsewhere = Names::new(Suffix::parse("prod").unwrap(), "210987654321");
    assert!(!elsewhere.is_ours(Kind::Bucket, &prod.of(Kind::Bucket, "archive")), "another account's bucket");
    for group in [prod.function_log_group("x"), prod.database_log_group(), prod.proxy_log_group()] {
        assert!(prod.is_our_log_group(&group) && !names("test").is_our_log_group(&group), "{group}");
        assert!(group.contains(&prod.log_group_pattern()), "{group}");
    }
}

#[test]
fn arns_name_account_and_region() {
    let prod = names("prod");
    assert_eq!(prod.arn("sqs", &prod.only(Kind::Queue)), "arn:aws:sqs:us-east-1:123456789012:sqs-prod");
    assert_eq!(prod.role_arn("api-logs"), "arn:aws:iam::123456789012:role/payinfra/prod/role-api-logs-prod");
    assert_eq!(bucket_arn("b"), "arn:aws:s3:::b");
}

#[test]
fn good_suffixes_are_taken() {
    for good in ["a", "prod", "eu-1", "a1-b2-c3", "abcdefghijklmnop"] {
        assert_eq!(Suffix::parse(good).unwrap().as_str(), good);
    }
}

#[test]
fn bad_suffixes_are_refused_with_the_reason() {
    for (bad, reason) in [
        ("", "empty"),
        ("Prod", "'P'"),
        ("1prod", "does not begin with a letter"),
        ("-prod", "does not begin with a letter"),
        ("prod-", "hyphen at the end"),
        ("pr--od", "two in a row"),
        ("pr_od", "'_'"),
        ("pröd", "'ö'"),
        ("pro d", "' '"),
        ("prod\n", "'\\n'"),
        ("abcdefghijklmnopq", "17 characters"),
        ("s3alias", "S3 keeps for itself"),
        ("eu-s3alias", "S3 keeps for itself"),
    ] {
        let message = Suffix::parse(bad).unwrap_err().to_string();
        assert!(message.contains(reason), "{bad:?}: {message}");
        assert!(message.contains(Suffix::ALLOWED), "{message}");
    }
}

/// Every string up to four characters over an alphabet that has one of each class, and each padded
/// to the longest length: the parser agrees with the rule written a second way.
#[test]
fn the_parser_is_the_rule_for_every_short_string() {
    let alphabet = ['a', 'z', '0', '-', 'A', '_', 'é', '.'];
    let mut strings = vec![String::new()];
    let mut from = 0;
    for _ in 0..4 {
        let upto = strings.len();
        for index in from..upto {
            for letter in alphabet {
                strings.push(format!("{}{letter}", strings[index]));
            }
        }
        from = upto;
    }
    let mut taken = 0;
    for short in strings {
        for text in [short.clone(), format!("{short:m<16}"), format!("m{short:m>15}"), format!("m{short:m>16}")] {
            let parts: Vec<&str> = text.split('-').collect();
            let rule = text.len() <= 16
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && parts
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            assert_eq!(Suffix::parse(&text).is_ok(), rule, "{text:?}");
            taken += usize::from(rule);
        }
    }
    assert!(taken > 500, "only {taken} were taken");
}

#[test]
fn the_longest_suffix_and_role_fit_every_kind() {
    let longest = names("abcdefghijklmnop");
    for kind in Kind::ALL {
        assert!(kind.role_room() >= 30, "{kind:?} leaves {} for the role", kind.role_room());
        let name = longest.of(kind, &"r".repeat(kind.role_room()));
        assert_eq!(name.len(), kind.longest(), "{kind:?}");
        assert_eq!(kind.objection(&name), None);
        assert!(kind.objection(&format!("{name}x")).is_some());
    }
    // DescribeParameters: a name with its path and ARN is at most 1011 characters.
    assert!(longest.parameter(&"p".repeat(64)).len() < 1011 - "arn:aws:ssm:us-east-1:123456789012:parameter".len());
}

#[test]
fn what_aws_keeps_for_itself_begins_no_name() {
    let prod = names("prod");
    assert!(!prod.only(Kind::SecurityGroup).starts_with("sg-"));
    for reserved in ["xn--", "sthree-", "amzn-s3-demo-"] {
        assert!(!prod.of(Kind::Bucket, "archive").starts_with(reserved));
    }
    assert!(!prod.key_alias().starts_with("alias/aws/"));
    for reserved in ["/aws", "/ssm"] {
        assert!(!prod.parameter("x").starts_with(reserved));
    }
}

/// Stacks whose suffixes contain one another share no name and no parameter path.
#[test]
fn two_stacks_share_no_name() {
    let suffixes = ["a", "b", "a-a", "a-b", "b-a", "prod", "prod-eu", "eu", "eu-prod", "eu-prod-eu"];
    let mut seen = BTreeSet::new();
    for suffix in suffixes {
        let stack = names(suffix);
        for kind in Kind::ALL {
            for name in [stack.only(kind), stack.of(kind, "archive"), stack.of(kind, "payment-validation")] {
                assert!(seen.insert((format!("{kind:?}"), name.clone())), "{name} stands twice");
            }
        }
        for other in suffixes.iter().filter(|other| **other != suffix) {
            assert!(!names(other).parameter("x").starts_with(&stack.parameter_root()), "{suffix} contains {other}");
        }
    }
}
