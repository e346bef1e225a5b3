//! What a function binary is: a handler between Lambda's runtime interface and the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::frame::environment::Environment;
use crate::frame::http::{Request, Response};
use crate::frame::invocation::Invocation;
use crate::frame::observation::{self, Level, Observation, Scribe};
use crate::frame::refusal::Refusal;
use crate::frame::routes::{Function, Matched};

/// What a handler has done.
#[derive(Debug)]
pub struct Done {
    /// A short code for log and metrics.
    pub outcome: &'static str,
    /// What Lambda answers with.
    pub answer: Value,
}

/// One of the three functions.
pub trait Handler: Sized {
    /// Which one.
    const FUNCTION: Function;

    /// Makes the clients, once per environment.
    fn start(environment: Environment) -> impl Future<Output = Result<Self, Error>>;

    /// Answers one request whose route is this function's.
    fn http(
        &self,
        request: &Request<'_>,
        matched: &Matched<'_>,
        observation: &Observation,
    ) -> impl Future<Output = Result<(&'static str, Response), Refusal>>;

    /// Handles every other event.
    fn event(
        &self,
        invocation: &Invocation<'_>,
        observation: &Observation,
    ) -> impl Future<Output = Result<Done, Refusal>>;
}

/// Runs a function until Lambda ends it. One thread: an environment has one request at a time.
pub fn serve<H: Handler>() -> Result<(), Error> {
    let environment = Environment::read();
    let function = environment.function_name.clone().unwrap_or_else(|| H::FUNCTION.name().to_owned());
    let scribe = &Scribe { function, level: environment.log_level };
    log_panics(scribe.function.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let handler = &H::start(environment).await?;
        let handle = async move |event: LambdaEvent<Value>| invoke(handler, scribe, event).await;
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Handles one invocation and writes its line.
async fn invoke<H: Handler>(handler: &H, scribe: &Scribe, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let remaining = until(event.context.deadline, SystemTime::now());
    let observation = Observation::start(scribe, &event.context.request_id, remaining);
    let (outcome, result) = match handle(handler, &event.payload, &observation).await {
        Ok(done) => (done.outcome, Ok(done.answer)),
        Err(refusal) => {
            note_refusal(&refusal, &observation);
            (refusal.code, Err(diagnostic(&refusal)))
        }
    };
    observation.finish(outcome);
    result
}

/// Handles one event without Lambda around it. A refused HTTP request is an answer; any other refused
/// event is a failed invocation.
pub async fn handle<H: Handler>(handler: &H, event: &Value, observation: &Observation) -> Result<Done, Refusal> {
    match Invocation::of(event) {
        Invocation::Http(request) => {
            let (outcome, response) = match answer(handler, &request, observation).await {
                Ok(answered) => answered,
                Err(refusal) => {
                    note_refusal(&refusal, observation);
                    (refusal.code, refusal.response())
                }
            };
            observation.count("status", u64::from(response.status));
            Ok(Done { outcome, answer: response.into_event() })
        }
        Invocation::Unknown => Err(Refusal::new(400, "unknown_event", "the event has no known form")),
        invocation => handler.event(&invocation, observation).await,
    }
}

async fn answer<H: Handler>(
    handler: &H,
    request: &Request<'_>,
    observation: &Observation,
) -> Result<(&'static str, Response), Refusal> {
    if let Some(id) = request.gateway_request_id() {
        observation.note("gateway_request_id", id);
    }
    let matched = request.route()?;
    observation.note("operation", matched.route.operation_id);
    if matched.route.function != H::FUNCTION {
        return Err(Refusal::new(404, "no_route", "another function answers here"));
    }
    handler.http(request, &matched, observation).await
}

/// A refusal is the caller's matter unless a part of the service is to blame.
fn note_refusal(refusal: &Refusal, observation: &Observation) {
    observation.rate(if refusal.status < 500 { Level::Warn } else { Level::Error });
    if let Some(cause) = &refusal.cause {
        observation.note("cause", cause);
    }
}

/// Gives what every function answers when the deployment asks for its health.
pub fn healthy(function: Function) -> Done {
    let answer = json!({"status": "ok", "function": function.name(), "version": env!("CARGO_PKG_VERSION")});
    Done { outcome: "healthy", answer }
}

/// Makes the error Lambda reports; asynchronous invocations carry it to the dead-letter queue.
fn diagnostic(refusal: &Refusal) -> Diagnostic {
    let message = match &refusal.cause {
        Some(cause) => format!("{}: {cause}", refusal.message),
        None => refusal.message.to_owned(),
    };
    Diagnostic { error_type: refusal.code.to_owned(), error_message: message }
}

fn until(deadline_milliseconds: u64, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(deadline_milliseconds).saturating_sub(now)
}

/// A panic's own message may quote data; only its place is logged.
fn log_panics(function: String) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        observation::write_line(&json!({
            "level": "error", "Function": function, "Outcome": "panic", "place": place,
        }));
    }));
}
