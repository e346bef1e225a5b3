//! One small payment: validated, booked, read, replayed, refunded.

use payinfra_aws::ApiAnswer;
use payinfra_stack::evidence::VERIFY_MERCHANT;
use serde_json::{Value, json};

use super::api::{Api, brief, nonce};
use super::check::{CheckError, broken};
use super::target::Target;

/// The smallest payment there is: one minor unit.
const AMOUNT: i64 = 1;
const CURRENCY: &str = "EUR";

/// A test number that passes the Luhn check and belongs to no card.
const CARD_NUMBER: &str = "4111111111111111";

/// An event that a booking made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// The day it was made, in UTC, as the archive has it: `2026/11/23`.
    pub day: String,
    /// The transaction it is about.
    pub transaction: String,
}

/// A booked payment, and its request.
#[derive(Debug)]
pub struct Booking {
    /// Its event.
    pub event: Event,
    key: String,
    request: Value,
    answer: String,
    transaction: Value,
}

/// A payment to validate.
pub fn payment() -> Value {
    json!({
        "merchant_id": VERIFY_MERCHANT,
        "amount": AMOUNT,
        "currency": CURRENCY,
        "source_token": "tok_payinfra_verify",
        "reference": format!("synthetic, by payinfra verify, {}", nonce()),
    })
}

/// A body with a card number in it gets 422, and the answer does not repeat the number.
pub async fn refuses_card_numbers(api: &Api<'_>) -> Result<(), CheckError> {
    let mut payment = payment();
    payment["reference"] = CARD_NUMBER.into();
    let answer = api.post("/payments/validate", &payment, None).await?;
    if answer.status != 422 {
        return broken(format!("expected 422, got {}", brief(&answer)));
    }
    if answer.body.contains(CARD_NUMBER) {
        return broken("the answer repeats the number");
    }
    Ok(())
}

/// A valid payment gets a session.
pub async fn validate(api: &Api<'_>) -> Result<String, CheckError> {
    let answer = api.post("/payments/validate", &payment(), None).await?;
    match (answer.status, answer.json()["session_id"].as_str()) {
        (200, Some(session)) => Ok(session.to_owned()),
        _ => broken(brief(&answer)),
    }
}

/// The session is booked under a new idempotency key.
pub async fn book(api: &Api<'_>, session: &str) -> Result<Booking, CheckError> {
    let key = format!("verify-{}", nonce());
    let request = json!({ "merchant_id": VERIFY_MERCHANT, "session_id": session });
    let answer = api.post("/payments/transactions", &request, Some(&key)).await?;
    let transaction = booked(&answer, "payment")?;
    let event = event(&answer, &transaction)?;
    Ok(Booking { event, key, request, answer: answer.body, transaction })
}

/// The booking reads as it was booked.
pub async fn read_back(api: &Api<'_>, booking: &Booking) -> Result<(), CheckError> {
    let answer = api.get(&format!("/payments/transactions/{}", booking.event.transaction)).await?;
    let shown = answer.json();
    if answer.status != 200 {
        return broken(brief(&answer));
    }
    for field in ["id", "kind", "merchant_id", "amount", "currency", "reference", "created_at"] {
        if shown[field] != booking.transaction[field] {
            return broken(format!(
                "it was booked with {field} {}, but reads {}",
                booking.transaction[field], shown[field]
            ));
        }
    }
    Ok(())
}

/// The same request again gets the same answer, marked as a replay.
pub async fn replay(api: &Api<'_>, booking: &Booking) -> Result<(), CheckError> {
    let answer = api.post("/payments/transactions", &booking.request, Some(&booking.key)).await?;
    if answer.status != 201 {
        return broken(brief(&answer));
    }
    if answer.body != booking.answer {
        return broken("the repeated request got a different answer: it may have been booked twice");
    }
    if answer.headers.get("idempotent-replayed").map(String::as_str) != Some("true") {
        return broken("the answer is not marked as a replay");
    }
    Ok(())
}

/// The whole payment is refunded, so that the merchant's balance is unchanged.
pub async fn refund(target: &Target<'_>, booking: &Booking) -> Result<Event, CheckError> {
    let path = format!("/payments/transactions/{}/refunds", booking.event.transaction);
    let request = json!({ "amount": AMOUNT, "reason": "synthetic, by payinfra verify" });
    let answer = target.api.post(&path, &request, Some(&format!("verify-{}", nonce()))).await?;
    let wanted = target.settings.features.get("refunds-enabled").copied().unwrap_or(true);
    if !wanted && answer.status == 403 && answer.json()["code"] == "refunds_disabled" {
        return Err(CheckError::NotChecked(
            "refunds are switched off in the configuration; the payment remains".to_owned(),
        ));
    }
    let transaction = booked(&answer, "refund")?;
    if transaction["original_id"] != booking.event.transaction.as_str() {
        return broken("the refund refers to another payment");
    }
    event(&answer, &transaction)
}

/// Reads a fresh booking of this kind.
fn booked(answer: &ApiAnswer, kind: &str) -> Result<Value, CheckError> {
    let transaction = answer.json();
    if answer.status != 201 {
        return broken(brief(answer));
    }
    let as_asked = transaction["kind"] == kind
        && transaction["merchant_id"] == VERIFY_MERCHANT
        && transaction["amount"] == AMOUNT
        && transaction["currency"] == CURRENCY;
    if as_asked { Ok(transaction) } else { broken("the booking differs from the request") }
}

/// The event of a fresh booking.
fn event(answer: &ApiAnswer, transaction: &Value) -> Result<Event, CheckError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some(id) = answer.headers.get("payments-event-id") else {
        return broken("the answer does not name the booking's event (Payments-Event-Id)");
    };
    let day = text(&transaction["created_at"]).get(..10).unwrap_or_default().replace('-', "/");
    Ok(Event { id: id.clone(), day, transaction: text(&transaction["id"]) })
}
