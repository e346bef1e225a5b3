//! The notifications function: archives each event, delivers its webhook, and sends what cannot be
//! delivered to the dead-letter queue with the reason.
//!
//! Retries happen on three levels. Inside one invocation, passing failures are tried again with growing
//! pauses. When that is not enough the invocation fails, and Lambda repeats it twice (asynchronous
//! invocation). What is permanently refused, or fails in the third invocation, goes to the dead-letter
//! queue **by this function's own message**, which carries the reason, the number of attempts and the
//! event. Should even that fail, the invocation's error is the reason, and Lambda's own dead-letter
//! handling carries it (attribute `ErrorMessage`).

use std::time::Duration;

use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::frame::clients;
use crate::frame::clock::seconds_now;
use crate::frame::environment::Environment;
use crate::frame::http::{Request, Response};
use crate::frame::invocation::Invocation;
use crate::frame::lambda::{Done, Handler, healthy};
use crate::frame::observation::{Observation, Part};
use crate::frame::refusal::{Refusal, chain};
use crate::frame::routes::{Function, Matched};
use crate::rules::identifiers::{self, Kind};
use crate::stores::configuration::{Configuration, ConfigurationError, ParameterStore};
use crate::stores::deliveries::{self, Claim, DeliveryError};
use crate::stores::webhook::{WebhookError, Webhooks};

/// Lambda invokes once and repeats twice.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const INVOCATIONS: u64 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const TRIES: u32 = 3;
/// Kept free at an invocation's end for telling what happened.
const RESERVE: Duration = Duration::from_millis(1500);

/// The function with its clients.
pub struct Notifications {
    parameters: ParameterStore,
    archive: aws_sdk_s3::Client,
    deliveries: aws_sdk_dynamodb::Client,
    dead_letters: aws_sdk_sqs::Client,
    webhooks: Webhooks,
}

/// Why an event was not notified.
#[derive(Debug, thiserror::Error)]
enum NotifyError {
    #[error("the message is not an event of the ledger")]
    Malformed,
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("cannot archive the event: {0}")]
    Archive(String),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("another attempt is at this event")]
    Busy,
}

/// An event as the ledger wrote it; the raw text is what is archived, signed and sent.
struct Event<'a> {
    id: String,
    merchant_id: String,
    date: String,
    raw: &'a str,
}

impl Handler for Notifications {
    const FUNCTION: Function = Function::Notifications;

    async fn start(environment: Environment) -> Result<Self, Error> {
        let settings = clients::settings(&environment, clients::credentials());
        let parameters = ParameterStore::new(
            aws_sdk_ssm::Client::new(&settings),
            environment.parameter_path.clone(),
            environment.configuration_max_age,
            true,
        );
        // Emulated buckets have no host names of their own.
        let s3 =
            aws_sdk_s3::config::Builder::from(&settings).force_path_style(environment.endpoint_url.is_some()).build();
        // Ahead of the first request, which meets a failure itself.
        let _ = parameters.current().await;
        Ok(Self {
            parameters,
            archive: aws_sdk_s3::Client::from_conf(s3),
            deliveries: aws_sdk_dynamodb::Client::new(&settings),
            dead_letters: aws_sdk_sqs::Client::new(&settings),
            webhooks: Webhooks::new(environment.webhook_loopback_ca.as_deref())?,
        })
    }

    async fn http(
        &self,
        _: &Request<'_>,
        _: &Matched<'_>,
        _: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        Err(Refusal::new(404, "no_route", "this function has no routes"))
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Done, Refusal> {
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        match invocation {
            Invocation::Action("health") => {
                configuration.required("storage/archive-bucket")?;
                configuration.secret("secrets/webhook-signing-key")?;
                Ok(healthy(Self::FUNCTION))
            }
            Invocation::Messages(messages) => {
                let mut outcome = "empty";
                for message in messages {
                    outcome = self.take(message, &configuration, observation).await?;
                }
                Ok(Done { outcome, answer: json!({"outcome": outcome}) })
            }
            _ => Err(Refusal::new(400, "unknown_event", "this function does not do that")),
        }
    }
}

impl Notifications {
    /// Sees one message to its end: notified, known already, or in the dead-letter queue. An error means
    /// that Lambda shall invoke again.
    async fn take(
        &self,
        message: &str,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, Refusal> {
        let Some(event) = Event::read(message) else {
            let reason = NotifyError::Malformed;
            return self.bury(message, None, 1, &reason, configuration, observation).await;
        };
        observation.note("event_id", &event.id);
        observation.note("merchant_id", &event.merchant_id);
        let table = configuration.required("storage/sessions-table")?;
        let now = seconds_now();
        let lease = i64::try_from(observation.remaining().as_secs()).unwrap_or(0) + 1;
        let claiming = deliveries::claim(&self.deliveries, table, &event.id, now, now + lease);
        let attempts = match observation.time(Part::Service, claiming).await.map_err(failed)? {
            Claim::Claimed(attempts) => attempts,
            Claim::Delivered => return Ok("duplicate"),
            Claim::Busy => return Err(failed(NotifyError::Busy)),
        };
        observation.count("attempt", attempts);
        match self.notify(&event, configuration, observation).await {
            Ok(outcome) => {
                let noting = deliveries::delivered(&self.deliveries, table, &event.id, seconds_now());
                observation.time(Part::Service, noting).await.map_err(failed)?;
                Ok(outcome)
            }
            Err(reason) => {
                let last = attempts >= INVOCATIONS || !reason.is_passing();
                let releasing = deliveries::give_back(&self.deliveries, table, &event.id, last);
                let released = observation.time(Part::Service, releasing).await;
                if last {
                    let id = Some(event.id.as_str());
                    return self.bury(message, id, attempts, &reason, configuration, observation).await;
                }
                // An unreturned claim runs out by itself.
                if let Err(error) = released {
                    observation.note("claim", &chain(&error));
                }
                Err(failed(reason))
            }
        }
    }

    /// Archives, then delivers where the merchant wants it and notifications are on.
    async fn notify(
        &self,
        event: &Event<'_>,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, NotifyError> {
        let bucket = configuration.required("storage/archive-bucket")?;
        observation.time(Part::Service, self.archive(bucket, event)).await?;
        let url = configuration.optional(&format!("webhooks/{}", event.merchant_id));
        let Some(url) = url else { return Ok("archived") };
        if !configuration.flag("features/notifications-enabled")? {
            return Ok("archived");
        }
        let key = configuration.secret("secrets/webhook-signing-key")?;
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let delivering = self.webhooks.deliver(url, key, &event.id, event.raw, seconds_now());
            match observation.time(Part::Webhook, delivering).await {
                Ok(()) => break,
                Err(error) => {
                    let time_left = observation.remaining() > pause + RESERVE + Duration::from_secs(5);
                    if attempt >= TRIES || !error.is_passing() || !time_left {
                        return Err(error.into());
                    }
                }
            }
            sleep(pause).await;
            pause *= 4;
        }
        Ok("delivered")
    }

