//! Canned responses of the AWS services, so that the figures are those of the functions and PostgreSQL only.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use payments::stores::sessions::LIFETIME;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PATH: &str = "/payments/bench";

/// Starts the server and returns the endpoint's URL.
pub async fn start(host: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, host));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

async fn answer(request: Request<Incoming>, host: &str) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let target = target.unwrap_or_default().to_owned();
    let _ = request.into_body().collect().await;
    let body = match target.rsplit('.').next() {
        Some("GetParameters") => parameters(host).to_string(),
        Some("UpdateItem") => json!({"Attributes": session()}).to_string(),
        Some("PutItem") => "{}".to_owned(),
        _ => "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
              <MessageId>m</MessageId></PublishResult></PublishResponse>"
            .to_owned(),
    };
    Ok(Response::new(Full::new(Bytes::from(body))))
}

fn session() -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let expires_at = i64::try_from(now).unwrap() + LIFETIME;
    json!({
        "expires_at": {"N": expires_at.to_string()}, "amount": {"N": "1050"}, "currency": {"S": "EUR"},
        "source_fingerprint": {"S": "f"}, "reference": {"S": "Order 7"},
    })
}

fn parameters(host: &str) -> Value {
    let pairs = [
        ("database/writer-endpoint", host),
        ("database/port", "5432"),
        ("database/name", "postgres"),
        ("topics/payment-events-arn", "arn:aws:sns:us-east-1:123456789012:events"),
        ("storage/archive-bucket", "archive"),
        ("storage/sessions-table", "sessions"),
        ("features/refunds-enabled", "true"),
        ("features/notifications-enabled", "true"),
        ("limits/maximum-amount-minor", "1000000"),
        ("secrets/webhook-signing-key", "key"),
    ];
    let parameters: Vec<Value> = pairs
        .iter()
        .map(|(name, value)| json!({"Name": format!("{PATH}/{name}"), "Value": value, "Type": "String"}))
        .collect();
    json!({"Parameters": parameters})
}
