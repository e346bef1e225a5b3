//! The rules for the three request bodies. Each gives every reason at once, not just the first.

use serde_json::{Map, Value};

use crate::frame::refusal::{Reason, Refusal};
use crate::openapi::schemas::LARGEST_AMOUNT;
use crate::rules::identifiers::Kind;
use crate::rules::money::{Currency, Money};
use crate::rules::redaction::Secret;
use crate::rules::{cards, identifiers};

/// A payment that may be opened a session for.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Whom it is for.
    pub merchant_id: String,
    /// How much.
    pub money: Money,
    /// The means of payment.
    pub source_token: Secret<String>,
    /// The merchant's own reference.
    pub reference: String,
}

/// The session to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The merchant it was opened for.
    pub merchant_id: String,
    /// The session.
    pub session_id: String,
}

/// A part of a payment to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Minor units of the payment's currency.
    pub amount: i64,
    /// Why; becomes the refund's reference.
    pub reason: String,
}

/// Checks the body of `POST /payments/validate` against the configured limit in minor units.
pub fn payment(body: &Map<String, Value>, limit: i64) -> Result<Payment, Refusal> {
    let mut fields = Fields::of(body, &["merchant_id", "amount", "currency", "source_token", "reference"]);
    let merchant_id = fields.text("merchant_id", 1..=64, is_word);
    let amount = fields.amount(limit.min(LARGEST_AMOUNT));
    let currency = fields.text("currency", 3..=3, |_| true).and_then(|code| {
        let currency = Currency::from_code(&code);
        if currency.is_none() {
            fields.blame("currency", "unknown", "is not an active ISO 4217 code in capitals");
        }
        currency
    });
    let source_token = fields.text("source_token", 8..=255, |text| text.bytes().all(|b| b.is_ascii_graphic()));
    let reference = fields.text("reference", 1..=140, is_printable);
    let money = amount.zip(currency).and_then(|(minor, currency)| Money::new(minor, currency));
    match (merchant_id, money, source_token, reference) {
        (Some(merchant_id), Some(money), Some(source_token), Some(reference)) if fields.reasons.is_empty() => {
            Ok(Payment { merchant_id, money, source_token: Secret::new(source_token), reference })
        }
        _ => Err(Refusal::invalid(fields.reasons)),
    }
}

/// Checks the body of `POST /payments/transactions`.
pub fn booking(body: &Map<String, Value>) -> Result<Booking, Refusal> {
    let mut fields = Fields::of(body, &["merchant_id", "session_id"]);
    let merchant_id = fields.text("merchant_id", 1..=64, is_word);
    let session_id = fields.text("session_id", 1..=64, |text| identifiers::is(Kind::Session, text));
    match (merchant_id, session_id) {
        (Some(merchant_id), Some(session_id)) if fields.reasons.is_empty() => Ok(Booking { merchant_id, session_id }),
        _ => Err(Refusal::invalid(fields.reasons)),
    }
}

/// Checks the body of `POST /payments/transactions/{id}/refunds`.
pub fn refund(body: &Map<String, Value>) -> Result<Refund, Refusal> {
    let mut fields = Fields::of(body, &["amount", "reason"]);
    let amount = fields.amount(LARGEST_AMOUNT);
    let reason = fields.text("reason", 1..=140, is_printable);
    match (amount, reason) {
        (Some(amount), Some(reason)) if fields.reasons.is_empty() => Ok(Refund { amount, reason }),
        _ => Err(Refusal::invalid(fields.reasons)),
    }
}

/// Checks the `Idempotency-Key` header.
pub fn idempotency_key(header: Option<&str>) -> Result<&str, Refusal> {
    let key = header.unwrap_or("");
    let blame = |code, message: &str| {
        Refusal::invalid(vec![Reason { field: "Idempotency-Key", code, message: message.to_owned() }])
    };
    if key.is_empty() {
        return Err(Refusal::new(400, "no_key", "the Idempotency-Key header is missing"));
    }
    if cards::found_in(key) {
        return Err(Refusal::card_number());
    }
    if key.len() > 128 {
        return Err(blame("length", "must have at most 128 characters"));
    }
    if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b)) {
        return Err(blame("form", "may hold letters, digits and _ . : - only"));
    }
    Ok(key)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Control characters would forge log lines and break what prints a reference; PostgreSQL refuses NUL.
fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.trim() == text
}

/// A body being read, with what was wrong so far.
struct Fields<'a> {
    body: &'a Map<String, Value>,
    reasons: Vec<Reason>,
}

