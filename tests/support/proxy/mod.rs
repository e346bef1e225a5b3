//! A reverse proxy on 127.0.0.1 in front of an emulator: it writes every call down, breaks what it is told to
//! break, and can stop the world at a chosen call so that a test can kill the caller at that very moment.

mod behaviour;
mod connection;
mod fault;
mod garble;
mod operation;
mod record;
mod rest;
mod virtual_host;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use behaviour::Behaviour;
pub use behaviour::{Collision, Wording};
use connection::{Body, Connection, Line, Watched};
pub use fault::{Fault, Moment, Rule};
pub use garble::Garble;
pub use operation::{Protocol, Seen};
pub use record::{Call, Target, address_in};
use record::{Flight, Hold, Shared};

use super::aws_rules::{Asked, AwsRules, Row, Verdict};
use super::ground::{Gap, Ground};

/// A running proxy; it and all its connections end when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    handler: Handler,
    runtime: Option<Runtime>,
}

/// How long a thing is kept busy that takes one change at a time.
const BUSY: Duration = Duration::from_millis(100);

/// No pool: an idle connection that the emulator closes would look like a fault nobody asked for.
type Upstream = Client<HttpConnector, Full<Bytes>>;

impl Proxy {
    /// Starts a proxy in front of `upstream`, on threads of its own.
    pub fn start(upstream: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let handler = Handler { shared: shared.clone(), client, upstream };
        let serving = handler.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        Self { address, shared, handler, runtime: Some(runtime) }
    }

