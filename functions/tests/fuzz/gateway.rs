//! What API Gateway does before it calls a function, as the deployment configures it from the same document: routing,
//! authentication, required headers, and the models of bodies.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html>

use serde_json::{Value, json};

/// The API key of the fuzzer.
pub const API_KEY: &str = "key-of-the-fuzzer";

/// A request as the gateway receives it, with its texts as the gateway passes them on.
pub struct Request {
    pub method: String,
    /// The decoded path.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// The gateway's decision about a request.
pub enum Decision {
    /// The gateway rejects the request.
    Rejected(u16, &'static str),
    /// The gateway passes this event to a function.
    Passed { function: String, event: Value },
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        // The last of several values counts.
        self.headers.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Decides about the request, according to the document.
    pub fn decide(&self, document: &Value) -> Decision {
        let Some((resource, id, operation)) = self.operation(document) else {
            return Decision::Rejected(403, "Missing Authentication Token");
        };
        let is_open = operation["security"] == json!([]);
        if !is_open && self.header("x-api-key") != Some(API_KEY) {
            return Decision::Rejected(403, "Forbidden");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let given = match parameter["in"].as_str() {
                Some("header") => self.header(name),
                _ => id.as_deref(),
            };
            if given.is_none_or(|value| value.trim().is_empty()) {
                return Decision::Rejected(400, "Missing required request parameters");
            }
        }
        // A body without a type counts as JSON. A body of another type has no model and is passed.
        let media_type = self.header("content-type").unwrap_or("application/json");
        let is_json = media_type.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json");
        if let (Some(reference), true) =
            (operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str(), is_json)
        {
            let schema = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
            if !serde_json::from_str(&self.body).is_ok_and(|body| conforms(&body, schema)) {
                return Decision::Rejected(400, "Invalid request body");
            }
        }
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let event = json!({
            "resource": resource, "path": self.path, "httpMethod": self.method, "headers": headers,
            "pathParameters": id.map(|id| json!({"id": id})),
            "requestContext": {"requestId": "gateway-request", "stage": "live"},
            "body": if self.body.is_empty() { Value::Null } else { self.body.as_str().into() },
            "isBase64Encoded": false,
        });
        Decision::Passed { function: operation["x-payinfra-function"].as_str().unwrap().to_owned(), event }
    }

    /// Finds the resource, the path parameter, and the operation.
    fn operation<'a>(&self, document: &'a Value) -> Option<(&'a str, Option<String>, &'a Value)> {
        document["paths"].as_object().unwrap().iter().find_map(|(resource, methods)| {
            let (expected, given): (Vec<&str>, Vec<&str>) =
                (resource.split('/').collect(), self.path.split('/').collect());
            let mut pairs = expected.iter().zip(&given);
            let fits = expected.len() == given.len()
                && pairs.all(|(expected, given)| expected == given || (expected.starts_with('{') && !given.is_empty()));
            let operation = methods.get(self.method.to_lowercase()).filter(|_| fits)?;
            let id = expected.iter().position(|segment| *segment == "{id}").map(|at| given[at].to_owned());
            Some((resource.as_str(), id, operation))
        })
    }
}

/// Validates a body against a model. Supports the parts of JSON Schema that the document's requests use.
fn conforms(value: &Value, schema: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, bound)| match keyword.as_str() {
        "description" => true,
        "type" => match bound.as_str().unwrap() {
            "object" => value.is_object(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("this gateway does not support the type {other}"),
        },
        "required" => bound.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            let properties = bound.as_object().unwrap();
            properties.iter().all(|(name, schema)| value.get(name).is_none_or(|value| conforms(value, schema)))
        }
        "additionalProperties" => {
            let known = schema["properties"].as_object().unwrap();
            value.as_object().is_none_or(|members| members.keys().all(|name| known.contains_key(name)))
        }
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= bound.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= bound.as_u64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= bound.as_f64().unwrap()),
        other => panic!("this gateway does not support the keyword {other}"),
    })
}
