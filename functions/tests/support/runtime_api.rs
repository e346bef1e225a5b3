//! A Lambda execution environment: a function's process and the runtime API that it polls.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

/// An invocation returned no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationError {
    /// The process died.
    Died,
    /// The invocation timed out, and the process was killed, as in Lambda.
    TimedOut,
    /// The function reported an error.
    Reported { kind: String, message: String },
}

type Answer = Result<Value, InvocationError>;

/// The state that the process and the API share.
struct Exchange {
    events: tokio::sync::Mutex<mpsc::Receiver<(Bytes, Duration)>>,
    waiting: Mutex<Option<oneshot::Sender<Answer>>>,
    ready: watch::Sender<Option<Instant>>,
}

/// A running environment.
pub struct Environment {
    pub pid: u32,
    pub started: Instant,
    exchange: Arc<Exchange>,
    events: mpsc::Sender<(Bytes, Duration)>,
    kill: mpsc::Sender<()>,
    exited: watch::Receiver<bool>,
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Environment {
    /// Starts the binary. Its output goes to a file in `logs`.
    pub async fn start(binary: &Path, variables: &[(String, String)], logs: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = std::fs::File::create(logs.join(format!("{number}.log"))).unwrap();
        let started = Instant::now();
        let mut child = Command::new(binary)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .envs([
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ])
            .env("AWS_LAMBDA_FUNCTION_NAME", full_name(binary))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (events, receiver) = mpsc::channel(1);
        let exchange = Arc::new(Exchange {
            events: tokio::sync::Mutex::new(receiver),
            waiting: Mutex::new(None),
            ready: watch::Sender::new(None),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&exchange)));
        let (kill, mut killed) = mpsc::channel(1);
        let (exit, exited) = watch::channel(false);
        let pid = child.id().unwrap();
        let shared = Arc::clone(&exchange);
        tokio::spawn(async move {
            tokio::select! {
                _ = child.wait() => {}
                _ = killed.recv() => { let _ = child.kill().await; }
            }
            serving.abort();
            exit.send_replace(true);
            // Dropping the sender reports the death to the waiting invocation.
            shared.waiting.lock().unwrap().take();
        });
        Self { pid, started, exchange, events, kill, exited }
    }

    /// Returns a handle that kills the process with SIGKILL.
    pub fn killer(&self) -> mpsc::Sender<()> {
        self.kill.clone()
    }

    pub fn is_dead(&self) -> bool {
        *self.exited.borrow()
    }

    /// Waits until the process polls for its first event, and returns the time since its start.
    pub async fn initialised(&self) -> Duration {
        let mut ready = self.exchange.ready.subscribe();
        let ready = ready.wait_for(Option::is_some).await.unwrap();
        ready.unwrap().duration_since(self.started)
    }

    /// Invokes the function and waits for the result.
    pub async fn invoke(&self, event: &Value, time: Duration) -> Answer {
        let (sender, receiver) = oneshot::channel();
        *self.exchange.waiting.lock().unwrap() = Some(sender);
        if self.is_dead() || self.events.send((Bytes::from(event.to_string()), time)).await.is_err() {
            return Err(InvocationError::Died);
        }
        match tokio::time::timeout(time + Duration::from_millis(500), receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(InvocationError::Died),
            Err(_) => {
                let _ = self.kill.try_send(());
                Err(InvocationError::TimedOut)
            }
        }
    }
}

/// Returns the name that the deployment would give the function.
pub fn full_name(binary: &Path) -> String {
    format!("lambda-{}-test", binary.file_name().unwrap().to_string_lossy())
}

async fn serve(listener: TcpListener, exchange: Arc<Exchange>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let exchange = Arc::clone(&exchange);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&exchange)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, exchange: Arc<Exchange>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET && path.ends_with("/invocation/next") {
        exchange.ready.send_if_modified(|ready| {
            let first = ready.is_none();
            ready.get_or_insert_with(Instant::now);
            first
        });
        let next = exchange.events.lock().await.recv().await;
        let (event, time) = next.unwrap_or((Bytes::from_static(b"{}"), Duration::ZERO));
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let response = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", format!("request-{number}"))
            .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
            .header("Content-Type", "application/json")
            .body(Full::new(event));
        return Ok(response.unwrap());
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let result = if path.ends_with("/response") {
        Ok(value)
    } else {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(InvocationError::Reported { kind: text("errorType"), message: text("errorMessage") })
    };
    if let Some(waiting) = exchange.waiting.lock().unwrap().take() {
        let _ = waiting.send(result);
    }
    Ok(Response::builder().status(202).body(Full::default()).unwrap())
}
