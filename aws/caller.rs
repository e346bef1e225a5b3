//! Requests to the deployed API, made as its callers make them.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use crate::{REGION, chain};

/// Longer than API Gateway lets any request take (29 s).
const TIMEOUT: Duration = Duration::from_secs(31);

/// How a request proves who sends it.
#[derive(Clone)]
pub enum Proof {
    /// Not at all.
    None,
    /// Signed with the caller's AWS credentials (SigV4).
    Signature,
    /// With an API key in `x-api-key`.
    Key(String),
}

/// One request to the API.
pub struct ApiRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Further headers; a `host` replaces the name in the address.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON body; empty for none.
    pub body: String,
    /// Who sends it.
    pub proof: &'a Proof,
}

/// What the API answered.
#[derive(Debug)]
pub struct ApiAnswer {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl ApiAnswer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request could not be made or signed.
    #[error("the request cannot be made: {0}")]
    Request(String),
    /// Nobody answered.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Sends requests to the API.
#[derive(Debug, Clone)]
pub struct Caller {
    connector: Arc<Connector>,
    credentials: Option<SharedCredentialsProvider>,
}

impl Caller {
    pub(crate) fn new(credentials: Option<SharedCredentialsProvider>) -> Self {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Self { connector: Arc::new(Connector::builder().tls_provider(provider).build()), credentials }
    }

    /// Sends one request and reads the whole answer, in 31 seconds at most. Nothing is repeated.
    ///
    /// # Errors
    /// [`CallError::Request`] if it cannot be signed, [`CallError::NoAnswer`] if no answer arrives in time.
    pub async fn send(&self, request: &ApiRequest<'_>) -> Result<ApiAnswer, CallError> {
        let request = self.ready(request).await?;
        let call = async {
            let answer = self.connector.call(request).await.map_err(|error| CallError::NoAnswer(chain(&error)))?;
            let status = answer.status().as_u16();
            let headers =
                answer.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
            let body = ByteStream::new(answer.into_body()).collect().await;
            let body = body.map_err(|error| CallError::NoAnswer(chain(&error)))?.into_bytes();
            Ok(ApiAnswer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
        };
        match tokio::time::timeout(TIMEOUT, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::NoAnswer(format!("none within {} s", TIMEOUT.as_secs()))),
        }
    }

    /// Builds the request as it is sent.
    async fn ready(&self, request: &ApiRequest<'_>) -> Result<HttpRequest, CallError> {
        if !is_private(&request.url) {
            return Err(CallError::Request(format!("{} is neither https nor on this machine", request.url)));
        }
        let mut headers: Vec<(String, String)> =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // The firewall refuses requests that do not say what sends them.
        headers.push(("user-agent".to_owned(), concat!("payinfra/", env!("CARGO_PKG_VERSION")).to_owned()));
        match request.proof {
            Proof::None => {}
            Proof::Key(key) => headers.push(("x-api-key".to_owned(), key.clone())),
            Proof::Signature => headers.extend(self.signature(request).await?),
        }
        let mut ready = HttpRequest::new(SdkBody::from(request.body.as_str()));
        let unfit = |error: &(dyn StdError + 'static)| CallError::Request(chain(error));
        ready.set_method(request.method).map_err(|error| unfit(&error))?;
        ready.set_uri(request.url.as_str()).map_err(|error| unfit(&error))?;
        for (name, value) in headers {
            ready.headers_mut().try_insert(name, value).map_err(|error| unfit(&error))?;
        }
        Ok(ready)
    }

    async fn signature(&self, request: &ApiRequest<'_>) -> Result<Vec<(String, String)>, CallError> {
        let unsigned = |error: &(dyn StdError + 'static)| CallError::Request(chain(error));
        let provider = self.credentials.as_ref().ok_or_else(|| CallError::Request("no credentials".to_owned()))?;
        let identity = provider.provide_credentials().await.map_err(|error| unsigned(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("execute-api")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(request.body.as_bytes());
        let signable = SignableRequest::new(request.method, request.url.as_str(), headers, body);
        let signable = signable.map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| unsigned(&error))?.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}

/// Whether a request cannot be read on its way: over TLS, or to an emulator on this machine.
fn is_private(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1:")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use aws_credential_types::Credentials;

    use super::*;

    fn request(proof: &Proof) -> ApiRequest<'_> {
        ApiRequest {
            method: "POST",
            url: "http://127.0.0.1:9/live/payments/validate".to_owned(),
            headers: vec![("host", "a.execute-api.localhost:9".to_owned())],
            body: "{}".to_owned(),
            proof,
        }
    }

    #[tokio::test]
    async fn a_request_carries_the_proof_that_it_is_given() {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let caller = Caller::new(Some(SharedCredentialsProvider::new(credentials)));
        let signed = caller.ready(&request(&Proof::Signature)).await.unwrap();
        let authorization = signed.headers().get("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("/us-east-1/execute-api/aws4_request"), "{authorization}");
        assert!(authorization.contains("host;"), "{authorization}");
        let keyed = caller.ready(&request(&Proof::Key("k".to_owned()))).await.unwrap();
        assert_eq!((keyed.headers().get("x-api-key"), keyed.headers().get("authorization")), (Some("k"), None));
        let bare = caller.ready(&request(&Proof::None)).await.unwrap();
        assert!(bare.headers().get("authorization").is_none() && bare.headers().get("user-agent").is_some());
    }

    #[test]
    fn proofs_are_not_sent_over_plain_http() {
        assert!(is_private("https://pay.example.com/live") && is_private("http://127.0.0.1:4566/live"));
        assert!(!is_private("http://pay.example.com/live") && !is_private("http://127.0.0.1.example.com/live"));
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        let refused = Caller::new(None).send(&request(&Proof::None)).await.unwrap_err();
        assert!(matches!(refused, CallError::NoAnswer(_)), "{refused}");
    }
}
