//! API Gateway.

use serde_json::{Value, json};

use super::{Fill, Gap, Kept};
use crate::support::aws_rules::Asked;

/// The operations that show objects whose tags can be changed.
const SHOW_TAGS: &[&str] = &[
    "apigateway:GetRestApis",
    "apigateway:GetRestApi",
    "apigateway:GetUsagePlans",
    "apigateway:GetUsagePlan",
    "apigateway:GetApiKeys",
    "apigateway:GetApiKey",
    "apigateway:GetDomainNames",
    "apigateway:GetDomainName",
];
const SHOW_APIS: &[&str] = &["apigateway:GetRestApis", "apigateway:GetRestApi", "apigateway:CreateRestApi"];

/// The members of an API that a patch changes and moto does not.
const PATCHED: [(&str, &str); 2] =
    [("/disableExecuteApiEndpoint", "disableExecuteApiEndpoint"), ("/securityPolicy", "securityPolicy")];

pub const GAPS: &[Gap] = &[
    Gap {
        id: "api-tags",
        lacks: "TagResource and UntagResource work for stages only",
        fill: Fill::Answer(&["apigateway:TagResource", "apigateway:UntagResource"], retag),
    },
    Gap {
        id: "api-tags",
        lacks: "tags that were changed",
        fill: Fill::Json(SHOW_TAGS, |kept, asked, answer| {
            let kind = asked.path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default().to_owned();
            each_of(answer, |object| {
                let name = ["id", "domainName"].iter().find_map(|member| object[member].as_str()).unwrap_or_default();
                let changes = kept.of("tags", &format!("{kind}/{name}")).clone();
                for (key, value) in changes.as_object().into_iter().flatten() {
                    let Some(tags) = object["tags"].as_object_mut() else { break };
                    if value.is_null() {
                        tags.remove(key);
                    } else {
                        tags.insert(key.clone(), value.clone());
                    }
                }
            });
        }),
    },
    Gap {
        id: "api-endpoint",
        lacks: "a patch disables the default endpoint whatever its value, and the security policy is not kept",
        fill: Fill::Request(&["apigateway:UpdateRestApi"], |asked| {
            let mut request = asked.json();
            request["patchOperations"]
                .as_array_mut()?
                .retain(|patch| !PATCHED.iter().any(|(path, _)| patch["path"] == *path));
            Some(request.to_string())
        }),
    },
    Gap {
        id: "api-endpoint",
        lacks: "the patched members",
        fill: Fill::Keep(&["apigateway:UpdateRestApi", "apigateway:CreateRestApi"], |kept, asked, _, answer| {
            let request = asked.json();
            let api = kept.of("api", answer["id"].as_str().unwrap_or_default());
            for (path, member) in PATCHED {
                if !request[member].is_null() {
                    api[member] = request[member].clone();
                }
                for patch in request["patchOperations"].as_array().into_iter().flatten() {
                    if patch["path"] == path {
                        let value = patch["value"].as_str().unwrap_or_default();
                        api[member] = value.parse::<bool>().map_or_else(|_| json!(value), |value| json!(value));
                    }
                }
            }
        }),
    },
    Gap {
        id: "api-endpoint",
        lacks: "the patched members",
        fill: Fill::Json(SHOW_APIS, |kept, _, answer| {
            each_of(answer, |api| {
                let members = kept.of("api", api["id"].as_str().unwrap_or_default()).clone();
                for (member, value) in members.as_object().into_iter().flatten() {
                    api[member] = value.clone();
                }
            });
        }),
    },
    Gap {
        id: "api-account",
        lacks: "a patch without a value, which takes the account's role away",
        fill: Fill::Request(&["apigateway:UpdateAccount"], |asked| {
            let mut request = asked.json();
            for patch in request["patchOperations"].as_array_mut()? {
                if patch["value"].is_null() {
                    patch["value"] = "".into();
                }
            }
            Some(request.to_string())
        }),
    },
];

/// Does something with each object of an answer that is a list, or with the one that it is.
fn each_of(answer: &mut Value, mut change: impl FnMut(&mut Value)) {
    match answer["item"].as_array_mut() {
        Some(items) => items.iter_mut().for_each(change),
        None => change(answer),
    }
}

/// `/tags/arn:aws:apigateway:us-east-1::/restapis/abc`, by PUT with tags or by DELETE with keys.
fn retag(kept: &mut Kept, asked: &Asked) -> Option<(u16, String)> {
    let text = asked.text();
    let path = text.split(' ').next().unwrap_or_default();
    let arn = path.split('?').next().unwrap_or_default();
    let object = arn.split_once("::/")?.1.trim_end_matches('/');
    if object.contains("/stages/") {
        return None;
    }
    let changes = kept.of("tags", object);
    for (key, value) in asked.json()["tags"].as_object().into_iter().flatten() {
        changes[key] = value.clone();
    }
    if asked.name == "apigateway:UntagResource" {
        for key in path.split(['?', '&']).filter_map(|pair| pair.strip_prefix("tagKeys=")) {
            changes[key] = Value::Null;
        }
    }
    Some((204, String::new()))
}
