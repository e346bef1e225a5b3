//! One request to a service on this machine.

use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longer than a healthy service on this machine ever takes to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Gets `http://127.0.0.1:<port><path>`, gives up after five seconds, and returns status and body.
pub async fn get(port: u16, path: &str) -> Result<(StatusCode, Bytes)> {
    tokio::time::timeout(TIMEOUT, exchange(port, path)).await.context("no answer in time")?
}

async fn exchange(port: u16, path: &str) -> Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header("host", format!("127.0.0.1:{port}")).body(Empty::<Bytes>::new())?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    // The connection makes progress only while it is polled; it ends when the sender is gone.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
