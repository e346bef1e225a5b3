//! Delivers signed webhooks over HTTPS, to exactly the address that was resolved and checked, in a limited time.
//! Redirects are not followed, and the response body is not read.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ring::hmac;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::frame::causes::chain;
use crate::rules::addresses::is_public;
use crate::rules::identifiers::hexadecimal;
use crate::rules::redaction::Secret;

/// The header with the signature: `t=<seconds since 1970-01-01 UTC>,v1=<hexadecimal HMAC-SHA256 of "<t>.<body>">`.
pub const SIGNATURE_HEADER: &str = "Payments-Signature";
/// The header with the event's ID, which the response to a booking contains as well.
pub const EVENT_HEADER: &str = "Payments-Event-Id";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// A webhook was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is not allowed.
    #[error("the webhook's URL is not allowed: {0}")]
    Url(&'static str),
    /// The host resolves to an address that is not public.
    #[error("the webhook's host resolves to an address that is not public")]
    Address,
    /// The merchant's server did not report success.
    #[error("the webhook was answered with status {}", .0.as_u16())]
    Status(StatusCode),
    /// The merchant's server was not reached or did not answer.
    #[error("the webhook's server did not answer: {0}")]
    Transport(String),
}

impl WebhookError {
    /// Reports whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Url(_) | Self::Address => false,
            Self::Status(status) => status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429),
            Self::Transport(_) => true,
        }
    }
}

/// The webhook client of one environment.
pub struct Webhooks {
    tls: TlsConnector,
    allow_loopback: bool,
}

impl Webhooks {
    /// Creates the client. It trusts the system's certificate authorities and, if given, one more, which also allows
    /// webhooks to 127.0.0.1.
    pub fn new(loopback_ca: Option<&Path>) -> Result<Self, rustls::Error> {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = loopback_ca {
            let extra = CertificateDer::pem_file_iter(path).into_iter().flatten().flatten();
            authorities.add_parsable_certificates(extra);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), allow_loopback: loopback_ca.is_some() })
    }

    /// Makes one attempt to deliver an event.
    pub async fn deliver(
        &self,
        url: &str,
        key: &Secret<String>,
        event_id: &str,
        body: &str,
        now: i64,
    ) -> Result<(), WebhookError> {
        let uri = allowed_uri(url)?;
        let host = uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']').to_owned();
        let address = self.resolve(&host, uri.port_u16().unwrap_or(443)).await?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("payments-webhook/", env!("CARGO_PKG_VERSION")))
            .header(EVENT_HEADER, event_id)
            .header(SIGNATURE_HEADER, signature(key, now, body))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .map_err(|_| WebhookError::Url("it is malformed"))?;
        match timeout(ATTEMPT_TIMEOUT, self.send(&host, address, request)).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(WebhookError::Status(status)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(WebhookError::Transport("timed out".to_owned())),
        }
    }

    /// Resolves the host once. The connection uses the address that was checked, so it does not matter if the name
    /// resolves to another address a moment later.
    async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, WebhookError> {
        let found = timeout(CONNECT_TIMEOUT, lookup_host((host, port)))
            .await
            .map_err(|_| WebhookError::Transport("resolving the name timed out".to_owned()))?
            .map_err(|error| WebhookError::Transport(chain(&error)))?;
        choose(found, self.allow_loopback)
    }

    async fn send(
        &self,
        host: &str,
        address: SocketAddr,
        request: Request<Full<Bytes>>,
    ) -> Result<StatusCode, WebhookError> {
        let failed = |error: &dyn std::error::Error| WebhookError::Transport(chain(error));
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| WebhookError::Url("its host is not a valid name"))?;
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
            .await
            .map_err(|_| WebhookError::Transport("connecting timed out".to_owned()))?
            .map_err(|error| failed(&error))?;
        // A failure costs at most a delay.
        let _ = stream.set_nodelay(true);
        let stream = self.tls.connect(name, stream).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| failed(&error));
        connection.abort();
        Ok(answer?.status())
    }
}

