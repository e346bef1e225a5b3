//! The component schemas: each self-contained and valid JSON Schema draft 4, because API Gateway
//! makes its models from them.
//!
//! They hold the *form* of a body (types, presence, sizes). What a value means (currency, limit,
//! card numbers) is judged in the function, which names every reason at once.

use serde_json::{Value, json};

/// The largest amount in minor units that can be asked for: eleven digits, so that no amount can be
/// taken for a card number, which has at least twelve.
pub const LARGEST_AMOUNT: i64 = 99_999_999_999;

pub(super) fn all() -> Value {
    json!({
        "ValidateRequest": validate_request(),
        "Session": session(),
        "TransactionRequest": transaction_request(),
        "Transaction": transaction(),
        "RefundRequest": refund_request(),
        "Health": health(),
        "Error": error(),
    })
}

fn validate_request() -> Value {
    json!({
        "type": "object",
        "description": "A payment to check.",
        "required": ["merchant_id", "amount", "currency", "source_token", "reference"],
        "additionalProperties": false,
        "properties": {
            "merchant_id": {
                "type": "string", "minLength": 1, "maxLength": 64,
                "description": "Letters, digits, underscore and hyphen.",
            },
            "amount": {
                "type": "integer", "maximum": LARGEST_AMOUNT,
                "description": "In the minor unit of the currency: 1050 is 10.50 EUR, 1050 JPY, 1.050 KWD. Above zero and at most the configured limit.",
            },
            "currency": {
                "type": "string", "minLength": 3, "maxLength": 3,
                "description": "ISO 4217, three capitals.",
            },
            "source_token": {
                "type": "string", "minLength": 8, "maxLength": 255,
                "description": "The token of the means of payment; never a card number.",
            },
            "reference": {
                "type": "string", "minLength": 1, "maxLength": 140,
                "description": "The merchant's own reference.",
            },
        },
    })
}

fn session() -> Value {
    json!({
        "type": "object",
        "description": "A checked payment, waiting to be booked.",
        "required": ["session_id", "expires_at"],
        "properties": {
            "session_id": {"type": "string", "pattern": "^ses_[a-p]{32}$"},
            "expires_at": {"type": "integer", "description": "Seconds since 1970-01-01 UTC."},
        },
    })
}

fn transaction_request() -> Value {
    json!({
        "type": "object",
        "description": "The session to book.",
        "required": ["merchant_id", "session_id"],
        "additionalProperties": false,
        "properties": {
            "merchant_id": {
                "type": "string", "minLength": 1, "maxLength": 64,
                "description": "The merchant the session was opened for.",
            },
            "session_id": {"type": "string", "minLength": 1, "maxLength": 64},
        },
    })
}

fn refund_request() -> Value {
    json!({
        "type": "object",
        "description": "The part of a payment to give back.",
        "required": ["amount", "reason"],
        "additionalProperties": false,
        "properties": {
            "amount": {
                "type": "integer", "maximum": LARGEST_AMOUNT,
                "description": "In the minor unit of the payment's currency.",
            },
            "reason": {"type": "string", "minLength": 1, "maxLength": 140},
        },
    })
}

fn transaction() -> Value {
    json!({
        "type": "object",
        "description": "A booked payment or refund.",
        "required": ["id", "kind", "merchant_id", "amount", "currency", "reference", "created_at"],
        "properties": {
            "id": {"type": "string", "pattern": "^txn_[a-p]{32}$"},
            "kind": {"type": "string", "enum": ["payment", "refund"]},
            "merchant_id": {"type": "string"},
            "amount": {"type": "integer", "minimum": 1},
            "currency": {"type": "string", "minLength": 3, "maxLength": 3},
            "reference": {"type": "string"},
            "original_id": {"type": "string", "description": "The refunded payment; only on refunds."},
            "refunded": {"type": "integer", "minimum": 0, "description": "Given back so far; only when a payment is read."},
            "created_at": {"type": "string", "description": "RFC 3339 in UTC."},
        },
    })
}

fn health() -> Value {
    json!({
        "type": "object",
        "required": ["status", "function"],
        "properties": {
            "status": {"type": "string", "enum": ["ok"]},
            "function": {"type": "string"},
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was refused; the gateway's own refusals carry only the message.",
        "required": ["message"],
        "properties": {
            "message": {"type": "string"},
            "code": {"type": "string"},
            "reasons": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "message"],
                    "properties": {
                        "field": {"type": "string"},
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                    },
                },
            },
        },
    })
}
