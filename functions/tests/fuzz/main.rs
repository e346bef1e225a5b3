//! Schemathesis fuzzes the API from its OpenAPI document: the function binaries, a real PostgreSQL, and a front end
//! that does what API Gateway does. There is no 5xx response, every status and body is as documented, and no
//! unauthenticated or malformed request is accepted.
//!
//! `PAYINFRA_SCHEMATHESIS` is the path of the program (`tests/support/setup schemathesis` installs it),
//! `PAYMENTS_FUZZ_EXAMPLES` the number of requests per operation and phase (40 by default), and `PAYMENTS_FUZZ_SEED`
//! the seed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gateway;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gateway::{API_KEY, Decision};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use payments::frame::function::Function;
use serde_json::{Value, json};
use support::requests::action;
use support::stack::{Options, Stack};
use tokio::net::TcpListener;
use tokio::process::Command;

/// The checks that the API must pass. Two are left out: that every body the schema allows is accepted, because the
/// function validates what the values mean, and how unknown methods and paths are answered, because API Gateway returns
/// 403.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,missing_required_header,\
    ignored_auth";

struct Front {
    stack: Stack,
    document: Value,
    /// The number of responses by status.
    statuses: Mutex<BTreeMap<u16, u64>>,
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter();
        let request = gateway::Request {
            method: parts.method.to_string(),
            path: decoded(parts.uri.path()),
            headers: headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            body: text(&body.collect().await.map(|body| body.to_bytes()).unwrap_or_default()),
        };
        let answer = match request.decide(&self.document) {
            Decision::Rejected(status, message) => json!({
                "statusCode": status, "headers": {"Content-Type": "application/json"},
                "body": json!({"message": message}).to_string(),
            }),
            Decision::Passed { function, event } => {
                let function = Function::ALL.into_iter().find(|listed| listed.name() == function).unwrap();
                let pool = self.stack.pool(function);
                pool.invoke(&event)
                    .await
                    .unwrap_or_else(|failure| json!({"statusCode": 502, "body": format!("{failure:?}")}))
            }
        };
        let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
        *self.statuses.lock().unwrap().entry(status).or_default() += 1;
        let mut response = Response::builder().status(status);
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            response = response.header(name, value.as_str().unwrap());
        }
        response.body(Full::from(answer["body"].as_str().unwrap_or_default().to_owned())).unwrap()
    }
}

/// Decodes percent-encoding.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            // An encoded slash is not a separator.
            Some(byte) => {
                bytes.push(if byte == b'/' { b'?' } else { byte });
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn serve(front: Arc<Front>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let front = Arc::clone(&front);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let front = Arc::clone(&front);
                    async move { Ok::<_, Infallible>(front.answer(request).await) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn the_api_conforms_to_its_document() {
    let program = std::env::var_os("PAYINFRA_SCHEMATHESIS")
        .expect("Schemathesis not found: set PAYINFRA_SCHEMATHESIS to the program that `tests/support/setup schemathesis` installs");
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let examples = setting("PAYMENTS_FUZZ_EXAMPLES", "40");
    let seed = setting("PAYMENTS_FUZZ_SEED", "20261122");
    let front = Arc::new(Front {
        stack: Stack::start(Options { environments: 2, configuration_seconds: 30, ..Options::default() }).await,
        document: payments::openapi::document(),
        statuses: Mutex::default(),
    });
    let url = serve(Arc::clone(&front)).await;
    let home = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A deployed API uses one of the two authentication methods; this one uses keys (`api.auth = "api-key"`).
    let mut document = front.document.clone();
    document["security"] = json!([{"apiKey": []}]);
    document["components"]["securitySchemes"].as_object_mut().unwrap().remove("sigv4");
    let file = home.path().join("openapi.json");
    std::fs::write(&file, payments::openapi::to_json(&document)).unwrap();
    let output = Command::new(program)
        .arg("run")
        .arg(file)
        .args(["--url", &url, "--header", &format!("x-api-key: {API_KEY}"), "--checks", CHECKS])
        .args([
            "--seed",
            &seed,
            "--max-examples",
            &examples,
            "--continue-on-failure",
            "--no-color",
            "--warnings",
            "off",
        ])
        .args(["--suppress-health-check", "all", "--generation-database", "none"])
        .env("SCHEMATHESIS_HOOKS", here.join("tests/fuzz/hooks.py"))
        .env("HOME", home.path())
        .current_dir(home.path())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let statuses = std::mem::take(&mut *front.statuses.lock().unwrap());
    assert!(output.status.success(), "seed {seed}, {statuses:?}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    let balance = front.stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    let booked = balance["payments"].as_u64().unwrap();
    support::summary::line(
        "schemathesis",
        &format!(
            "seed {seed}, {} requests: answers {statuses:?}, {booked} payments booked; 0 failures",
            statuses.values().sum::<u64>()
        ),
    );
    // The run reached the ledger, and the ledger stayed consistent.
    assert!(booked > 0 && statuses.contains_key(&200) && statuses.contains_key(&422), "{statuses:?}\n{text}");
    assert_eq!((&balance["unbalanced"], &balance["overrefunded"]), (&json!(0), &json!(0)));
    assert!(!front.stack.logs().contains("\"Outcome\":\"panic\""));
}