    /// Writes the event's object unless it is there. The bucket's default encryption applies, so the
    /// function need not know which key that is.
    async fn archive(&self, bucket: &str, event: &Event<'_>) -> Result<(), NotifyError> {
        let answer = self
            .archive
            .put_object()
            .bucket(bucket)
            .key(format!("events/{}/{}.json", event.date, event.id))
            .content_type("application/json")
            .if_none_match("*")
            .body(event.raw.as_bytes().to_vec().into())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if error.raw_response().is_some_and(|r| r.status().as_u16() == 412) => Ok(()),
            Err(error) => Err(NotifyError::Archive(chain(&error))),
        }
    }

    /// Sends a message to the dead-letter queue with the reason.
    async fn bury(
        &self,
        message: &str,
        event_id: Option<&str>,
        attempts: u64,
        reason: &NotifyError,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, Refusal> {
        let reason = chain(reason);
        observation.note("reason", &reason);
        let Some(queue) = configuration.optional("queues/notifications-dlq-url") else {
            // Without a queue of its own the reason goes where Lambda sends failed invocations.
            let mut refusal = Refusal::new(500, "not_notified", "the event cannot be notified");
            refusal.cause = Some(reason);
            return Err(refusal);
        };
        let event: Value = serde_json::from_str(message).unwrap_or_else(|_| message.into());
        let body = json!({"reason": reason, "attempts": attempts, "event_id": event_id, "event": event});
        let sending = self.dead_letters.send_message().queue_url(queue).message_body(body.to_string());
        observation.time(Part::Service, sending.send()).await.map_err(|error| {
            let mut refusal = Refusal::unavailable("dead_letters_unavailable", &error);
            refusal.cause = refusal.cause.map(|cause| format!("{reason}; {cause}"));
            refusal
        })?;
        Ok("dead_letter")
    }
}

impl NotifyError {
    /// Says whether a later invocation may succeed.
    fn is_passing(&self) -> bool {
        match self {
            Self::Malformed => false,
            Self::Webhook(error) => error.is_passing(),
            _ => true,
        }
    }
}

impl<'a> Event<'a> {
    /// Reads an event; its id and merchant become parts of names, so their form is checked.
    fn read(raw: &'a str) -> Option<Self> {
        let event: Value = serde_json::from_str(raw).ok()?;
        let id = event["id"].as_str().filter(|id| identifiers::is(Kind::Event, id))?;
        let merchant_id = event["data"]["merchant_id"]
            .as_str()
            .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))?;
        let day = event["created_at"].as_str()?.get(..10)?;
        let is_date = day.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        is_date.then(|| Self {
            id: id.to_owned(),
            merchant_id: merchant_id.to_owned(),
            date: day.replace('-', "/"),
            raw,
        })
    }
}

fn failed(error: impl Into<NotifyError>) -> Refusal {
    Refusal::unavailable("not_notified", &error.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_events_of_the_ledger_are_read() {
        let id = "evt_abcdefghijklmnopabcdefghijklmnop";
        let good = json!({"id": id, "created_at": "2026-11-22T10:00:00.000000Z", "data": {"merchant_id": "m-1"}});
        let text = good.to_string();
        let event = Event::read(&text).unwrap();
        assert_eq!((event.id.as_str(), event.date.as_str()), (id, "2026/11/22"));
        for (pointer, value) in [
            ("/id", json!("../../x")),
            ("/id", json!(null)),
            ("/data/merchant_id", json!("../x")),
            ("/created_at", json!("today")),
            ("/created_at", json!("../../../..")),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(Event::read(&bad.to_string()).is_none(), "{bad}");
        }
    }
}
