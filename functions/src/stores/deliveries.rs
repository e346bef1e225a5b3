//! The state of each event's delivery: one item per event ID in the sessions table.
//!
//! An attempt claims the event for the rest of its own time. A duplicate finds the event delivered and stops, or finds
//! it claimed and is retried later. The claim of a killed attempt expires. If an attempt is killed after the merchant's
//! answer but before the event is marked as delivered, the webhook is sent twice with the same event ID, by which the
//! receiver deduplicates.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::frame::causes::chain;

/// How long a delivery is remembered, in seconds; longer than any retry of an event.
const RETENTION: i64 = 7 * 24 * 3600;

/// The result of claiming an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This attempt has the claim; the number is the attempts so far, including this one.
    Claimed(u64),
    /// The event has been delivered.
    Delivered,
    /// Another attempt has the claim.
    Busy,
}

/// DynamoDB failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot access the delivery's item: {0}")]
pub struct DeliveryError(String);

/// Claims an event until a time in seconds since 1970-01-01 UTC.
pub async fn claim(client: &Client, table: &str, event_id: &str, now: i64, until: i64) -> Result<Claim, DeliveryError> {
    let answer = client
        .update_item()
        .table_name(table)
        .key("session_id", key(event_id))
        .update_expression("SET claimed_until = :until, expires_at = :end ADD attempts :one")
        .condition_expression(
            "attribute_not_exists(delivered_at) AND (attribute_not_exists(claimed_until) OR claimed_until <= :now)",
        )
        .expression_attribute_values(":until", number(until))
        .expression_attribute_values(":now", number(now))
        .expression_attribute_values(":end", number(now + RETENTION))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::UpdatedNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let attempts = answer.attributes().and_then(attempts).unwrap_or(1);
            Ok(Claim::Claimed(attempts))
        }
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
                let delivered = failure.item().is_some_and(|item| item.contains_key("delivered_at"));
                Ok(if delivered { Claim::Delivered } else { Claim::Busy })
            }
            _ => Err(DeliveryError(chain(&error))),
        },
    }
}

/// Marks an event as delivered, so that there is no further attempt.
pub async fn mark_delivered(client: &Client, table: &str, event_id: &str, now: i64) -> Result<(), DeliveryError> {
    let update = client
        .update_item()
        .table_name(table)
        .key("session_id", key(event_id))
        .update_expression("SET delivered_at = :now")
        .expression_attribute_values(":now", number(now));
    update.send().await.map_err(|error| DeliveryError(chain(&error)))?;
    Ok(())
}

/// Releases a claim, so that the next attempt need not wait. `reset_attempts` also sets the number of attempts to zero,
/// for an event that can only be sent again by hand.
pub async fn release(client: &Client, table: &str, event_id: &str, reset_attempts: bool) -> Result<(), DeliveryError> {
    let expression = if reset_attempts { "REMOVE claimed_until, attempts" } else { "REMOVE claimed_until" };
    let update = client.update_item().table_name(table).key("session_id", key(event_id)).update_expression(expression);
    update.send().await.map_err(|error| DeliveryError(chain(&error)))?;
    Ok(())
}

fn attempts(item: &HashMap<String, AttributeValue>) -> Option<u64> {
    item.get("attempts")?.as_n().ok()?.parse().ok()
}

fn key(event_id: &str) -> AttributeValue {
    AttributeValue::S(format!("delivery:{event_id}"))
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
