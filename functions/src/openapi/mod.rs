//! The OpenAPI 3.0.3 document, generated from the route table.

pub mod schemas;
mod yaml;

use serde_json::{Map, Value, json};

use crate::frame::routes::{Operation, ROUTES, Route};

pub use yaml::to_yaml;

/// The statuses that API Gateway itself returns before any function runs: malformed requests (400), missing or wrong
/// credentials (403), throttling (429), and its own failures (500, 502, 504).
const GATEWAY: [u16; 6] = [400, 403, 429, 500, 502, 504];

/// Builds the document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let item = paths.entry(route.path).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(item) = item {
            item.insert(route.method.to_lowercase(), operation(route));
        }
    }
    sorted(json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Payments",
            "version": "1",
            "description": "Amounts are integers in the currency's minor unit (ISO 4217). Anything that looks like a card number is rejected with 422.",
        },
        "security": [{"sigv4": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
                "apiKey": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            },
            "schemas": schemas::all(),
        },
    }))
}

/// Sorts all keys, so that the text does not depend on the map type that serde_json was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

/// Formats the document as JSON, as it is stored on disk.
pub fn to_json(document: &Value) -> String {
    format!("{document:#}\n")
}

fn operation(route: &Route) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), route.operation_id.into());
    operation.insert("summary".into(), route.summary.into());
    operation.insert("x-payinfra-function".into(), route.function.name().into());
    if route.open {
        operation.insert("security".into(), json!([]));
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(schema) = route.request {
        operation.insert("requestBody".into(), json!({"required": true, "content": content(schema)}));
    }
    operation.insert("responses".into(), responses(route));
    Value::Object(operation)
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id", "in": "path", "required": true,
            "description": "The ID of a booked transaction.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        }));
    }
    if route.idempotent {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "Chosen by the caller, plain or as a quoted string. Repeated requests with the same key and body are booked once and get the same answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 130, "pattern": "^([A-Za-z0-9_.:-]{1,128}|\"[A-Za-z0-9_.:-]{1,128}\")$"},
        }));
    }
    parameters
}

fn responses(route: &Route) -> Value {
    let (success, schema) = route.success;
    let mut statuses: Vec<(u16, &str)> =
        GATEWAY.iter().chain(route.rejections).map(|status| (*status, "Error")).collect();
    statuses.push((success, schema));
    statuses.sort_unstable();
    statuses.dedup();
    let responses = statuses.into_iter().map(|(status, schema)| {
        let mut response = json!({"description": meaning(status), "content": content(schema)});
        let links = links(route.operation);
        if status == success && !links.is_null() {
            response["links"] = links;
        }
        (status.to_string(), response)
    });
    Value::Object(responses.collect())
}

/// Links a response to the next request: a session can be booked, and a payment can be read or refunded.
fn links(operation: Operation) -> Value {
    let with_id = |operation: &str| json!({"operationId": operation, "parameters": {"id": "$response.body#/id"}});
    match operation {
        Operation::Validate => json!({"book": {
            "operationId": "bookTransaction",
            "requestBody": {"merchant_id": "$request.body#/merchant_id", "session_id": "$response.body#/session_id"},
        }}),
        Operation::Book => json!({"show": with_id("getTransaction"), "refund": with_id("refundTransaction")}),
        Operation::Refund => json!({"show": with_id("getTransaction")}),
        Operation::Get | Operation::Health => Value::Null,
    }
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

const fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done.",
        201 => "Booked, either now or by an earlier request with the same key and body.",
        400 => "The request does not have the documented form.",
        403 => "Credentials are missing or wrong, or the feature is switched off.",
        404 => "No such transaction.",
        409 => "The session has already been booked, or the refunds would exceed the payment.",
        410 => "The session has expired or never existed.",
        413 => "The body is larger than 16 KiB.",
        415 => "The body is not application/json.",
        422 => "The values are invalid; every reason is listed.",
        429 => "Too many requests.",
        500 => "The gateway failed.",
        502 => "The function failed.",
        503 => "A dependency of the API is unavailable; retry the same request.",
        _ => "The function did not respond in time.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_schema_and_no_schema_contains_a_reference() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        assert!(!schemas.to_string().contains("$ref"));
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(schemas.get(name).is_some(), "{name} is missing");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn every_link_names_an_operation_and_its_parameters() {
        let document = document();
        for route in ROUTES {
            let (status, _) = route.success;
            let responses = &document["paths"][route.path][route.method.to_lowercase()]["responses"];
            for (name, link) in responses[status.to_string()]["links"].as_object().into_iter().flatten() {
                let target = ROUTES.iter().find(|target| link["operationId"] == target.operation_id);
                assert!(
                    target.is_some_and(|t| t.path.contains("{id}") == link["parameters"]["id"].is_string()),
                    "{name}"
                );
                assert!(target.is_some_and(|t| t.request.is_some() || link["requestBody"].is_null()), "{name}");
            }
        }
    }

    #[test]
    fn only_health_needs_no_credentials() {
        let document = document();
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            let open = operation.get("security") == Some(&json!([]));
            assert_eq!(open, route.path == "/health", "{}", route.path);
        }
    }
}
