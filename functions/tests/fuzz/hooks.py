"""Makes many generated requests reach the ledger: a body that the schema allows is often turned into a valid payment,
with sessions and transactions from earlier responses. A body that the schema rejects stays as generated."""

import itertools
import random
import re

import schemathesis

CURRENCIES = ["EUR", "USD", "JPY", "KWD", "CLF"]


def printable(text):
    return re.sub(r"[^ -~]", ".", text).strip() or "order"


# Name: the minimum and maximum length, and the form.
TEXTS = {
    "merchant_id": (1, 64, lambda text: re.sub(r"[^A-Za-z0-9_-]", "-", text)),
    "currency": (3, 3, lambda text: CURRENCIES[sum(map(ord, text)) % len(CURRENCIES)]),
    "source_token": (8, 255, lambda text: re.sub(r"[^!-~]", "x", text)),
    "reference": (1, 140, printable),
    "reason": (1, 140, printable),
}


def formed(name, value):
    if name in TEXTS and isinstance(value, str):
        shortest, longest, form = TEXTS[name]
        return form(value) if shortest <= len(value) <= longest else value
    if name == "amount" and type(value) is int and value <= 99_999_999_999:
        return abs(value) % 1_000_000 + 1
    return value


def is_short(value):
    return isinstance(value, str) and 1 <= len(value) <= 64


CHANCE = random.Random(20261122)
NUMBERS = itertools.count()
# From earlier responses: sessions with their merchants, and booked transactions.
SESSIONS = []
TRANSACTIONS = []


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and case.operation.path == "/payments/validate":
        SESSIONS.append({"merchant_id": case.body["merchant_id"], "session_id": response.json()["session_id"]})
    if response.status_code == 201:
        TRANSACTIONS.append(response.json()["id"])


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict) or CHANCE.random() > 0.7:
        return body
    if SESSIONS and set(body) == {"merchant_id", "session_id"} and all(map(is_short, body.values())):
        # Fresh sessions mostly, used ones as well.
        return dict(SESSIONS.pop() if CHANCE.random() < 0.8 else CHANCE.choice(SESSIONS))
    return {name: formed(name, value) for name, value in body.items()}


@schemathesis.hook
def map_path_parameters(context, parameters):
    if parameters and TRANSACTIONS and is_short(parameters.get("id")) and CHANCE.random() < 0.7:
        return {**parameters, "id": CHANCE.choice(TRANSACTIONS)}
    return parameters


@schemathesis.hook
def map_headers(context, headers):
    # A generator likes the same few keys, under which nothing new is ever booked.
    key = headers.get("Idempotency-Key") if headers else None
    if isinstance(key, str) and re.fullmatch("[A-Za-z0-9_.:-]{1,128}", key) and CHANCE.random() < 0.8:
        headers["Idempotency-Key"] = f"key-{next(NUMBERS)}"
    return headers
