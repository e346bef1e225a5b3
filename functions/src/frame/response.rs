//! An HTTP response in the form that API Gateway's proxy integration takes.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use serde_json::{Map, Value, json};

/// The response to a request.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    headers: Map<String, Value>,
    body: String,
}

impl Response {
    /// Creates a response with a JSON body.
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

    /// Converts the response into the proxy integration's format.
    pub fn into_event(self) -> Value {
        json!({
            "statusCode": self.status,
            "headers": self.headers,
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}
