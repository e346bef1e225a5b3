//! The component schemas. Each is self-contained and valid JSON Schema draft 4, because API Gateway builds its models
//! from them.
//!
//! A schema describes the *form* of a body: types, presence, and sizes. The function validates what the values mean
//! (currency, limit, card numbers), because it can report everything that is wrong at once.

use serde_json::{Value, json};

use crate::rules::money::MAX_AMOUNT;

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
        "description": "A payment to validate.",
        "required": ["merchant_id", "amount", "currency", "source_token", "reference"],
        "additionalProperties": false,
        "properties": {
            "merchant_id": {
                "type": "string", "minLength": 1, "maxLength": 64,
                "description": "Letters, digits, underscores, and hyphens.",
            },
            "amount": {
                "type": "integer", "maximum": MAX_AMOUNT,
                "description": "In the minor unit of the currency: 1050 is 10.50 EUR, 1050 JPY, or 1.050 KWD. Greater than zero and at most the configured limit.",
            },
            "currency": {
                "type": "string", "minLength": 3, "maxLength": 3,
                "description": "An ISO 4217 code in upper case.",
            },
            "source_token": {
                "type": "string", "minLength": 8, "maxLength": 255,
                "description": "The token of the payment method; never a card number.",
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
        "description": "A validated payment that has not been booked yet.",
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
                "description": "The merchant that the session was opened for.",
            },
            "session_id": {"type": "string", "minLength": 1, "maxLength": 64},
        },
    })
}

fn refund_request() -> Value {
    json!({
        "type": "object",
        "description": "A refund of a payment, in full or in part.",
        "required": ["amount", "reason"],
        "additionalProperties": false,
        "properties": {
            "amount": {
                "type": "integer", "maximum": MAX_AMOUNT,
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
            "original_id": {"type": "string", "description": "The refunded payment; present on refunds only."},
            "refunded": {"type": "integer", "minimum": 0, "description": "The amount refunded so far; present only when a payment is read."},
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
        "description": "Why a request was rejected. Rejections by the gateway itself contain only the message.",
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
