//! The notifications function: it archives each event, delivers its webhook, and sends an event that cannot be
//! delivered to the dead-letter queue with the reason.
//!
//! There are three levels of retries. Within an invocation, transient failures are retried with growing pauses. If that
//! is not enough, the invocation fails, and Lambda repeats it twice (asynchronous invocation). An event that fails
//! permanently or in the third invocation goes to the dead-letter queue **as a message from this function**, which
//! contains the reason, the number of attempts, and the event. If even that fails, the reason is the invocation's
//! error, which Lambda's own dead-letter queue receives as the attribute `ErrorMessage`.

use std::time::Duration;

use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::frame::causes::chain;
use crate::frame::clients;
use crate::frame::clock::seconds_now;
use crate::frame::environment::Environment;
use crate::frame::function::Function;
use crate::frame::invocation::Invocation;
use crate::frame::lambda::{Handled, Handler, healthy};
use crate::frame::observation::{Observation, Part};
use crate::frame::rejection::Rejection;
use crate::rules::identifiers::{self, Kind};
use crate::stores::configuration::{Configuration, ConfigurationError, ParameterStore, Wanted};
use crate::stores::deliveries::{self, Claim, DeliveryError};
use crate::stores::webhook::{WebhookError, Webhooks};

/// The number of invocations of a failing event: Lambda repeats a failed one twice.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const INVOCATIONS: u64 = 3;
/// The pause before the first retry of a webhook; each further pause is four times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The maximum number of attempts to deliver a webhook within an invocation.
const ATTEMPTS: u32 = 3;
/// The time reserved at the end of an invocation for recording the result.
const RESERVE: Duration = Duration::from_millis(1500);
/// The time that another attempt to deliver a webhook may take.
const DELIVERY_TIME: Duration = Duration::from_secs(5);

/// The parameters that the function reads, besides the folder of the webhooks' addresses.
const PARAMETERS: [&str; 5] = [
    "features/notifications-enabled",
    "queues/notifications-dlq-url",
    "secrets/webhook-signing-key",
    "storage/archive-bucket",
    "storage/sessions-table",
];

/// The function with its clients.
pub struct Notifications {
    parameters: ParameterStore,
    archive: aws_sdk_s3::Client,
    deliveries: aws_sdk_dynamodb::Client,
    dead_letters: aws_sdk_sqs::Client,
    webhooks: Webhooks,
}

/// An event was not archived or delivered.
#[derive(Debug, thiserror::Error)]
enum NotificationError {
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
    #[error("another attempt is processing this event")]
    Busy,
}

/// An event as the ledger wrote it. The raw text is archived, signed, and sent.
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
        let wanted = Wanted { names: PARAMETERS.into(), folder: Some("webhooks") };
        let parameters = ParameterStore::new(&settings, &environment, wanted);
        // Emulated buckets have no host names.
        let s3 =
            aws_sdk_s3::config::Builder::from(&settings).force_path_style(environment.endpoint_url.is_some()).build();
        // Before the first event. A failure is ignored, because that event reads the parameters again.
        let _ = parameters.current().await;
        Ok(Self {
            parameters,
            archive: aws_sdk_s3::Client::from_conf(s3),
            deliveries: aws_sdk_dynamodb::Client::new(&settings),
            dead_letters: aws_sdk_sqs::Client::new(&settings),
            webhooks: Webhooks::new(environment.webhook_loopback_ca.as_deref())?,
        })
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Handled<Value>, Rejection> {
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
                    outcome = self.process(message, &configuration, observation).await?;
                }
                Ok(Handled { outcome, output: json!({"outcome": outcome}) })
            }
            _ => Err(Rejection::unknown_event()),
        }
    }
}

