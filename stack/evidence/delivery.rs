//! What the notifications function wrote down about an event.

use aws_sdk_dynamodb::types::AttributeValue;
use payinfra_aws::error;
use payinfra_engine::Error;

use payinfra_steps::Cloud;

/// How far an event's delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nobody has tried yet.
    Unknown,
    /// It was tried so often, without success so far.
    Tried(u64),
    /// It needs no further attempt: archived, and where the merchant has a webhook, accepted by it.
    Done,
}

/// Reads the record of an event's delivery. Needs `dynamodb:GetItem`.
///
/// # Errors
/// Where DynamoDB refuses or does not answer.
pub async fn delivery(cloud: &Cloud, table: &str, event_id: &str) -> Result<Delivery, Error> {
    let key = AttributeValue::S(format!("delivery:{event_id}"));
    let request = cloud.dynamodb.get_item().table_name(table).key("session_id", key).consistent_read(true);
    let answer = request.send().await.map_err(error("GetItem"))?;
    let Some(item) = answer.item() else { return Ok(Delivery::Unknown) };
    if item.contains_key("delivered_at") {
        return Ok(Delivery::Done);
    }
    let attempts = item.get("attempts").and_then(|attempts| attempts.as_n().ok()?.parse().ok());
    Ok(Delivery::Tried(attempts.unwrap_or_default()))
}
