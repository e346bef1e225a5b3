//! Requests as API Gateway passes them to the functions, and their responses.

use serde_json::{Value, json};

use super::pool::Pool;
use super::runtime_api::InvocationError;

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Value,
    pub body: Value,
}

/// Sends a request in the proxy integration's format.
pub async fn send(
    pool: &Pool,
    method: &str,
    resource: &str,
    id: Option<&str>,
    key: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer, InvocationError> {
    let text = body.map(Value::to_string);
    send_raw(pool, method, resource, id, key, text.as_deref()).await
}

pub async fn send_raw(
    pool: &Pool,
    method: &str,
    resource: &str,
    id: Option<&str>,
    key: Option<&str>,
    body: Option<&str>,
) -> Result<Answer, InvocationError> {
    let mut headers = json!({"content-type": "application/json"});
    if let Some(key) = key {
        headers["idempotency-key"] = key.into();
    }
    let event = json!({
        "resource": resource,
        "path": id.map_or(resource.to_owned(), |id| resource.replace("{id}", id)),
        "httpMethod": method,
        "headers": headers,
        "pathParameters": id.map(|id| json!({"id": id})),
        "requestContext": {"requestId": "gateway-request", "stage": "live"},
        "body": body,
        "isBase64Encoded": false,
    });
    let answer = pool.invoke(&event).await?;
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    Ok(Answer {
        status: u16::try_from(status).unwrap(),
        headers: answer["headers"].clone(),
        body: serde_json::from_str(answer["body"].as_str().unwrap_or("null")).unwrap(),
    })
}

/// A valid payment.
pub fn payment(merchant_id: &str, amount: i64) -> Value {
    json!({
        "merchant_id": merchant_id, "amount": amount, "currency": "EUR",
        "source_token": "tok_secret_source_token", "reference": "Order 7",
    })
}

pub async fn validate(pool: &Pool, body: &Value) -> Result<Answer, InvocationError> {
    send(pool, "POST", "/payments/validate", None, None, Some(body)).await
}

pub async fn book(pool: &Pool, merchant_id: &str, session_id: &str, key: &str) -> Result<Answer, InvocationError> {
    let body = json!({"merchant_id": merchant_id, "session_id": session_id});
    send(pool, "POST", "/payments/transactions", None, Some(key), Some(&body)).await
}

pub async fn refund(pool: &Pool, id: &str, amount: i64, key: &str) -> Result<Answer, InvocationError> {
    let body = json!({"amount": amount, "reason": "returned"});
    send(pool, "POST", "/payments/transactions/{id}/refunds", Some(id), Some(key), Some(&body)).await
}

pub async fn show(pool: &Pool, id: &str) -> Result<Answer, InvocationError> {
    send(pool, "GET", "/payments/transactions/{id}", Some(id), None, None).await
}

/// An event from the deployment.
pub fn action(name: &str) -> Value {
    json!({"payinfra": {"action": name}})
}

/// An event from the schedule.
pub fn schedule() -> Value {
    json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
}

/// An event from the topic.
pub fn message(text: &str) -> Value {
    json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": text}}]})
}
