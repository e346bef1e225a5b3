//! The body of a function's binary: it runs a handler behind Lambda's runtime API and writes the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::frame::environment::Environment;
use crate::frame::function::Function;
use crate::frame::invocation::Invocation;
use crate::frame::observation::{self, Level, Logger, Observation};
use crate::frame::rejection::Rejection;
use crate::frame::request::Request;
use crate::frame::response::Response;
use crate::frame::routes::Matched;

/// What a handler returns: a [`Response`] to an HTTP request, a JSON value to any other event.
#[derive(Debug)]
pub struct Handled<T> {
    /// A short code for the log and the metrics.
    pub outcome: &'static str,
    /// The output.
    pub output: T,
}

/// One of the functions.
pub trait Handler: Sized {
    /// The function's entry in the list of functions.
    const FUNCTION: Function;

    /// Creates the clients, once per execution environment.
    fn start(environment: Environment) -> impl Future<Output = Result<Self, Error>>;

    /// Answers an HTTP request whose route belongs to this function. The default is for functions without routes.
    fn http(
        &self,
        _request: &Request<'_>,
        _matched: &Matched<'_>,
        _observation: &Observation,
    ) -> impl Future<Output = Result<Handled<Response>, Rejection>> {
        std::future::ready(Err(Rejection::new(404, "no_route", "this function has no routes")))
    }

    /// Handles any other event.
    fn event(
        &self,
        invocation: &Invocation<'_>,
        observation: &Observation,
    ) -> impl Future<Output = Result<Handled<Value>, Rejection>>;
}

/// Runs a function until Lambda ends the process, on a single thread because an environment handles one event at a
/// time.
pub fn serve<H: Handler>() -> Result<(), Error> {
    let environment = Environment::read();
    let function = environment.function_name.clone().unwrap_or_else(|| H::FUNCTION.name().to_owned());
    let logger = &Logger { function, level: environment.log_level };
    log_panics(logger.function.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let handler = &H::start(environment).await?;
        let handle = async move |event: LambdaEvent<Value>| invoke(handler, logger, event).await;
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Handles one invocation and writes its log line.
async fn invoke<H: Handler>(handler: &H, logger: &Logger, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let remaining = until(event.context.deadline, SystemTime::now());
    let observation = Observation::start(logger, &event.context.request_id, remaining);
    let (outcome, result) = match handle(handler, &event.payload, &observation).await {
        Ok(handled) => (handled.outcome, Ok(handled.output)),
        Err(rejection) => {
            observe(&rejection, &observation);
            (rejection.code, Err(diagnostic(&rejection)))
        }
    };
    observation.finish(outcome);
    result
}

/// Handles one event. A rejected HTTP request is a response; any other rejected event is a failed invocation.
async fn handle<H: Handler>(
    handler: &H,
    event: &Value,
    observation: &Observation,
) -> Result<Handled<Value>, Rejection> {
    match Invocation::of(event) {
        Invocation::Http(request) => {
            let Handled { outcome, output: response } =
                answer(handler, &request, observation).await.unwrap_or_else(|rejection| {
                    observe(&rejection, observation);
                    Handled { outcome: rejection.code, output: rejection.response() }
                });
            observation.number("status", u64::from(response.status));
            Ok(Handled { outcome, output: response.into_event() })
        }
        Invocation::Unknown => Err(Rejection::unknown_event()),
        invocation => handler.event(&invocation, observation).await,
    }
}

async fn answer<H: Handler>(
    handler: &H,
    request: &Request<'_>,
    observation: &Observation,
) -> Result<Handled<Response>, Rejection> {
    if let Some(id) = request.gateway_request_id() {
        observation.field("gateway_request_id", id);
    }
    let matched = request.route()?;
    observation.field("operation", matched.route.operation_id);
    if matched.route.function != H::FUNCTION {
        return Err(Rejection::new(404, "no_route", "another function handles this path"));
    }
    handler.http(request, &matched, observation).await
}

/// Logs a rejection: as an error if the service is at fault, and otherwise as a warning.
fn observe(rejection: &Rejection, observation: &Observation) {
    observation.set_level(if rejection.status < 500 { Level::Warn } else { Level::Error });
    if let Some(cause) = &rejection.cause {
        observation.field("cause", cause);
    }
}

/// Returns every function's answer to the deployment's health check.
pub fn healthy(function: Function) -> Handled<Value> {
    let output = json!({"status": "ok", "function": function.name(), "version": env!("CARGO_PKG_VERSION")});
    Handled { outcome: "healthy", output }
}

/// Creates the error that Lambda reports. An asynchronous invocation carries it to the dead-letter queue.
fn diagnostic(rejection: &Rejection) -> Diagnostic {
    let message = match &rejection.cause {
        Some(cause) => format!("{}: {cause}", rejection.message),
        None => rejection.message.to_owned(),
    };
    Diagnostic { error_type: rejection.code.to_owned(), error_message: message }
}

fn until(deadline_milliseconds: u64, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(deadline_milliseconds).saturating_sub(now)
}

/// Logs only the location of a panic, because its message may contain data.
fn log_panics(function: String) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        observation::write_line(&json!({
            "level": "error", "Function": function, "Outcome": "panic", "place": place,
        }));
    }));
}
