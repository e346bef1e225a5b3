//! From the outbox to the topic, at least once.
//!
//! The booking's function publishes right after the commit; what it leaves behind (it died, the topic
//! did not answer) a sweep publishes later. Nothing is locked meanwhile: two publishers at once send an
//! event twice, and the consumers de-duplicate by its id.

use std::time::Duration;

use aws_sdk_sns::types::PublishBatchRequestEntry;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::frame::observation::{Observation, Part};
use crate::frame::refusal;
use crate::stores::configuration::{Configuration, ConfigurationError};
use crate::stores::database::{Database, DatabaseError};

/// An event on its way to the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `evt_…`; consumers de-duplicate by it.
    pub id: String,
    /// The message, JSON.
    pub payload: String,
}

/// Why events did not reach the topic.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A parameter is missing.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The topic did not take it.
    #[error("cannot publish to the topic: {0}")]
    Topic(String),
}

/// SNS takes at most ten messages at once.
const BATCH: usize = 10;
/// The time left with which a sweep still begins another hundred events; the rest is the next sweep's.
const RESERVE: Duration = Duration::from_secs(8);
/// Younger events are still in the hands of the function that booked them.
const GRACE_SECONDS: i32 = 5;

/// Publishes one event and notes it.
pub async fn publish(
    topic: &aws_sdk_sns::Client,
    database: &Database,
    configuration: &Configuration,
    observation: &Observation,
    event: &Event,
) -> Result<(), OutboxError> {
    let arn = configuration.required("topics/payment-events-arn")?;
    let sending = topic.publish().topic_arn(arn).message(&event.payload).send();
    observation.time(Part::Service, sending).await.map_err(|error| OutboxError::Topic(refusal::chain(&error)))?;
    let ids = [event.id.clone()];
    database.run(configuration, observation, async |client| mark(client, &ids).await).await?;
    Ok(())
}

/// Publishes what waits, oldest first, until nothing waits or the time is nearly over. Gives the number
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
            let (taken, refused) = observation.time(Part::Service, send(topic, arn, batch)).await?;
            database.run(configuration, observation, async |client| mark(client, &taken).await).await?;
            published += taken.len() as u64;
            if let Some(code) = refused {
                return Err(OutboxError::Topic(code));
            }
        }
        if waiting.is_empty() || observation.remaining() < RESERVE {
            return Ok(published);
        }
    }
}

/// Sends one batch; gives the ids the topic took and the code of a refusal among the rest.
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
    let answer = sending.send().await.map_err(|error| OutboxError::Topic(refusal::chain(&error)))?;
    let taken = answer.successful().iter().filter_map(|entry| entry.id().map(str::to_owned)).collect();
    Ok((taken, answer.failed().first().map(|failure| failure.code().to_owned())))
}

async fn waiting(client: &Client) -> Result<Vec<Event>, tokio_postgres::Error> {
    let sql = "select event_id, payload from payments.outbox \
               where published_at is null and created_at < clock_timestamp() - make_interval(secs => $1) \
               order by created_at limit 100";
    let rows = client.query_typed(sql, &[(&f64::from(GRACE_SECONDS), Type::FLOAT8)]).await?;
    rows.iter().map(|row| Ok(Event { id: row.try_get(0)?, payload: row.try_get(1)? })).collect()
}

async fn mark(client: &Client, ids: &[String]) -> Result<(), tokio_postgres::Error> {
    client.query_typed("select payments.mark_published($1)", &[(&ids, Type::TEXT_ARRAY)]).await?;
    Ok(())
}