impl<'a> Fields<'a> {
    fn of(body: &'a Map<String, Value>, known: &[&'static str]) -> Self {
        let mut fields = Self { body, reasons: Vec::new() };
        let unknown = body.keys().filter(|key| !known.contains(&key.as_str())).count();
        if unknown > 0 {
            // Names of unknown fields are the caller's text and are not repeated.
            fields.blame("body", "unknown_field", &format!("has {unknown} unknown fields"));
        }
        fields
    }

    fn blame(&mut self, field: &'static str, code: &'static str, message: &str) {
        self.reasons.push(Reason { field, code, message: message.to_owned() });
    }

    fn text(
        &mut self,
        field: &'static str,
        length: std::ops::RangeInclusive<usize>,
        form: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let Some(value) = self.body.get(field) else {
            self.blame(field, "missing", "is missing");
            return None;
        };
        let Some(text) = value.as_str() else {
            self.blame(field, "type", "must be a text");
            return None;
        };
        if !length.contains(&text.chars().count()) {
            let message = format!("must have {} to {} characters", length.start(), length.end());
            self.blame(field, "length", &message);
            return None;
        }
        if !form(text) {
            self.blame(field, "form", "does not have the documented form");
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads `amount`: a JSON integer, never a float, even when its fraction is zero.
    fn amount(&mut self, limit: i64) -> Option<i64> {
        let Some(value) = self.body.get("amount") else {
            self.blame("amount", "missing", "is missing");
            return None;
        };
        let is_integer = value.is_i64() || value.is_u64();
        match value.as_i64() {
            Some(amount) if amount < 1 => self.blame("amount", "too_small", "must be above zero"),
            Some(amount) if amount <= limit => return Some(amount),
            None if !is_integer => {
                self.blame("amount", "type", "must be an integer of minor units");
            }
            _ => self.blame("amount", "too_large", &format!("must be at most {limit}")),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn valid() -> Map<String, Value> {
        object(json!({
            "merchant_id": "m-1", "amount": 1050, "currency": "EUR",
            "source_token": "tok_abcdefgh", "reference": "Order 7",
        }))
    }

    fn codes(result: Result<Payment, Refusal>) -> Vec<(&'static str, &'static str)> {
        result.unwrap_err().reasons.iter().map(|r| (r.field, r.code)).collect()
    }

    #[test]
    fn every_reason_is_given_at_once() {
        let body = object(json!({
            "merchant_id": "a b", "amount": 0, "currency": "ABC", "source_token": "x", "extra": 1,
        }));
        let expected = vec![
            ("body", "unknown_field"),
            ("merchant_id", "form"),
            ("amount", "too_small"),
            ("currency", "unknown"),
            ("source_token", "length"),
            ("reference", "missing"),
        ];
        assert_eq!(codes(payment(&body, 1000)), expected);
    }

    #[test]
    fn amounts_are_integers_within_the_limit() {
        for (amount, code) in [
            (json!(1001), "too_large"),
            (json!(-1), "too_small"),
            (json!(1.0), "type"),
            (json!("1"), "type"),
            (json!(null), "type"),
            (json!(u64::MAX), "too_large"),
            (json!(1e300), "type"),
        ] {
            let mut body = valid();
            body.insert("amount".into(), amount.clone());
            assert_eq!(codes(payment(&body, 1000)), vec![("amount", code)], "{amount}");
        }
        assert!(payment(&valid(), 1050).is_ok());
    }

    #[test]
    fn keys_are_checked() {
        assert_eq!(idempotency_key(None).unwrap_err().status, 400);
        for key in ["a b", "é", "4111111111111111", &"k".repeat(129)] {
            assert_eq!(idempotency_key(Some(key)).unwrap_err().status, 422, "{key}");
        }
        assert_eq!(idempotency_key(Some("order-7:1")).unwrap(), "order-7:1");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_keeps_the_rules(
            merchant in "[A-Za-z0-9_ -]{0,70}", amount in -10_i64..5000, currency in "(EUR|JPY|usd|XXX|[A-Z]{3})",
            token in "[!-~]{0,20}", reference in ".{0,20}",
        ) {
            let body = object(json!({
                "merchant_id": merchant, "amount": amount, "currency": currency,
                "source_token": token, "reference": reference,
            }));
            match payment(&body, 1000) {
                Ok(accepted) => {
                    prop_assert!((1..=1000).contains(&accepted.money.minor()));
                    prop_assert!(accepted.money.currency().code() == currency);
                    prop_assert!(!accepted.merchant_id.is_empty() && !accepted.merchant_id.contains(' '));
                    prop_assert!(!accepted.reference.chars().any(char::is_control));
                }
                Err(refusal) => prop_assert!(!refusal.reasons.is_empty()),
            }
        }

        #[test]
        fn any_body_is_judged_without_failing_or_repeating_it(value in any_json()) {
            let mut body = valid();
            body.insert("reference".into(), value.clone());
            body.insert("amount".into(), value);
            if let Err(refusal) = payment(&body, 1000) {
                prop_assert!(!refusal.reasons.is_empty());
            }
            let _ = (booking(&body), refund(&body));
        }
    }
}
