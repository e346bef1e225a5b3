//! An HTTP request as API Gateway's proxy integration passes it to a function.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use serde_json::{Map, Value};

use crate::frame::json;
use crate::frame::rejection::Rejection;
use crate::frame::routes::{self, Matched, RouteError};
use crate::rules::cards;

/// The largest accepted body, in bytes. The largest valid one has about 1 KiB.
pub const MAX_BODY: usize = 16 * 1024;

/// A request from API Gateway; it borrows from the event.
#[derive(Debug)]
pub struct Request<'a> {
    method: &'a str,
    path: String,
    event: &'a Value,
}

impl<'a> Request<'a> {
    /// Reads a proxy event. Returns `None` for any other event.
    ///
    /// The path is built from the matched resource and its parameters, because on a custom domain the event's `path`
    /// includes the base path mapping.
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

    /// Finds the route. Rejects an unknown path with 404 and an unsupported method with 405.
    pub fn route(&self) -> Result<Matched<'_>, Rejection> {
        routes::find(self.method, &self.path).map_err(|error| match error {
            RouteError::UnknownPath => Rejection::new(404, "no_route", "there is nothing at this path"),
            RouteError::MethodNotAllowed { allowed } => Rejection {
                header: Some(("Allow", allowed)),
                ..Rejection::new(405, "no_method", "this path does not support this method")
            },
        })
    }

    /// Returns a header's value. Names are case-insensitive (RFC 9110, section 5.1).
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let headers = self.event["headers"].as_object()?;
        let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str()
    }

    /// Returns the gateway's request ID, which also appears in the gateway's access log.
    pub fn gateway_request_id(&self) -> Option<&'a str> {
        self.event["requestContext"]["requestId"].as_str()
    }

    /// Returns the value of a header that may be sent only once. Rejects a repeated one (400): which one counts would be
    /// chance.
    pub fn single_header(&self, name: &str) -> Result<Option<&'a str>, Rejection> {
        let all = self.event["multiValueHeaders"].as_object();
        let values = all.into_iter().flatten().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        if values.filter_map(|(_, values)| values.as_array()).map(Vec::len).sum::<usize>() > 1 {
            return Err(Rejection::new(400, "repeated_header", "a header that may be sent only once is repeated"));
        }
        Ok(self.header(name))
    }

    /// Reads the body as a JSON object. Rejects another media type (415), a body that is too large (413) or malformed
    /// (400), and anything that may be a card number (422).
    pub fn json_object(&self) -> Result<Map<String, Value>, Rejection> {
        // The gateway validates only bodies of the declared type; it passes all others unchecked.
        let media_type = self.header("Content-Type").and_then(|v| v.split(';').next()).unwrap_or("");
        if !media_type.trim().eq_ignore_ascii_case("application/json")
            || self.event["isBase64Encoded"].as_bool() == Some(true)
        {
            return Err(Rejection::new(415, "not_json", "the body must be application/json"));
        }
        let body = self.event["body"].as_str().unwrap_or("");
        if body.len() > MAX_BODY {
            return Err(Rejection::new(413, "too_large", "the body is larger than 16 KiB"));
        }
        match json::parse(body) {
            Ok(value) if cards::found_in_json(&value) => Err(Rejection::card_number()),
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Err(Rejection::new(400, "malformed", "the body must be a JSON object")),
            // A text that is no JSON may contain a number as well.
            Err(_) if cards::found_in(body) => Err(Rejection::card_number()),
            Err(_) => Err(Rejection::new(400, "malformed", "the body is not valid JSON, or names a member twice")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    fn event(content_type: &str, body: &str) -> Value {
        json!({
            "httpMethod": "POST", "path": "/base/payments/validate", "resource": "/payments/validate",
            "headers": {"content-type": content_type}, "body": body,
        })
    }

    fn status(event: &Value) -> u16 {
        Request::from_event(event).unwrap().json_object().err().map_or(200, |rejection| rejection.status)
    }

    #[test]
    fn the_resource_and_not_the_base_path_determines_the_route() {
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
    fn a_header_that_may_be_sent_once_is_not_chosen_from_two() {
        let mut event = event("application/json", "{}");
        event["headers"]["idempotency-key"] = "a".into();
        let key = |event: &Value| {
            Request::from_event(event).unwrap().single_header("Idempotency-Key").ok().flatten().map(str::to_owned)
        };
        assert_eq!(key(&event).as_deref(), Some("a"));
        event["multiValueHeaders"] = json!({"Idempotency-Key": ["a"]});
        assert_eq!(key(&event).as_deref(), Some("a"));
        event["multiValueHeaders"] = json!({"Idempotency-Key": ["b", "a"]});
        assert_eq!(key(&event), None);
    }

    #[test]
    fn bodies_are_rejected_by_type_size_syntax_and_content() {
        assert_eq!(status(&event("application/json; charset=utf-8", "{}")), 200);
        assert_eq!(status(&event("text/plain", "{}")), 415);
        assert_eq!(status(&event("application/json", &"x".repeat(MAX_BODY + 1))), 413);
        for body in ["", "{", "[]", "1", "null", "\"x\"", r#"{"a":1,"a":1}"#] {
            assert_eq!(status(&event("application/json", body)), 400, "{body}");
        }
        for body in [r#"{"a":"4111 1111 1111 1111"}"#, "4111111111111111", r#"{"a":"\u0034111111111111111"}"#] {
            assert_eq!(status(&event("application/json", body)), 422, "{body}");
        }
    }
}
