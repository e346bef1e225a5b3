//! The ledger's operations. Each is a single statement, and so one round trip and one database transaction. The rules
//! are in `migrations/0003_booking.sql`.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::stores::outbox::Event;

/// A payment to book.
#[derive(Clone, Copy, Debug)]
pub struct NewPayment<'a> {
    /// The ID of the transaction, if this request books it.
    pub transaction_id: &'a str,
    /// The ID of the transaction's event.
    pub event_id: &'a str,
    /// The merchant who is paid.
    pub merchant_id: &'a str,
    /// The caller's idempotency key.
    pub key: &'a str,
    /// The SHA-256 hash of the operation and the body.
    pub request_hash: &'a str,
    /// The session that it consumes.
    pub session_id: &'a str,
    /// The session's expiry in seconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// The amount in minor units.
    pub amount: i64,
    /// The ISO 4217 code.
    pub currency: &'a str,
    /// The SHA-256 hash of the source token.
    pub source_fingerprint: &'a str,
    /// The merchant's reference.
    pub reference: &'a str,
}

/// A refund to book.
#[derive(Clone, Copy, Debug)]
pub struct NewRefund<'a> {
    /// The ID of the transaction, if this request books it.
    pub transaction_id: &'a str,
    /// The ID of the transaction's event.
    pub event_id: &'a str,
    /// The refunded payment.
    pub original_id: &'a str,
    /// The caller's idempotency key.
    pub key: &'a str,
    /// The SHA-256 hash of the operation and the body.
    pub request_hash: &'a str,
    /// The amount in minor units.
    pub amount: i64,
    /// The reason.
    pub reason: &'a str,
}

/// The outcome of a booking or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Booked, either now or earlier by the same request.
    Booked {
        /// The transaction as JSON.
        transaction: String,
        /// Whether an earlier request booked it.
        replayed: bool,
        /// The event to publish, if it was booked now.
        event: Option<Event>,
    },
    /// The key was used with another body.
    OtherRequest,
    /// The session was consumed by another key.
    SessionUsed,
    /// The session has expired.
    Expired,
    /// There is no such payment.
    NotFound,
    /// The refunds would exceed the payment.
    Exceeds,
}

/// Books a payment.
pub async fn book(client: &Client, new: NewPayment<'_>) -> Result<Outcome, tokio_postgres::Error> {
    let sql = "select outcome, transaction, event_id, event \
               from payments.book($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let rows = client
        .query_typed(
            sql,
            &[
                (&new.transaction_id, Type::TEXT),
                (&new.event_id, Type::TEXT),
                (&new.merchant_id, Type::TEXT),
                (&new.key, Type::TEXT),
                (&new.request_hash, Type::TEXT),
                (&new.session_id, Type::TEXT),
                (&new.expires_at, Type::INT8),
                (&new.amount, Type::INT8),
                (&new.currency, Type::TEXT),
                (&new.source_fingerprint, Type::TEXT),
                (&new.reference, Type::TEXT),
            ],
        )
        .await?;
    rows.first().map_or(Ok(Outcome::Expired), outcome)
}

/// Books a refund.
pub async fn refund(client: &Client, new: NewRefund<'_>) -> Result<Outcome, tokio_postgres::Error> {
    let sql = "select outcome, transaction, event_id, event from payments.refund($1, $2, $3, $4, $5, $6, $7)";
    let rows = client
        .query_typed(
            sql,
            &[
                (&new.transaction_id, Type::TEXT),
                (&new.event_id, Type::TEXT),
                (&new.original_id, Type::TEXT),
                (&new.key, Type::TEXT),
                (&new.request_hash, Type::TEXT),
                (&new.amount, Type::INT8),
                (&new.reason, Type::TEXT),
            ],
        )
        .await?;
    rows.first().map_or(Ok(Outcome::NotFound), outcome)
}

/// Finds the outcome of an earlier request with this key.
pub async fn earlier(
    client: &Client,
    merchant_id: &str,
    key: &str,
    request_hash: &str,
) -> Result<Option<Outcome>, tokio_postgres::Error> {
    let sql = "select outcome, transaction, event_id, event from payments.earlier($1, $2, $3)";
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&merchant_id, Type::TEXT), (&key, Type::TEXT), (&request_hash, Type::TEXT)];
    let rows = client.query_typed(sql, &parameters).await?;
    rows.first().map(outcome).transpose()
}

/// Returns a transaction as JSON.
pub async fn show(client: &Client, transaction_id: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let rows = client.query_typed("select payments.show($1)", &[(&transaction_id, Type::TEXT)]).await?;
    rows.first().map_or(Ok(None), |row| row.try_get(0))
}

/// The totals of the ledger.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The sum of all entries by currency; zero in a consistent ledger.
    pub sums: BTreeMap<String, i64>,
    /// The number of transactions whose entries do not sum to zero; none in a consistent ledger.
    pub unbalanced: i64,
    /// The number of payments refunded by more than their amount; none in a consistent ledger.
    pub overrefunded: i64,
    /// The number of payments.
    pub payments: i64,
    /// The number of refunds.
    pub refunds: i64,
    /// The number of events that have not been published yet.
    pub unpublished: i64,
}

/// Adds up the whole ledger.
pub async fn balance(client: &Client) -> Result<Balance, tokio_postgres::Error> {
    let sums =
        client.query_typed("select currency, sum(amount)::bigint from payments.entries group by currency", &[]).await?;
    let sums = sums.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let sums = sums.collect::<Result<BTreeMap<String, i64>, tokio_postgres::Error>>()?;
    let counts = "select \
        (select count(*) from (select from payments.entries group by transaction_id, currency having sum(amount) <> 0) u), \
        (select count(*) from (select r.original_id from payments.transactions r join payments.transactions p \
            on p.transaction_id = r.original_id group by r.original_id, p.amount having sum(r.amount) > p.amount) o), \
        (select count(*) from payments.transactions where kind = 'payment'), \
        (select count(*) from payments.transactions where kind = 'refund'), \
        (select count(*) from payments.outbox where published_at is null)";
    let rows = client.query_typed(counts, &[]).await?;
    let count = |column| rows.first().map_or(Ok(0), |row| row.try_get(column));
    Ok(Balance {
        sums,
        unbalanced: count(0)?,
        overrefunded: count(1)?,
        payments: count(2)?,
        refunds: count(3)?,
        unpublished: count(4)?,
    })
}

fn outcome(row: &Row) -> Result<Outcome, tokio_postgres::Error> {
    let outcome: &str = row.try_get(0)?;
    Ok(match outcome {
        "booked" | "replayed" => {
            let event_id: Option<String> = row.try_get(2)?;
            let payload: Option<String> = row.try_get(3)?;
            Outcome::Booked {
                transaction: row.try_get(1)?,
                replayed: outcome == "replayed",
                event: event_id.zip(payload).map(|(id, payload)| Event { id, payload }),
            }
        }
        "other_request" => Outcome::OtherRequest,
        "session_used" => Outcome::SessionUsed,
        "not_found" => Outcome::NotFound,
        "exceeds" => Outcome::Exceeds,
        _ => Outcome::Expired,
    })
}
