//! A merchant's HTTPS server, which receives webhooks.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificates::Authority;

/// A webhook as it was received.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub event_id: String,
    pub signature: String,
    pub body: String,
}

pub struct Merchant {
    pub port: u16,
    /// The status that it responds with.
    pub status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Delivery>>>,
}

impl Merchant {
    pub async fn start(authority: &Authority) -> Self {
        let leaf = authority.leaf(&["127.0.0.1", "localhost"]);
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let status = Arc::new(AtomicU16::new(200));
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared = (Arc::clone(&status), Arc::clone(&received));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request| receive(request, shared.clone()));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, status, received }
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}/hook", self.port)
    }

    pub fn received(&self) -> Vec<Delivery> {
        self.received.lock().unwrap().clone()
    }
}

type Shared = (Arc<AtomicU16>, Arc<Mutex<Vec<Delivery>>>);

async fn receive(request: Request<Incoming>, (status, received): Shared) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (event_id, signature) = (header("Payments-Event-Id"), header("Payments-Signature"));
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    received.lock().unwrap().push(Delivery { event_id, signature, body });
    let response = Response::builder()
        .status(status.load(Ordering::Relaxed))
        .header("Location", "https://127.0.0.1:1/elsewhere")
        .body(Full::default());
    Ok(response.unwrap())
}
