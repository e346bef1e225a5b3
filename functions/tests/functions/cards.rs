//! The deployed binaries reject a possible card number anywhere in a request and never log it.

use payments::rules::cards::TEST_NUMBERS;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::requests::{payment, send_raw};
use crate::support::stack::{Options, Stack};

/// First digits and lengths of some brands.
const BRANDS: &[(&str, usize)] = &[
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("2221", 16),
    ("34", 15),
    ("36", 14),
    ("6011", 16),
    ("3528", 16),
    ("62", 19),
    ("2200", 16),
    ("9792", 16),
];

/// Picks a test number, or makes one up that could be issued.
fn number(random: &mut impl Rng) -> String {
    if random.random_bool(0.5) {
        return TEST_NUMBERS[random.random_range(0..TEST_NUMBERS.len())].to_string();
    }
    let (first, length) = BRANDS[random.random_range(0..BRANDS.len())];
    let mut digits: Vec<u32> = first.chars().filter_map(|digit| digit.to_digit(10)).collect();
    digits.extend((digits.len() + 1..length).map(|_| random.random_range(0..10)).collect::<Vec<u32>>());
    let weighted = digits.iter().rev().enumerate().map(|(at, digit)| match (at % 2, digit * 2) {
        (0, doubled) if doubled > 9 => doubled - 9,
        (0, doubled) => doubled,
        _ => *digit,
    });
    let sum: u32 = weighted.sum();
    digits.push((10 - sum % 10) % 10);
    digits.iter().map(ToString::to_string).collect()
}

/// Formats the number as people write it, or as those who hide it do.
fn formatted(number: &str, random: &mut impl Rng) -> String {
    let groups = |by: &str| {
        let groups: Vec<String> =
            number.as_bytes().chunks(4).map(|g| String::from_utf8_lossy(g).into_owned()).collect();
        groups.join(by)
    };
    match random.random_range(0..6) {
        0 => groups(" "),
        1 => groups("-"),
        2 => groups("\u{200B}"),
        3 => format!("no. {number}!"),
        4 => number.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xFF10).unwrap()).collect(),
        _ => number.to_owned(),
    }
}

/// Hides the number at a random place in a body, and returns the body's text.
fn hidden(mut body: Value, text: &str, number: &str, random: &mut impl Rng) -> String {
    let names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
    let name = names[random.random_range(0..names.len())].as_str();
    match random.random_range(0..6) {
        0 => body[name] = text.into(),
        1 => body[text] = json!(1),
        2 => body[name] = json!([{"deep": [text]}]),
        3 => body["note"] = json!({"a": {"b": text}}),
        4 => return format!("{}, \"n\": {number}}}", body.to_string().trim_end_matches('}')),
        // As escape sequences, which only a JSON parser decodes.
        _ => {
            let escaped: String = text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
            return body.to_string().replacen('{', &format!("{{\"x\": \"{escaped}\", "), 1);
        }
    }
    body.to_string()
}

#[tokio::test]
async fn no_body_with_a_card_number_is_accepted_or_logged() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let id = format!("txn_{}", "a".repeat(32));
    let bodies = [
        ("/payments/validate", None, payment("m-1", 100)),
        (
            "/payments/transactions",
            None,
            json!({"merchant_id": "m-1", "session_id": format!("ses_{}", "a".repeat(32))}),
        ),
        ("/payments/transactions/{id}/refunds", Some(id.as_str()), json!({"amount": 1, "reason": "returned"})),
    ];
    let mut numbers = Vec::new();
    for _ in 0..300 {
        let (resource, id, body) = &bodies[random.random_range(0..bodies.len())];
        let number = number(&mut random);
        let text = formatted(&number, &mut random);
        let body = hidden(body.clone(), &text, &number, &mut random);
        let pool = if *resource == "/payments/validate" { &stack.validation } else { &stack.processing };
        let answer = send_raw(pool, "POST", resource, *id, Some("key-1"), Some(&body)).await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!("card_number")), "seed {seed}: {body}");
        numbers.extend([number, text]);
    }
    let logs = stack.logs();
    assert!(logs.matches("card_number").count() >= 300);
    for number in numbers {
        assert!(!logs.contains(&number), "seed {seed}: {number} is in the logs");
    }
}
