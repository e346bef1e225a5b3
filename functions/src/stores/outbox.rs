//! Publishes events from the outbox to the topic, at least once.
//!
//! The function that books a transaction publishes its event right after the commit. If it dies or the topic is
//! unavailable, a sweep publishes the event later. Nothing is locked in between: two concurrent publishers send an
//! event twice, and the consumers deduplicate by its ID.

use std::time::Duration;

use aws_sdk_sns::types::PublishBatchRequestEntry;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::frame::causes::chain;
use crate::frame::observation::{Observation, Part};
use crate::frame::rejection::Rejection;
use crate::stores::configuration::{Configuration, ConfigurationError};
use crate::stores::database::{Database, DatabaseError};

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The ID, `evt_…`, by which consumers deduplicate.
    pub id: String,
    /// The message as JSON.
    pub payload: String,
}

/// Events were not published.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A parameter is missing.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The topic did not accept an event.
    #[error("cannot publish to the topic: {0}")]
    Topic(String),
}

impl From<OutboxError> for Rejection {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Configuration(error) => error.into(),
            OutboxError::Database(error) => error.into(),
            error @ OutboxError::Topic(_) => Self::unavailable("topic_unavailable", &error),
        }
    }
}

/// The maximum number of messages in one `PublishBatch` call.
/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
const BATCH: usize = 10;
/// The remaining time with which a sweep still starts another hundred events; the next sweep publishes the rest.
const RESERVE: Duration = Duration::from_secs(8);
/// The minimum age of an event for a sweep. A younger one is published by the function that booked it.
const GRACE_SECONDS: i32 = 5;

/// Publishes one event and marks it as published.
pub async fn publish(
    topic: &aws_sdk_sns::Client,
    database: &Database,
    configuration: &Configuration,
    observation: &Observation,
    event: &Event,
) -> Result<(), OutboxError> {
    let arn = configuration.required("topics/payment-events-arn")?;
    let sending = topic.publish().topic_arn(arn).message(&event.payload).send();
    observation.time(Part::Service, sending).await.map_err(|error| OutboxError::Topic(chain(&error)))?;
    let ids = [event.id.clone()];
    database.run(configuration, observation, async |client| mark_published(client, &ids).await).await?;
    Ok(())
}

/// Publishes the waiting events, oldest first, until none are left or the time is almost up. Returns the number
/// published.
pub async fn sweep(
    topic: &aws_sdk_sns::Client,
    database: &Database,
    configuration: &Configuration,
    observation: &Observation,
) -> Result<u64, OutboxError> {
    let arn = configuration.required("topics/payment-events-arn")?;
    let mut published = 0;
    loop {
        let waiting = database.run(configuration, observation, async |client| waiting(client).await).await?;
        for batch in waiting.chunks(BATCH) {
            let (accepted, rejected) = observation.time(Part::Service, send(topic, arn, batch)).await?;
            database.run(configuration, observation, async |client| mark_published(client, &accepted).await).await?;
            published += accepted.len() as u64;
            if let Some(code) = rejected {
                return Err(OutboxError::Topic(code));
            }
        }
        if waiting.is_empty() || observation.remaining() < RESERVE {
            return Ok(published);
        }
    }
}

/// Publishes one batch. Returns the IDs of the events that the topic accepted, and the error code of one that it
/// rejected.
async fn send(
    topic: &aws_sdk_sns::Client,
    arn: &str,
    batch: &[Event],
) -> Result<(Vec<String>, Option<String>), OutboxError> {
    let mut sending = topic.publish_batch().topic_arn(arn);
    for event in batch {
        let entry = PublishBatchRequestEntry::builder().id(&event.id).message(&event.payload);
        let entry = entry.build().map_err(|error| OutboxError::Topic(error.to_string()))?;
        sending = sending.publish_batch_request_entries(entry);
    }
    let answer = sending.send().await.map_err(|error| OutboxError::Topic(chain(&error)))?;
    let accepted = answer.successful().iter().filter_map(|entry| entry.id().map(str::to_owned)).collect();
    Ok((accepted, answer.failed().first().map(|failure| failure.code().to_owned())))
}

async fn waiting(client: &Client) -> Result<Vec<Event>, tokio_postgres::Error> {
    let sql = "select event_id, payload from payments.outbox \
               where published_at is null and created_at < clock_timestamp() - make_interval(secs => $1) \
               order by created_at limit 100";
    let rows = client.query_typed(sql, &[(&f64::from(GRACE_SECONDS), Type::FLOAT8)]).await?;
    rows.iter().map(|row| Ok(Event { id: row.try_get(0)?, payload: row.try_get(1)? })).collect()
}

async fn mark_published(client: &Client, ids: &[String]) -> Result<(), tokio_postgres::Error> {
    client.query_typed("select payments.mark_published($1)", &[(&ids, Type::TEXT_ARRAY)]).await?;
    Ok(())
}
