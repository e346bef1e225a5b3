//! Sessions in DynamoDB, and why a session books exactly once although two databases take part.
//!
//! A booking has two steps: a conditional write marks the session as consumed *by the hash of this
//! merchant and idempotency key*, then one PostgreSQL transaction books. Whatever dies in between:
//!
//! - **Twice is impossible** by PostgreSQL alone: (merchant, key) and the session are each unique among
//!   transactions, so a second booking of either fails there, whatever the marks say.
//! - **Killed before the mark**: nothing happened. **Between mark and commit**: the retry of the same
//!   key passes the mark, because it is its own, and books. Another key is refused (409).
//! - **Killed after the commit**: the retry finds the booked row by its key and gives the same answer,
//!   even when the session has been deleted meanwhile.
//! - **The same key with another session**: marks that session, is told by PostgreSQL that the key
//!   belongs to another request (422), and takes its mark back. Taking it back is safe, because this
//!   key can never book that session. Killed before: that session stays unusable until it expires,
//!   which costs the caller a new one and books nothing.
//! - **Expiry**: the mark needs a live session by the function's clock, the booking one by PostgreSQL's.
//!   So no delayed attempt books later than the session's end, and a 410 after it is final.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::frame::refusal;
use crate::rules::identifiers::fingerprint;
use crate::rules::validation::Payment;

/// How long a session lives, in seconds.
pub const LIFETIME: i64 = 15 * 60;

/// What a session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its end, seconds since 1970.
    pub expires_at: i64,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// SHA-256 of the source token.
    pub source_fingerprint: String,
    /// The merchant's reference.
    pub reference: String,
}

/// What became of the attempt to consume a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// It is this key's, now or since an earlier attempt.
    Consumed(Session),
    /// It is another key's.
    Used,
    /// It is over, or never was.
    Gone,
    /// It was opened for another merchant.
    OtherMerchant,
}

/// DynamoDB did not do something.
#[derive(Debug, thiserror::Error)]
#[error("the sessions table does not answer: {0}")]
pub struct SessionError(String);

/// Opens a session. Of the source token only its hash is kept.
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
        .map_err(|error| SessionError(refusal::chain(&error)))?;
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
            None => Err(SessionError("a session lacks attributes".to_owned())),
        },
        Err(error) => match refused_item(&error) {
            Some(item) => Ok(why_refused(item, merchant_id, &consumer, now)),
            None => Err(SessionError(refusal::chain(&error))),
        },
    }
}

/// Takes this key's mark back from a session that this key can never book.
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
        Err(error) if refused_item(&error).is_none() => Err(SessionError(refusal::chain(&error))),
        _ => Ok(()),
    }
}

/// Gives the item as it was when the condition did not hold; an absent item is an empty map.
fn refused_item<R>(error: &SdkError<UpdateItemError, R>) -> Option<HashMap<String, AttributeValue>> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
            Some(failure.item().cloned().unwrap_or_default())
        }
        _ => None,
    }
}

fn why_refused(item: HashMap<String, AttributeValue>, merchant_id: &str, consumer: &str, now: i64) -> Consumption {
    let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    match (of("merchant_id"), of("consumed_by")) {
        (None, _) => Consumption::Gone,
        (Some(owner), _) if owner != merchant_id => Consumption::OtherMerchant,
        (_, Some(other)) if other != consumer => Consumption::Used,
        _ if integer(&item, "expires_at").is_none_or(|end| end <= now) => Consumption::Gone,
        // Changed between the check and the answer: the caller may try again.
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
