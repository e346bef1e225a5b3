//! Who delivers an event, and whether it has been: one item per event id in the sessions table.
//!
//! An attempt claims the event for the rest of its own time. A duplicate finds it delivered and is done,
//! or finds it claimed and comes back later; a killed attempt's claim runs out. What remains possible is
//! a kill between the merchant's answer and the note of it: the webhook then comes twice with the same
//! event id, which the receiver de-duplicates by.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::frame::refusal;

/// How long a delivery is remembered, in seconds: longer than anything re-sends an event.
const REMEMBERED: i64 = 7 * 24 * 3600;

/// What became of the attempt to claim an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is this attempt's; the number counts the attempts so far.
    Claimed(u64),
    /// It has been delivered.
    Delivered,
    /// Another attempt is at it.
    Busy,
}

/// DynamoDB did not do something.
#[derive(Debug, thiserror::Error)]
#[error("the deliveries are not to be had: {0}")]
pub struct DeliveryError(String);

/// Claims an event until a time, seconds since 1970.
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
        .expression_attribute_values(":end", number(now + REMEMBERED))
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
            _ => Err(DeliveryError(refusal::chain(&error))),
        },
    }
}

/// Notes that an event needs no further attempt.
pub async fn delivered(client: &Client, table: &str, event_id: &str, now: i64) -> Result<(), DeliveryError> {
    let update = client
        .update_item()
        .table_name(table)
        .key("session_id", key(event_id))
        .update_expression("SET delivered_at = :now")
        .expression_attribute_values(":now", number(now));
    update.send().await.map_err(|error| DeliveryError(refusal::chain(&error)))?;
    Ok(())
}

/// Gives a claim back, so that the next attempt need not wait. With `forget`, the attempts are counted
/// anew, for an event that will be sent again by hand.
pub async fn give_back(client: &Client, table: &str, event_id: &str, forget: bool) -> Result<(), DeliveryError> {
    let expression = if forget { "REMOVE claimed_until, attempts" } else { "REMOVE claimed_until" };
    let update = client.update_item().table_name(table).key("session_id", key(event_id)).update_expression(expression);
    update.send().await.map_err(|error| DeliveryError(refusal::chain(&error)))?;
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