/// Chooses the first of a name's addresses, if all of them are allowed. One forbidden address among public ones is a
/// sign of DNS rebinding.
fn choose(found: impl Iterator<Item = SocketAddr>, allow_loopback: bool) -> Result<SocketAddr, WebhookError> {
    let mut first = None;
    for address in found {
        let loopback = allow_loopback && address.ip() == std::net::Ipv4Addr::LOCALHOST;
        if !loopback && !is_public(address.ip()) {
            return Err(WebhookError::Address);
        }
        first = first.or(Some(address));
    }
    first.ok_or_else(|| WebhookError::Transport("the name has no address".to_owned()))
}

/// Parses a URL and checks that it may be called.
fn allowed_uri(url: &str) -> Result<Uri, WebhookError> {
    let uri: Uri = url.parse().map_err(|_| WebhookError::Url("it is malformed"))?;
    if uri.scheme_str() != Some("https") {
        return Err(WebhookError::Url("it is not https"));
    }
    let authority = uri.authority().ok_or(WebhookError::Url("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(WebhookError::Url("it contains credentials"));
    }
    Ok(uri)
}

/// Returns the signature of a body at a time in seconds since 1970-01-01 UTC.
pub fn signature(key: &Secret<String>, now: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{now}.").as_bytes());
    context.update(body.as_bytes());
    format!("t={now},v1={}", hexadecimal(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Computed independently: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn the_signature_is_hmac_sha256_over_time_and_body() {
        let signature = signature(&Secret::new("key".to_owned()), 1_700_000_000, r#"{"a":1}"#);
        let expected = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature, format!("t=1700000000,v1={expected}"));
    }

    async fn rejection(url: &str, allow_loopback: bool) -> WebhookError {
        let mut webhooks = Webhooks::new(None).unwrap();
        webhooks.allow_loopback = allow_loopback;
        let key = Secret::new("key".to_owned());
        webhooks.deliver(url, &key, "evt_x", "{}", 0).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_url_into_the_private_network_fails_permanently() {
        for url in ["http://example.com/", "ftp://example.com/", "https://user@example.com/", "/x", "https://"] {
            let error = rejection(url, true).await;
            assert!(matches!(error, WebhookError::Url(_)) && !error.is_transient(), "{url}: {error}");
        }
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1:8443/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://2130706433/",
            "https://0x7f.1/",
        ] {
            let error = rejection(url, false).await;
            assert!(!matches!(error, WebhookError::Status(_)), "{url}: {error}");
            assert!(matches!(error, WebhookError::Address) || error.is_transient(), "{url}: {error}");
        }
        // The sandbox allows 127.0.0.1 and no other private address.
        for url in ["https://127.0.0.2/", "https://[::1]/", "https://10.0.0.1/"] {
            assert!(matches!(rejection(url, true).await, WebhookError::Address), "{url}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_is_rejected() {
        let choose = |texts: &[&str]| super::choose(texts.iter().map(|text| text.parse().unwrap()), false);
        assert_eq!(choose(&["8.8.8.8:443", "[2600:1f18::1]:443"]).unwrap().to_string(), "8.8.8.8:443");
        for private in ["10.0.0.1:443", "169.254.169.254:443", "[::ffff:169.254.169.254]:443", "[fe80::1]:443"] {
            for names in [[private, "8.8.8.8:443"], ["8.8.8.8:443", private]] {
                assert!(matches!(choose(&names), Err(WebhookError::Address)), "{names:?}");
            }
        }
        assert!(choose(&[]).unwrap_err().is_transient());
    }

    #[test]
    fn only_transient_failures_are_retried() {
        for (status, is_transient) in [(500, true), (503, true), (429, true), (301, false), (404, false), (410, false)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(WebhookError::Status(status).is_transient(), is_transient, "{status}");
        }
    }
}
