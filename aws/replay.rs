//! Scripted answers for tests of one resource: what it asks, and how it reads what comes back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::{Clients, REGION};

/// One request as it would have gone out.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The HTTP method.
    pub method: String,
    /// The address, with `#` and the operation where a header names it.
    pub uri: String,
    /// The body.
    pub body: String,
    /// The id of the key that it is signed with.
    pub key: String,
    /// The headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// How long an answer may take to begin.
    pub read_timeout: Option<Duration>,
}

impl Sent {
    /// Whether the request contains a text, in its address or its body (form bodies are percent-encoded).
    pub fn has(&self, text: &str) -> bool {
        self.body.contains(text) || self.uri.contains(text)
    }

    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Answers in order and remembers what was asked.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    read_timeout: Option<Duration>,
}

impl Replay {
    /// Makes clients that get these answers (status, body), in order.
    ///
    /// Headers that begin with `x-amz` may come before a body, one a line, with an empty line after them.
    pub fn answering<const N: usize>(answers: [(u16, &str); N]) -> (Clients, Self) {
        let credentials = Credentials::new("test", "test", None, None, "replay");
        Self::signed_with(SharedCredentialsProvider::new(credentials), answers)
    }

    /// The same with the caller's own credentials.
    pub fn signed_with<const N: usize>(
        credentials: SharedCredentialsProvider,
        answers: [(u16, &str); N],
    ) -> (Clients, Self) {
        let replay = Self::default();
        replay
            .answers
            .lock()
            .expect("no test panics while holding it")
            .extend(answers.iter().map(|(status, body)| (*status, (*body).to_owned())));
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .http_client(replay.clone())
            .build();
        (Clients::new(&config, false), replay)
    }

    /// Adds an answer to the end of the script.
    pub fn answer(&self, status: u16, body: &str) {
        self.answers.lock().expect("no test panics while holding it").push_back((status, body.to_owned()));
    }

    /// What was asked so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no test panics while holding it").clone()
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { read_timeout: settings.read_timeout(), ..self.clone() })
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let signature = request.headers().get("authorization").unwrap_or_default();
        let key = signature.split_once("Credential=").and_then(|(_, scope)| scope.split('/').next());
        let target = request.headers().get("x-amz-target").map(|target| format!("#{target}")).unwrap_or_default();
        self.sent.lock().expect("no test panics while holding it").push(Sent {
            method: request.method().to_owned(),
            uri: format!("{}{target}", request.uri()),
            body: body.unwrap_or_default(),
            key: key.unwrap_or_default().to_owned(),
            headers: request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            read_timeout: self.read_timeout,
        });
        let answer = self.answers.lock().expect("no test panics while holding it").pop_front();
        let Some((status, body)) = answer else {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("the script has no further answer".into())));
        };
        let status = status.try_into().expect("a valid HTTP status");
        let (head, body) = match body.split_once("\n\n") {
            Some((head, body)) if head.starts_with("x-amz") => (head.to_owned(), body.to_owned()),
            _ => (String::new(), body),
        };
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            response.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}