impl Notifications {
    /// Processes a message and returns the outcome: archived, delivered, duplicate, or dead letter. An error makes
    /// Lambda repeat the invocation.
    async fn process(
        &self,
        message: &str,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, Rejection> {
        let Some(event) = Event::read(message) else {
            let reason = NotificationError::Malformed;
            let letter = DeadLetter { message, event_id: None, attempts: 1, reason: &reason };
            return self.send_to_dead_letter_queue(letter, configuration, observation).await;
        };
        observation.field("event_id", &event.id);
        observation.field("merchant_id", &event.merchant_id);
        let table = configuration.required("storage/sessions-table")?;
        let now = seconds_now();
        let lease = i64::try_from(observation.remaining().as_secs()).unwrap_or(0) + 1;
        let claiming = deliveries::claim(&self.deliveries, table, &event.id, now, now + lease);
        let attempts = match observation.time(Part::Service, claiming).await.map_err(failed)? {
            Claim::Claimed(attempts) => attempts,
            Claim::Delivered => return Ok("duplicate"),
            Claim::Busy => return Err(failed(NotificationError::Busy)),
        };
        observation.number("attempt", attempts);
        match self.notify(&event, configuration, observation).await {
            Ok(outcome) => {
                let marking = deliveries::mark_delivered(&self.deliveries, table, &event.id, seconds_now());
                observation.time(Part::Service, marking).await.map_err(failed)?;
                Ok(outcome)
            }
            Err(reason) => {
                let last = attempts >= INVOCATIONS || !reason.is_transient();
                let releasing = deliveries::release(&self.deliveries, table, &event.id, last);
                let released = observation.time(Part::Service, releasing).await;
                if last {
                    let letter = DeadLetter { message, event_id: Some(&event.id), attempts, reason: &reason };
                    return self.send_to_dead_letter_queue(letter, configuration, observation).await;
                }
                // A claim that was not released expires.
                if let Err(error) = released {
                    observation.field("claim", &chain(&error));
                }
                Err(failed(reason))
            }
        }
    }

    /// Archives the event, and delivers it if the merchant has a webhook and notifications are enabled.
    async fn notify(
        &self,
        event: &Event<'_>,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, NotificationError> {
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
                    let time_left = observation.remaining() > pause + RESERVE + DELIVERY_TIME;
                    if attempt >= ATTEMPTS || !error.is_transient() || !time_left {
                        return Err(error.into());
                    }
                }
            }
            sleep(pause).await;
            pause *= 4;
        }
        Ok("delivered")
    }

    /// Writes the event's object, unless it exists. The bucket's default encryption applies, so the function does not
    /// need to know the key.
    async fn archive(&self, bucket: &str, event: &Event<'_>) -> Result<(), NotificationError> {
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
            Err(error) => Err(NotificationError::Archive(chain(&error))),
        }
    }

    /// Sends a message to the dead-letter queue with the reason.
    async fn send_to_dead_letter_queue(
        &self,
        letter: DeadLetter<'_>,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<&'static str, Rejection> {
        let DeadLetter { message, event_id, attempts, reason } = letter;
        let reason = chain(reason);
        observation.field("reason", &reason);
        let Some(queue) = configuration.optional("queues/notifications-dlq-url") else {
            // Without a configured queue, the reason goes where Lambda sends failed invocations.
            return Err(Rejection::new(500, "not_notified", "the event cannot be delivered").with_cause(reason));
        };
        let event: Value = serde_json::from_str(message).unwrap_or_else(|_| message.into());
        let body = json!({"reason": reason, "attempts": attempts, "event_id": event_id, "event": event});
        let sending = self.dead_letters.send_message().queue_url(queue).message_body(body.to_string());
        observation.time(Part::Service, sending.send()).await.map_err(|error| {
            let cause = format!("{reason}; {}", chain(&error));
            Rejection::unavailable("dead_letters_unavailable", &error).with_cause(cause)
        })?;
        Ok("dead_letter")
    }
}

/// A message for the dead-letter queue.
struct DeadLetter<'a> {
    message: &'a str,
    event_id: Option<&'a str>,
    attempts: u64,
    reason: &'a NotificationError,
}

impl NotificationError {
    /// Reports whether a later invocation may succeed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Malformed => false,
            Self::Webhook(error) => error.is_transient(),
            _ => true,
        }
    }
}

impl<'a> Event<'a> {
    /// Reads an event. Its ID, merchant, and date are validated, because they become parts of names.
    fn read(raw: &'a str) -> Option<Self> {
        let event: Value = serde_json::from_str(raw).ok()?;
        let id = event["id"].as_str().filter(|id| identifiers::is_valid(Kind::Event, id))?;
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

fn failed(error: impl Into<NotificationError>) -> Rejection {
    Rejection::unavailable("not_notified", &error.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_ledger_events_are_accepted() {
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
