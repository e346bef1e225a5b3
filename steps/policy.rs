//! Policy documents, compared by what they mean.
//!
//! AWS does not promise to give a policy back as it was written: lists come back in another order, and lists of one
//! element as that element (docs/aws-behaviour.md, "All services: policy documents"). So wherever a spec holds a policy,
//! it is written and compared in one form, with `#[serde(with = "crate::policy")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The form in which two policies are equal if they mean the same: lists are sorted, and a list of one is its
/// element.
pub(crate) fn canonical(policy: &Value) -> Value {
    let mut policy = policy.clone();
    if let Some(statements) = policy.get_mut("Statement") {
        if statements.is_object() {
            *statements = Value::Array(vec![statements.take()]);
        }
        statements.as_array_mut().into_iter().flatten().for_each(order);
    }
    policy
}

fn order(statement: &mut Value) {
    for (name, part) in statement.as_object_mut().into_iter().flatten() {
        match name.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => list(part),
            // `"*"` stands for itself.
            "Principal" | "NotPrincipal" => values(part).for_each(list),
            "Condition" => values(part).flat_map(values).for_each(list),
            _ => {}
        }
    }
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(|object| object.values_mut())
}

/// Sorts a value that may be a list or its only element, without repetitions; a list of one becomes its element, which
/// is how AWS gives it back, and what every service and emulator takes.
fn list(value: &mut Value) {
    let mut elements = match value.take() {
        Value::Array(elements) => elements,
        element => vec![element],
    };
    elements.sort_by_key(ToString::to_string);
    elements.dedup();
    *value = if elements.len() == 1 { elements.remove(0) } else { Value::Array(elements) };
}

pub(crate) fn serialize<S: Serializer>(policy: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    canonical(policy).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// The same for policies by name.
pub(crate) mod by_name {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub(crate) fn serialize<S: Serializer>(
        policies: &BTreeMap<String, Value>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(policies.iter().map(|(name, policy)| (name, super::canonical(policy))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
        BTreeMap::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use payinfra_aws::Tags;
    use serde_json::json;

    use super::*;
    use crate::messaging::{Queue, Topic};
    use crate::network::VpcEndpoint;
    use crate::security::{Key, Role};
    use crate::storage::Bucket;

    /// As it is written.
    fn written() -> Value {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "A",
                "Effect": "Allow",
                "Principal": { "AWS": ["arn:b", "arn:a"], "Service": "logs.us-east-1.amazonaws.com" },
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
                "Resource": ["*"],
                "Condition": { "StringEquals": { "aws:SourceAccount": ["123456789012"] } },
            }],
        })
    }

    /// As AWS may give it back: terraform-provider-aws#39788 and #11801 for the order of principals and actions,
    /// hashicorp/terraform#13973 for lists of one, #2432 for the order of resources.
    fn given_back() -> Value {
        json!({
            "Statement": {
                "Action": ["kms:DescribeKey", "kms:Encrypt", "kms:Decrypt"],
                "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } },
                "Effect": "Allow",
                "Principal": { "Service": ["logs.us-east-1.amazonaws.com"], "AWS": ["arn:a", "arn:b"] },
                "Resource": "*",
                "Sid": "A",
            },
            "Version": "2012-10-17",
        })
    }

    #[test]
    fn order_and_lists_of_one_do_not_count_and_everything_else_does() {
        assert_eq!(canonical(&written()), canonical(&given_back()));
        for (path, other) in [
            ("/Statement/0/Action/0", json!("kms:*")),
            ("/Statement/0/Effect", json!("Deny")),
            ("/Statement/0/Principal", json!("*")),
            ("/Statement/0/Condition/StringEquals", json!({})),
            ("/Statement/0/Sid", json!("B")),
        ] {
            let mut changed = written();
            *changed.pointer_mut(path).expect("it is there") = other;
            assert_ne!(canonical(&changed), canonical(&written()), "{path}");
        }
        for same in [Value::Null, json!("no JSON"), json!({ "Statement": [{ "Principal": "*" }] })] {
            assert_eq!(canonical(&same), same);
        }
    }

    #[test]
    fn every_kind_with_a_policy_compares_it_by_its_meaning() {
        let spec = |policy: Value| {
            let name = String::new();
            let text = String::new;
            let tags = Tags::new;
            [
                json!(Queue {
                    name: name.clone(),
                    key_arn: text(),
                    policy: policy.clone(),
                    retention_seconds: 1,
                    tags: tags()
                }),
                json!(Topic { name: name.clone(), key_arn: text(), policy: policy.clone(), tags: tags() }),
                json!(Role {
                    name: name.clone(),
                    path: text(),
                    description: text(),
                    trust: policy.clone(),
                    policies: BTreeMap::from([(name.clone(), policy.clone())]),
                    tags: tags(),
                }),
                json!(Key {
                    alias: text(),
                    description: text(),
                    policy: policy.clone(),
                    enabled: true,
                    rotation: true,
                    rotation_days: 90,
                    deletion_days: 7,
                    tags: tags(),
                }),
                json!(VpcEndpoint {
                    vpc_id: text(),
                    service: text(),
                    endpoint_type: text(),
                    policy: policy.clone(),
                    route_table_ids: Default::default(),
                    subnet_ids: Default::default(),
                    security_group_ids: Default::default(),
                    private_dns: true,
                    tags: tags(),
                }),
                json!(Bucket {
                    name,
                    versioning: true,
                    encryption: text(),
                    encryption_key: None,
                    bucket_key: true,
                    customer_keys_blocked: true,
                    lifecycle: Vec::new(),
                    moves_small_objects: true,
                    public_access_blocked: true,
                    ownership: text(),
                    policy,
                    logging: None,
                    tags: tags(),
                }),
            ]
        };
        for (wanted, live) in spec(written()).iter().zip(spec(given_back())) {
            assert_eq!(*wanted, live);
        }
    }
}
