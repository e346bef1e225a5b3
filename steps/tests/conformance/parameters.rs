//! Fixtures of parameters.

use payinfra_engine::Class;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![parameter(), secret_parameter()]
}

fn tag_list(address: &str) -> (u16, String) {
    ok(format!(r#"{{"TagList":{}}}"#, tags::list(address)))
}

fn parameter() -> Fixture {
    let listed = ok(r#"{"Parameters":[{"Name":"/payments/prod/database/port","Type":"String","Value":"5432"},
        {"Name":"/payments/prod/secrets/key","Type":"SecureString","Value":"cipher"}]}"#);
    Fixture {
        kind: "parameter",
        name: "database_port",
        id: "/payments/prod/database/port",
        // Secret parameters are another kind.
        found: vec![listed.clone(), tag_list("parameter.database_port")],
        searched: &[r#""Path":"/payments/prod/""#],
        shows: json!({"spec": {"name": "/payments/prod/database/port", "value": "5432"}}),
        others: None,
        absent: ("/payments/prod/other", vec![listed], &[]),
        refused: (
            vec![json_fault(400, "ParameterAlreadyExists")],
            Class::Exists,
            &[r#"{"Key":"payinfra:stack","Value":"prod"}"#, r#""Overwrite":false"#],
        ),
        deleted: (vec![json_fault(400, "ParameterNotFound")], Err(Class::Absent)),
    }
}

fn secret_parameter() -> Fixture {
    let listed = ok(r#"{"Parameters":[{"Name":"/payments/prod/secrets/key","Type":"SecureString","KeyId":"arn:key",
        "Description":"d"}]}"#);
    Fixture {
        kind: "secret_parameter",
        name: "key",
        id: "/payments/prod/secrets/key",
        found: vec![listed.clone(), tag_list("secret_parameter.key")],
        searched: &["DescribeParameters"],
        shows: json!({"spec": {"name": "/payments/prod/secrets/key", "description": "d", "key_arn": "arn:key"}}),
        others: None,
        absent: ("/payments/prod/other", vec![listed], &[]),
        // The key is not known everywhere yet.
        refused: (
            vec![json_fault(400, "InvalidKeyId")],
            Class::NotYet,
            &[r#"{"Key":"payinfra:stack","Value":"prod"}"#, r#""KeyId":"arn:key""#, r#""Overwrite":false"#],
        ),
        deleted: (vec![json_fault(400, "ParameterNotFound")], Err(Class::Absent)),
    }
}
