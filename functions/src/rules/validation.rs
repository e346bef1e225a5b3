//! The rules for the three request bodies and the idempotency key. A check reports everything that is wrong at once.

use serde_json::{Map, Value};

use crate::rules::identifiers::Kind;
use crate::rules::money::{Currency, MAX_AMOUNT, Money};
use crate::rules::redaction::Secret;
use crate::rules::{cards, identifiers};

/// One thing that is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The field of the body, or the header.
    pub field: &'static str,
    /// The machine-readable code.
    pub code: &'static str,
    /// The human-readable message; it never repeats the value.
    pub message: String,
}

/// A request that breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// The idempotency key is missing.
    #[error("the idempotency key is missing")]
    MissingKey,
    /// The request contains a possible card number.
    #[error("the request contains a possible card number")]
    CardNumber,
    /// Values are invalid.
    #[error("{} values are invalid", .0.len())]
    Values(Vec<Reason>),
}

/// A valid payment, for which a session may be opened.
#[derive(Clone, Debug)]
pub struct Payment {
    /// The merchant who is paid.
    pub merchant_id: String,
    /// The amount and the currency.
    pub money: Money,
    /// The token of the payment method.
    pub source_token: Secret<String>,
    /// The merchant's own reference.
    pub reference: String,
}

/// A valid request to book a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The merchant that the session was opened for.
    pub merchant_id: String,
    /// The session's ID.
    pub session_id: String,
}

/// A valid refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The amount in minor units of the payment's currency.
    pub amount: i64,
    /// The reason, which becomes the refund's reference.
    pub reason: String,
}

/// Validates the body of `POST /payments/validate` against the configured limit in minor units.
pub fn payment(body: &Map<String, Value>, limit: i64) -> Result<Payment, ValidationError> {
    let mut fields = Fields::of(body, &["merchant_id", "amount", "currency", "source_token", "reference"]);
    let merchant_id = fields.text("merchant_id", 1..=64, is_word);
    let amount = fields.amount(limit.min(MAX_AMOUNT));
    let currency = fields.text("currency", 3..=3, |_| true).and_then(|code| {
        let currency = Currency::from_code(&code);
        match &currency {
            None => fields.reject("currency", "unknown", "is not an active, upper-case ISO 4217 code"),
            Some(currency) if currency.is_withdrawn() => {
                fields.reject("currency", "withdrawn", "is no longer in use; only refunds are possible");
            }
            Some(_) => {}
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
        _ => Err(ValidationError::Values(fields.reasons)),
    }
}

/// Validates the body of `POST /payments/transactions`.
pub fn booking(body: &Map<String, Value>) -> Result<Booking, ValidationError> {
    let mut fields = Fields::of(body, &["merchant_id", "session_id"]);
    let merchant_id = fields.text("merchant_id", 1..=64, is_word);
    let session_id = fields.text("session_id", 1..=64, |text| identifiers::is_valid(Kind::Session, text));
    match (merchant_id, session_id) {
        (Some(merchant_id), Some(session_id)) if fields.reasons.is_empty() => Ok(Booking { merchant_id, session_id }),
        _ => Err(ValidationError::Values(fields.reasons)),
    }
}

/// Validates the body of `POST /payments/transactions/{id}/refunds`.
pub fn refund(body: &Map<String, Value>) -> Result<Refund, ValidationError> {
    let mut fields = Fields::of(body, &["amount", "reason"]);
    let amount = fields.amount(MAX_AMOUNT);
    let reason = fields.text("reason", 1..=140, is_printable);
    match (amount, reason) {
        (Some(amount), Some(reason)) if fields.reasons.is_empty() => Ok(Refund { amount, reason }),
        _ => Err(ValidationError::Values(fields.reasons)),
    }
}

/// Validates the `Idempotency-Key` header: a plain key, or the same key as the quoted string that
/// draft-ietf-httpapi-idempotency-key-header defines (an item of RFC 8941).
pub fn idempotency_key(header: Option<&str>) -> Result<&str, ValidationError> {
    let header = header.unwrap_or("");
    let key = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(header);
    let invalid = |code, message: &str| {
        ValidationError::Values(vec![Reason { field: "Idempotency-Key", code, message: message.to_owned() }])
    };
    if key.is_empty() {
        return Err(ValidationError::MissingKey);
    }
    if cards::found_in(key) {
        return Err(ValidationError::CardNumber);
    }
    if key.len() > 128 {
        return Err(invalid("length", "must have at most 128 characters"));
    }
    if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b)) {
        return Err(invalid("form", "may contain only letters, digits, and the characters _ . : -"));
    }
    Ok(key)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Control characters could forge log lines and garble printed references, PostgreSQL rejects NUL, and SQS takes no
/// message with U+FFFE or U+FFFF (its API reference, `SendMessage`): an event with one would never arrive.
fn is_printable(text: &str) -> bool {
    let refused = |c: char| c.is_control() || is_noncharacter(c);
    !text.chars().any(refused) && text.trim() == text
}

/// The code points that Unicode reserves for internal use ("The Unicode Standard", 23.7); no text has them.
const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{FDD0}'..='\u{FDEF}') || c as u32 & 0xFFFE == 0xFFFE
}

