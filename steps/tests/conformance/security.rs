//! Fixtures of roles and the key.

use payinfra_engine::Class;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok, query_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![key(), role()]
}

fn key() -> Fixture {
    let aliases = ok(r#"{"Aliases": [{"AliasName": "alias/aws/rds", "TargetKeyId": "k-aws"},
        {"AliasName": "alias/kms-prod", "TargetKeyId": "k-1"}]}"#);
    let tags = |stack: &str| {
        ok(format!(
            r#"{{"Tags": [{{"TagKey": "payinfra:stack", "TagValue": "{stack}"}},
            {{"TagKey": "payinfra:address", "TagValue": "key.main"}},
            {{"TagKey": "payinfra:key-deletion-days", "TagValue": "7"}}]}}"#
        ))
    };
    Fixture {
        kind: "key",
        name: "main",
        id: "k-1",
        // A key of AWS is not read, and one that keeps us out is not ours.
        found: vec![
            aliases.clone(),
            ok(r#"{"Keys": [{"KeyId": "k-aws"}, {"KeyId": "k-1"}, {"KeyId": "k-2"}]}"#),
            tags("prod"),
            json_fault(400, "AccessDeniedException"),
            ok(r#"{"KeyMetadata": {"KeyId": "k-1", "Arn": "arn:k-1", "Enabled": true, "KeyState": "Enabled",
                "Description": "d"}}"#),
            ok(r#"{"Policy": "{\"Version\": \"2012-10-17\"}"}"#),
            ok(r#"{"KeyRotationEnabled": true, "RotationPeriodInDays": 365}"#),
        ],
        searched: &["ListKeys", "ListAliases"],
        shows: json!({
            "spec": {"alias": "alias/kms-prod", "description": "d", "policy": {"Version": "2012-10-17"},
                "enabled": true, "rotation": true, "rotation_days": 365, "deletion_days": 7},
            "status": {"is": "ready"},
        }),
        others: None,
        absent: ("k-3", vec![aliases, json_fault(400, "NotFoundException")], &[r#""KeyId":"k-3""#]),
        refused: (
            vec![json_fault(400, "LimitExceededException")],
            Class::Quota,
            &[r#""TagKey":"payinfra:stack""#, "2012-10-17", "payinfra:key-deletion-days"],
        ),
        deleted: (vec![json_fault(400, "NotFoundException")], Err(Class::Absent)),
    }
}

fn role() -> Fixture {
    let role = |element: &str| {
        let tags = tags::query("member", "role.flow_logs");
        format!(
            "<{element}><Path>/payinfra/prod/</Path><RoleName>role-flow-logs-prod</RoleName><RoleId>AROA1</RoleId>
            <Arn>arn:aws:iam::123456789012:role/payinfra/prod/role-flow-logs-prod</Arn>
            <CreateDate>2026-01-01T00:00:00Z</CreateDate>
            <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument>
            <Description>d</Description><Tags>{tags}</Tags></{element}>"
        )
    };
    let answer = |operation: &str, body: &str| {
        ok(format!("<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"))
    };
    Fixture {
        kind: "role",
        name: "flow_logs",
        id: "role-flow-logs-prod",
        found: vec![
            answer("ListRoles", &format!("<Roles>{}</Roles>", role("member"))),
            answer("GetRole", &role("Role")),
            answer("ListRolePolicies", "<PolicyNames/>"),
            answer("ListAttachedRolePolicies", "<AttachedPolicies/>"),
        ],
        searched: &["PathPrefix=/payinfra/prod/"],
        shows: json!({
            "spec": {"name": "role-flow-logs-prod", "path": "/payinfra/prod/", "description": "d",
                "trust": {"Version": "2012-10-17"}, "policies": {}},
            "outputs": {"id": "AROA1"},
        }),
        others: None,
        absent: ("role-x-prod", vec![query_fault(404, "NoSuchEntity"); 3], &["RoleName=role-x-prod"]),
        refused: (
            vec![query_fault(409, "EntityAlreadyExists")],
            Class::Exists,
            &["Tags.member.2.Key=payinfra:stack", "Path=/payinfra/prod/"],
        ),
        deleted: (vec![query_fault(404, "NoSuchEntity")], Err(Class::Absent)),
    }
}
