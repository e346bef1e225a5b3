//! A receiver of webhooks on this machine, over TLS with a certificate that the sandbox's functions trust.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::target::Target;

/// The largest body that is read; an event has about a kilobyte.
const MAX_BODY: usize = 64 * 1024;
/// One connection carries one webhook.
const CONNECTION: Duration = Duration::from_secs(10);

/// A webhook as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The header `Payments-Event-Id`.
    pub event_id: String,
    /// The header `Payments-Signature`.
    pub signature: String,
    /// The body, byte by byte.
    pub body: Bytes,
}

/// The receiver, or why there is none.
pub enum Listener {
    /// It listens.
    Here {
        /// What has arrived so far.
        arrived: Arc<Mutex<Vec<Webhook>>>,
        /// Listens until it is dropped.
        task: JoinHandle<()>,
    },
    /// It does not, for this reason.
    NotHere(String),
}

impl Listener {
    /// Listens where the stack sends the merchant's webhooks, if that is on this machine.
    pub async fn start(target: &Target<'_>) -> Self {
        let Some(port) = target.own_port else {
            return Self::NotHere("the merchant's webhooks do not go to this machine".to_owned());
        };
        match Self::listen(target, port).await {
            Ok(listener) => listener,
            Err(error) => Self::NotHere(format!("{error:#}")),
        }
    }

    /// The webhooks of one event that have arrived.
    pub fn arrived(&self, event_id: &str) -> Vec<Webhook> {
        let Self::Here { arrived, .. } = self else { return Vec::new() };
        let arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.iter().filter(|webhook| webhook.event_id == event_id).cloned().collect()
    }

    async fn listen(target: &Target<'_>, port: u16) -> Result<Self> {
        let (certificate, key) = target
            .listener_certificate()?
            .context("the sandbox has no certificate authority that the functions trust")?;
        let socket = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
            format!("port {port} on 127.0.0.1, where the webhooks go, is in use by another program")
        })?;
        let tls = acceptor(&certificate, &key)?;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(tokio::time::timeout(CONNECTION, serve(stream, tls.clone(), Arc::clone(&into))));
            }
        });
        Ok(Self::Here { arrived, task })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Here { task, .. } = self {
            task.abort();
        }
    }
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes one webhook. A connection that fails is the sender's to repeat.
async fn serve(stream: TcpStream, tls: TlsAcceptor, into: Arc<Mutex<Vec<Webhook>>>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| take(request, Arc::clone(&into)));
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn take(
    request: Request<Incoming>,
    into: Arc<Mutex<Vec<Webhook>>>,
) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (event_id, signature) = (header("payments-event-id"), header("payments-signature"));
    let mut response = Response::new(Empty::new());
    match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => {
            let webhook = Webhook { event_id, signature, body: body.to_bytes() };
            into.lock().unwrap_or_else(PoisonError::into_inner).push(webhook);
        }
        Err(_) => *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE,
    }
    Ok(response)
}