/// A body that is being read, with everything that is wrong so far.
struct Fields<'a> {
    body: &'a Map<String, Value>,
    reasons: Vec<Reason>,
}

impl<'a> Fields<'a> {
    fn of(body: &'a Map<String, Value>, known: &[&'static str]) -> Self {
        let mut fields = Self { body, reasons: Vec::new() };
        let unknown = body.keys().filter(|key| !known.contains(&key.as_str())).count();
        if unknown > 0 {
            // The names are not repeated, because they are the caller's text.
            fields.reject("body", "unknown_field", &format!("has {unknown} unknown fields"));
        }
        fields
    }

    fn reject(&mut self, field: &'static str, code: &'static str, message: &str) {
        self.reasons.push(Reason { field, code, message: message.to_owned() });
    }

    fn text(
        &mut self,
        field: &'static str,
        length: std::ops::RangeInclusive<usize>,
        form: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let Some(value) = self.body.get(field) else {
            self.reject(field, "missing", "is missing");
            return None;
        };
        let Some(text) = value.as_str() else {
            self.reject(field, "type", "must be a string");
            return None;
        };
        if !length.contains(&text.chars().count()) {
            let message = format!("must have {} to {} characters", length.start(), length.end());
            self.reject(field, "length", &message);
            return None;
        }
        if !form(text) {
            self.reject(field, "form", "does not have the documented form");
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads `amount`, which must be a JSON integer: a float is rejected even if its fraction is zero.
    fn amount(&mut self, limit: i64) -> Option<i64> {
        let Some(value) = self.body.get("amount") else {
            self.reject("amount", "missing", "is missing");
            return None;
        };
        let is_integer = value.is_i64() || value.is_u64();
        match value.as_i64() {
            Some(amount) if amount < 1 => self.reject("amount", "too_small", "must be greater than zero"),
            Some(amount) if amount <= limit => return Some(amount),
            None if !is_integer => {
                self.reject("amount", "type", "must be an integer in minor units");
            }
            _ => self.reject("amount", "too_large", &format!("must be at most {limit}")),
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

    fn reasons<T: std::fmt::Debug>(result: Result<T, ValidationError>) -> Vec<Reason> {
        match result {
            Err(ValidationError::Values(reasons)) => reasons,
            other => panic!("not invalid values: {other:?}"),
        }
    }

    fn codes(result: Result<Payment, ValidationError>) -> Vec<(&'static str, &'static str)> {
        reasons(result).iter().map(|r| (r.field, r.code)).collect()
    }

    #[test]
    fn every_reason_is_reported_at_once() {
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
    fn nobody_pays_in_a_withdrawn_currency() {
        for (currency, expected) in [("BGN", "withdrawn"), ("ANG", "withdrawn"), ("DEM", "unknown")] {
            let mut body = valid();
            body.insert("currency".into(), currency.into());
            assert_eq!(codes(payment(&body, 1050)), vec![("currency", expected)], "{currency}");
        }
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
    fn a_reference_holds_only_what_every_service_takes() {
        let with = |reference: &str| {
            let mut body = valid();
            body.insert("reference".into(), reference.into());
            payment(&body, 1050)
        };
        for reference in ["a\0b", "a\nb", "a\u{FFFE}", "a\u{FFFF}", "\u{FDD0}", "a\u{1FFFF}", " a", "a "] {
            assert_eq!(codes(with(reference)), vec![("reference", "form")], "{reference:?}");
        }
        for reference in ["Zürich 🧾", "a\u{FFFD}b", "\u{10FFFD}"] {
            assert!(with(reference).is_ok(), "{reference:?}");
        }
    }

    #[test]
    fn idempotency_keys_are_validated() {
        assert_eq!(idempotency_key(None), Err(ValidationError::MissingKey));
        assert_eq!(idempotency_key(Some("4111111111111111")), Err(ValidationError::CardNumber));
        for (key, code) in [("a b", "form"), ("é", "form"), (&"k".repeat(129), "length")] {
            assert_eq!(reasons(idempotency_key(Some(key)))[0].code, code, "{key}");
        }
        for header in ["order-7:1", "\"order-7:1\""] {
            assert_eq!(idempotency_key(Some(header)).unwrap(), "order-7:1");
        }
        assert_eq!(idempotency_key(Some("\"\"")), Err(ValidationError::MissingKey));
        for header in ["\"", "\"a", "\"a\"b\"", "\"a\";b=1"] {
            assert_eq!(reasons(idempotency_key(Some(header)))[0].code, "form", "{header}");
        }
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
        fn an_accepted_payment_obeys_the_rules(
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
                rejected => prop_assert!(!reasons(rejected).is_empty()),
            }
        }

        #[test]
        fn no_body_causes_a_panic(value in any_json()) {
            let mut body = valid();
            body.insert("reference".into(), value.clone());
            body.insert("amount".into(), value);
            let rejected = payment(&body, 1000);
            if rejected.is_err() {
                prop_assert!(!reasons(rejected).is_empty());
            }
            let _ = (booking(&body), refund(&body));
        }
    }
}
