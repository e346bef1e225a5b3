//! Sessions in DynamoDB, and why a session is booked exactly once although two databases take part.
//!
//! A booking has two steps: a conditional write marks the session as consumed *by the hash of this merchant and
//! idempotency key*, and then one PostgreSQL transaction books the payment. Wherever the function dies:
//!
//! - **A double booking is impossible** because of PostgreSQL alone: (merchant, key) and the session are each unique
//!   among the transactions, so a second booking of either fails, whatever the session says.
//! - **Killed before the mark**: nothing has happened. **Killed between the mark and the commit**: a retry with the
//!   same key passes the mark, because the mark is its own, and books. Another key is rejected (409).
//! - **Killed after the commit**: a retry finds the booked row by its key and returns the same answer, even if the
//!   session has been deleted in the meantime.
//! - **The same key with another session**: the request marks that session, PostgreSQL reports that the key belongs to
//!   another request (422), and the function releases the session. This is safe, because the key can never book that
//!   session. If the function is killed first, the session stays unusable until it expires: the caller needs a new one,
//!   and nothing is booked.
//! - **Expiry**: the session must be live by the function's clock for the mark and by PostgreSQL's clock for the
//!   booking. So no delayed attempt books after the session's expiry, and a 410 after it is final.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::frame::causes::chain;
use crate::frame::rejection::Rejection;
use crate::rules::identifiers::fingerprint;
use crate::rules::validation::Payment;

/// The lifetime of a session in seconds.
pub const LIFETIME: i64 = 15 * 60;

/// The content of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The expiry in seconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// The amount in minor units.
    pub amount: i64,
    /// The ISO 4217 code.
    pub currency: String,
    /// The SHA-256 hash of the source token.
    pub source_fingerprint: String,
    /// The merchant's reference.
    pub reference: String,
}

/// The result of consuming a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// This key has consumed it, either now or in an earlier attempt.
    Consumed(Session),
    /// Another key has consumed it.
    Used,
    /// It has expired or never existed.
    Expired,
    /// It was opened for another merchant.
    OtherMerchant,
}

/// DynamoDB failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot access the sessions table: {0}")]
pub struct SessionError(String);

impl From<SessionError> for Rejection {
    fn from(error: SessionError) -> Self {
        Self::unavailable("sessions_unavailable", &error)
    }
}

/// Opens a session. It contains only the hash of the source token.
pub async fn open(
    client: &Client,
    table: &str,
    session_id: &str,
    payment: &Payment,
    expires_at: i64,
) -> Result<(), SessionError> {
    client
        .put_item()
        .table_name(table)
        .item("session_id", text(session_id))
        .item("expires_at", number(expires_at))
        .item("merchant_id", text(&payment.merchant_id))
        .item("amount", number(payment.money.minor()))
        .item("currency", text(payment.money.currency().code()))
        .item("source_fingerprint", text(&fingerprint(&[payment.source_token.expose()])))
        .item("reference", text(&payment.reference))
        .condition_expression("attribute_not_exists(session_id)")
        .send()
        .await
        .map_err(|error| SessionError(chain(&error)))?;
    Ok(())
}

/// Marks a session as consumed by this key.
pub async fn consume(
    client: &Client,
    table: &str,
    session_id: &str,
    merchant_id: &str,
    key: &str,
    now: i64,
) -> Result<Consumption, SessionError> {
    let consumer = fingerprint(&[merchant_id, key]);
    let answer = client
        .update_item()
        .table_name(table)
        .key("session_id", text(session_id))
        .update_expression("SET consumed_by = :consumer")
        .condition_expression(
            "merchant_id = :merchant AND expires_at > :now \
             AND (attribute_not_exists(consumed_by) OR consumed_by = :consumer)",
        )
        .expression_attribute_values(":consumer", text(&consumer))
        .expression_attribute_values(":merchant", text(merchant_id))
        .expression_attribute_values(":now", number(now))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match answer {
        Ok(answer) => match answer.attributes().and_then(session) {
            Some(session) => Ok(Consumption::Consumed(session)),
            None => Err(SessionError("a session item lacks attributes".to_owned())),
        },
        Err(error) => match rejected_item(&error) {
            Some(item) => Ok(why_rejected(item, merchant_id, &consumer, now)),
            None => Err(SessionError(chain(&error))),
        },
    }
}

/// Removes this key's mark from a session that this key can never book.
pub async fn release(
    client: &Client,
    table: &str,
    session_id: &str,
    merchant_id: &str,
    key: &str,
) -> Result<(), SessionError> {
    let answer = client
        .update_item()
        .table_name(table)
        .key("session_id", text(session_id))
        .update_expression("REMOVE consumed_by")
        .condition_expression("consumed_by = :consumer")
        .expression_attribute_values(":consumer", text(&fingerprint(&[merchant_id, key])))
        .send()
        .await;
    match answer {
        Err(error) if rejected_item(&error).is_none() => Err(SessionError(chain(&error))),
        _ => Ok(()),
    }
}

/// Returns the item as it was when the condition failed; a missing item is an empty map. Returns `None` for other
/// errors.
fn rejected_item<R>(error: &SdkError<UpdateItemError, R>) -> Option<HashMap<String, AttributeValue>> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
            Some(failure.item().cloned().unwrap_or_default())
        }
        _ => None,
    }
}

fn why_rejected(item: HashMap<String, AttributeValue>, merchant_id: &str, consumer: &str, now: i64) -> Consumption {
    let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    match (of("merchant_id"), of("consumed_by")) {
        (None, _) => Consumption::Expired,
        (Some(owner), _) if owner != merchant_id => Consumption::OtherMerchant,
        (_, Some(other)) if other != consumer => Consumption::Used,
        _ if integer(&item, "expires_at").is_none_or(|end| end <= now) => Consumption::Expired,
        // It changed between the check and the answer; the caller may try again.
        _ => Consumption::Used,
    }
}

fn session(item: &HashMap<String, AttributeValue>) -> Option<Session> {
    let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Session {
        expires_at: integer(item, "expires_at")?,
        amount: integer(item, "amount")?,
        currency: of("currency")?,
        source_fingerprint: of("source_fingerprint")?,
        reference: of("reference")?,
    })
}

fn integer(item: &HashMap<String, AttributeValue>, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
