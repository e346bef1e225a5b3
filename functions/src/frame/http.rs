//! HTTP as API Gateway's proxy integration hands it over and takes it back.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use serde_json::{Map, Value, json};

use crate::frame::refusal::Refusal;
use crate::frame::routes::{self, Matched, NoRoute};
use crate::rules::cards;

/// The largest body that is read, in bytes: the largest valid one has about 1 KiB.
pub const LARGEST_BODY: usize = 16 * 1024;

/// A request from API Gateway; borrows from the event.
#[derive(Debug)]
pub struct Request<'a> {
    method: &'a str,
    path: String,
    event: &'a Value,
}

impl<'a> Request<'a> {
    /// Reads a proxy event; `None` when the event is something else.
    ///
    /// The path comes from the matched resource and its parameters, because the plain path of a custom
    /// domain carries the base path mapping too.
    pub fn from_event(event: &'a Value) -> Option<Self> {
        let method = event.get("httpMethod")?.as_str()?;
        let resource = event["resource"].as_str().filter(|r| r.starts_with('/') && !r.contains('+'));
        let id = event["pathParameters"]["id"].as_str();
        let path = match (resource, id) {
            (Some(resource), Some(id)) => resource.replace("{id}", id),
            (Some(resource), None) if !resource.contains('{') => resource.to_owned(),
            _ => event["path"].as_str()?.to_owned(),
        };
        Some(Self { method, path, event })
    }

    /// Finds the route; 404 and 405 otherwise.
    pub fn route(&self) -> Result<Matched<'_>, Refusal> {
        routes::find(self.method, &self.path).map_err(|none| match none {
            NoRoute::UnknownPath => Refusal::new(404, "no_route", "there is nothing at this path"),
            NoRoute::OtherMethod(allowed) => {
                let mut refusal = Refusal::new(405, "no_method", "this path does not take this method");
                refusal.header = Some(("Allow", allowed));
                refusal
            }
        })
    }

    /// Gives a header's value; names are compared without case (RFC 9110, section 5.1).
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let headers = self.event["headers"].as_object()?;
        let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str()
    }

    /// Gives the gateway's request id, which its access log carries as well.
    pub fn gateway_request_id(&self) -> Option<&'a str> {
        self.event["requestContext"]["requestId"].as_str()
    }

    /// Reads the body as a JSON object that holds nothing like a card number.
    pub fn json_object(&self) -> Result<Map<String, Value>, Refusal> {
        // The gateway's models judge only bodies of the declared type; anything else passes unseen.
        let media_type = self.header("Content-Type").and_then(|v| v.split(';').next()).unwrap_or("");
        if !media_type.trim().eq_ignore_ascii_case("application/json")
            || self.event["isBase64Encoded"].as_bool() == Some(true)
        {
            return Err(Refusal::new(415, "not_json", "the body must be application/json"));
        }
        let body = self.event["body"].as_str().unwrap_or("");
        if body.len() > LARGEST_BODY {
            return Err(Refusal::new(413, "too_large", "the body is larger than 16 KiB"));
        }
        // The raw text first: it may hold a number where it is no JSON.
        if cards::found_in(body) {
            return Err(Refusal::card_number());
        }
        match serde_json::from_str(body) {
            Ok(value) if cards::found_in_json(&value) => Err(Refusal::card_number()),
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Err(Refusal::new(400, "malformed", "the body must be a JSON object")),
            Err(_) => Err(Refusal::new(400, "malformed", "the body is not valid JSON")),
        }
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    headers: Map<String, Value>,
    body: String,
}

impl Response {
    /// Makes an answer with a JSON body.
    pub fn json(status: u16, body: String) -> Self {
        let mut headers = Map::new();
        headers.insert("Content-Type".into(), "application/json".into());
        headers.insert("Cache-Control".into(), "no-store".into());
        headers.insert("X-Content-Type-Options".into(), "nosniff".into());
        Self { status, headers, body }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Writes the form API Gateway takes.
    pub fn into_event(self) -> Value {
        json!({
            "statusCode": self.status,
            "headers": self.headers,
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn event(content_type: &str, body: &str) -> Value {
        json!({
            "httpMethod": "POST", "path": "/base/payments/validate", "resource": "/payments/validate",
            "headers": {"content-type": content_type}, "body": body,
        })
    }

    fn status(event: &Value) -> u16 {
        Request::from_event(event).unwrap().json_object().err().map_or(200, |refusal| refusal.status)
    }

    #[test]
    fn the_resource_decides_the_route_behind_a_base_path() {
        let event = event("application/json", "{}");
        let request = Request::from_event(&event).unwrap();
        assert_eq!(request.route().unwrap().route.path, "/payments/validate");
        let event = json!({
            "httpMethod": "GET", "path": "/v1/payments/transactions/txn_a",
            "resource": "/payments/transactions/{id}", "pathParameters": {"id": "txn_a"},
        });
        assert_eq!(Request::from_event(&event).unwrap().route().unwrap().id, Some("txn_a"));
    }

    #[test]
    fn bodies_are_refused_by_type_size_form_and_content() {
        assert_eq!(status(&event("application/json; charset=utf-8", "{}")), 200);
        assert_eq!(status(&event("text/plain", "{}")), 415);
        assert_eq!(status(&event("application/json", &"x".repeat(LARGEST_BODY + 1))), 413);
        for body in ["", "{", "[]", "1", "null", "\"x\""] {
            assert_eq!(status(&event("application/json", body)), 400, "{body}");
        }
        for body in [r#"{"a":"4111 1111 1111 1111"}"#, "4111111111111111", r#"{"a":"\u0034111111111111111"}"#] {
            assert_eq!(status(&event("application/json", body)), 422, "{body}");
        }
    }
}