    /// Listens where AWS's services do as well, on port 443 and with TLS.
    pub fn listen_as_aws(&self, acceptor: TlsAcceptor) {
        let runtime = self.runtime.as_ref().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:443")).unwrap();
        let handler = self.handler.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, acceptor) = (handler.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // A caller that was killed, or that does not trust the authority.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    handler.serve(stream).await;
                });
            }
        });
    }

    /// From now on what the emulator lacks is filled in, and what earlier gaps remembered is forgotten.
    pub fn fill(&self, gaps: &'static [Gap]) {
        self.shared.state().ground = Some(Ground::new(gaps));
    }

    /// The proxy's address as a URL, for `--endpoint-url`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The proxy's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule; of several that fit a call, the first added counts.
    pub fn rule(&self, rule: Rule) {
        self.shared.state().rules.push(rule);
    }

    /// Removes all rules.
    pub fn clear_rules(&self) {
        self.shared.state().rules.clear();
    }

    /// Delays every call from now on.
    pub fn latency(&self, latency: Duration) {
        self.shared.state().latency = latency;
    }

    /// Stops the world at the `call`-th mutating call (from 1): tells the receiver, and from then on neither forwards
    /// nor answers anything until [`Proxy::release`].
    pub fn hold(&self, call: usize, moment: Moment) -> Receiver<Call> {
        let (sender, receiver) = channel();
        let tell = move |call| {
            sender.send(call).ok();
        };
        self.stop_at(vec![(Target::Mutating(call), moment)], tell);
        receiver
    }

    /// Stops the world at whichever of these comes first, and does something at that very moment, on the thread that
    /// carries the call.
    pub fn stop_at(&self, at: Vec<(Target, Moment)>, then: impl FnOnce(Call) + Send + 'static) {
        self.shared.state().hold = Some(Hold { at, then: Box::new(then) });
    }

    /// From now on a request with the token of an earlier one gets the earlier answer, one of these operations that
    /// repeats an earlier one collides, and these words are understood, as on AWS; what was asked for before is forgotten.
    pub fn emulate(&self, collisions: &[Collision], wordings: &[Wording]) {
        self.shared.state().behaviour = Some(Behaviour::new(collisions, wordings));
    }

    /// From now on the emulator behaves as these rows say, and what earlier ones remembered is forgotten. The tests' own
    /// programs, which do not try again, are spared.
    pub fn behave(&self, rows: Vec<Row>) {
        self.shared.state().aws = Some(AwsRules::new(rows));
    }

    /// The rules of [`Proxy::behave`] that were met, and what was asked for that AWS takes and that does not work then.
    pub fn behaved(&self) -> (Vec<&'static str>, Vec<String>) {
        let state = self.shared.state();
        let aws = state.aws.as_ref();
        (aws.map(AwsRules::met).unwrap_or_default(), aws.map(|aws| aws.wrong().to_vec()).unwrap_or_default())
    }

    /// Counts the calls of each operation from one again.
    pub fn count_anew(&self) {
        self.shared.state().occurrences.clear();
    }

    /// Waits until the emulator has answered all that it was sent, also for callers that are dead by now.
    pub fn quiet(&self) {
        let begun = Instant::now();
        while self.shared.state().in_flight > 0 {
            assert!(begun.elapsed() < Duration::from_secs(90), "the emulator does not answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets the world go on; connections that were held are reset, unanswered.
    pub fn release(&self) {
        self.shared.state().hold = None;
        self.shared.thaw();
    }

    /// All calls since the start or the last [`Proxy::forget`], in the order they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// How often each operation was called, as `service:Operation`.
    pub fn counts(&self) -> std::collections::BTreeMap<String, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for call in &self.shared.state().calls {
            *counts.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
        }
        counts
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.shared.state().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// How many mutating calls arrived.
    pub fn mutating(&self) -> usize {
        self.shared.state().calls.iter().filter(|call| call.mutating.is_some()).count()
    }

    /// Forgets the calls and counts from one again; rules stay.
    pub fn forget(&self) {
        self.shared.forget();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.thaw();
        // Not awaited: the test may itself run inside a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Handler {
    shared: Arc<Shared>,
    client: Upstream,
    upstream: SocketAddr,
}

/// An answer as it came from the emulator or was made up.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: hyper::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Handler {
    async fn serve(self, stream: impl Connection) {
        let line = Arc::new(Line::default());
        let watched = Watched::new(stream, line.clone());
        let service = hyper::service::service_fn(move |request| {
            let (handler, line) = (self.clone(), line.clone());
            async move { handler.handle(request, &line).await }
        });
        // An error here is one of the faults, or a caller that was killed.
        hyper::server::conn::http1::Builder::new().serve_connection(watched, service).await.ok();
    }

    /// Returns an error to have the connection closed without an answer.
    async fn handle(&self, request: Request<Incoming>, line: &Arc<Line>) -> Result<Response<Body>, Broken> {
        let (mut parts, body) = request.into_parts();
        virtual_host::put_into_the_path(&mut parts);
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let begun = Instant::now();
        self.shared.until_thawed(line).await?;
        let seen = operation::recognise(&parts, &body);
        let (index, call, latency) = self.shared.record(&parts, &body, &seen);
        tokio::time::sleep(latency).await;
        self.shared.hold_at(&call, Moment::BeforeForward, line).await?;
        let flight = self.shared.flight();
        let fault = call.fault;
        if fault == Some(Fault::Reset) {
            return Err(line.reset());
        }
        if let Some((status, code)) = fault.and_then(|fault| fault.refusal(&seen)) {
            self.shared.finish(index, status.as_u16(), begun);
            return Ok(fault::refuse(&seen, status, code).into_response(None));
        }
        if let Some(Fault::Delay(delay)) = fault {
            tokio::time::sleep(delay).await;
        }
        // A task of its own: once sent, a call runs to its end even if the caller dies meanwhile.
        let handler = self.clone();
        let forwarded = tokio::spawn(async move {
            let answer = handler.deliver(&parts, &body, &seen, &flight).await;
            let twice = fault == Some(Fault::Twice);
            let answer = if twice { handler.deliver(&parts, &body, &seen, &flight).await } else { answer };
            handler.shared.finish(index, answer.status.as_u16(), begun);
            answer
        });
        let answer = forwarded.await.map_err(|_| Broken)?;
        if let Some(Fault::Stall(stall)) = fault {
            tokio::time::sleep(stall).await;
        }
        self.shared.hold_at(&call, Moment::AfterForward, line).await?;
        if fault == Some(Fault::DropAnswer) {
            return Err(line.reset());
        }
        if self.shared.is_hold(&call, Moment::AfterAnswer) {
            line.arm(self.shared.clone(), call);
        }
        if let Some(Fault::Garble(garble)) = fault {
            return Ok(answer.garbled(garble).into_response(None));
        }
        if fault != Some(Fault::Truncate) {
            return Ok(answer.into_response(None));
        }
        match answer.body.len() {
            // Nothing to cut off: the shortest prefix of such an answer is none.
            0 | 1 => Err(line.reset()),
            length => Ok(answer.into_response(Some(length / 2))),
        }
    }

    /// Forwards a request as AWS would take it, and gives the answer that AWS would give.
    async fn deliver(&self, parts: &http::request::Parts, body: &Bytes, seen: &Seen, flight: &Flight) -> Answer {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let asked = Asked::new(seen, path, body);
        if is_of_a_test(&parts.headers) {
            let answer = self.pass_on(parts, body, seen, flight).await;
            if let Some(aws) = self.shared.state().aws.as_mut().filter(|_| answer.status.is_success()) {
                aws.learn(&asked, &answer.body);
            }
            return answer;
        }
        let verdict = self.shared.state().aws.as_mut().map(|aws| aws.before(&asked));
        let busy = match verdict {
            None => return self.pass_on(parts, body, seen, flight).await,
            Some(Verdict::Refused((status, code, message))) => {
                return fault::refuse_saying(seen, StatusCode::from_u16(status).unwrap(), code, message);
            }
            Some(Verdict::Answered(text)) => {
                let (headers, body) = (hyper::HeaderMap::new(), Bytes::from_static(text.as_bytes()));
                return Answer { status: StatusCode::OK, headers, body };
            }
            Some(Verdict::Passes(busy)) => busy,
        };
        if busy.is_some() {
            // Long enough for what is sent at the same time to meet it.
            tokio::time::sleep(BUSY).await;
        }
        let mut answer = self.pass_on(parts, body, seen, flight).await;
        if let Some(aws) = &mut self.shared.state().aws {
            answer.body = aws.after(&asked, busy.as_deref(), answer.status.is_success(), &answer.body);
        }
        if let Some(announced) = answer.headers.get_mut(http::header::CONTENT_LENGTH) {
            *announced = answer.body.len().into();
        }
        answer
    }

    /// Forwards a request, or answers as AWS does to a repeated one.
    async fn pass_on(&self, parts: &http::request::Parts, body: &Bytes, seen: &Seen, _: &Flight) -> Answer {
        let (repeated, worded) = match &self.shared.state().behaviour {
            Some(behaviour) => (behaviour.repeated(seen, parts.uri.path(), body), behaviour.in_its_words(seen, body)),
            None => (None, body.clone()),
        };
        if let Some(answer) = repeated {
            return answer;
        }
        let answer = self.completed(parts, seen, worded).await;
        if let Some(behaviour) = &mut self.shared.state().behaviour {
            behaviour.remember(seen, parts.uri.path(), body, &answer);
        }
        answer
    }

    /// Forwards a request with what the emulator lacks filled in before and after.
    async fn completed(&self, parts: &http::request::Parts, seen: &Seen, mut body: Bytes) -> Answer {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let asked = Asked::new(seen, path, &body);
        if let Some(ground) = &mut self.shared.state().ground {
            if let Some(answer) = ground.answer(&asked) {
                return answer;
            }
            body = ground.request(&asked);
        }
        let mut answer = self.forward(parts, body).await;
        if let Some(ground) = &mut self.shared.state().ground {
            ground.complete(&asked, &parts.headers, &mut answer);
        }
        answer
    }

    async fn forward(&self, parts: &http::request::Parts, body: Bytes) -> Answer {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = format!("http://{}{path}", self.upstream).parse().unwrap();
        *request.headers_mut() = end_to_end(&parts.headers);
        // In the emulator's words a body may have another length.
        if let Some(announced) = request.headers_mut().get_mut(http::header::CONTENT_LENGTH) {
            *announced = length.into();
        }
        let exchange = async {
            let (parts, body) = self.client.request(request).await.map_err(|error| error.to_string())?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>(Answer { status: parts.status, headers: end_to_end(&parts.headers), body })
        };
        exchange.await.unwrap_or_else(|error| Answer {
            status: StatusCode::BAD_GATEWAY,
            headers: hyper::HeaderMap::new(),
            body: Bytes::from(format!("the proxy got no answer from the emulator: {error}")),
        })
    }
}

impl Answer {
    /// Another body under the same headers.
    fn garbled(mut self, garble: Garble) -> Self {
        self.body = garble.apply(&self.body);
        if let Garble::Page(status) = garble {
            self.status = StatusCode::from_u16(status).unwrap();
        }
        self.headers.insert(http::header::CONTENT_LENGTH, self.body.len().into());
        self
    }

    /// The whole answer, or with `cut` the announcement of the whole and only so many bytes of it.
    fn into_response(self, cut: Option<usize>) -> Response<Body> {
        let length = self.body.len();
        let mut response = Response::new(Body::new(self.body, cut));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if cut.is_some() {
            response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
        }
        response
    }
}

/// Whether a request comes from a program of the tests, all of which use boto3.
fn is_of_a_test(headers: &hyper::HeaderMap) -> bool {
    headers.get(http::header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Boto3"))
}

/// The headers that are not about one connection alone (RFC 9110, section 7.6.1); bodies are whole, so `Expect` is done with.
fn end_to_end(headers: &hyper::HeaderMap) -> hyper::HeaderMap {
    let mut headers = headers.clone();
    for name in ["connection", "keep-alive", "transfer-encoding", "expect"] {
        headers.remove(name);
    }
    headers
}

/// Why a connection is closed unanswered.
#[derive(Debug)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Broken {}
