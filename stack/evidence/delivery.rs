//! The notifications function's record of an event.

use aws_sdk_dynamodb::types::AttributeValue;
use payinfra_aws::error;
use payinfra_engine::Error;

use payinfra_steps::Cloud;

/// The progress of an event's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// No attempt was made yet.
    Unknown,
    /// So many attempts were made, none of them successful.
    Tried(u64),
    /// It needs no further attempt: it is archived and, if the merchant has a webhook, accepted by it.
    Done,
}

/// Reads the record of an event's delivery. Needs `dynamodb:GetItem`.
///
/// # Errors
/// If DynamoDB refuses or does not answer.
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
