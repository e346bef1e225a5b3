#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn the_test_numbers_are_card_numbers() {
    assert!(TEST_NUMBERS.is_sorted());
    for number in TEST_NUMBERS {
        let digits: Vec<u8> = number.to_string().bytes().map(|digit| digit - b'0').collect();
        assert!(proof(&digits).is_some(), "{number}");
    }
}

#[test]
fn numbers_of_every_brand_are_found_without_being_listed() {
    for number in [
        "4929722653797141",
        "4716989580001715211",
        "5398228707871527",
        "2718760626256570",
        "375556917985515",
        "36050234196908",
        "6011674863327579",
        "3566009999999999",
        "6283875070985593",
        "6765780016990268",
        "2204320000000002",
        "9792123412341235",
        "8600123412341239",
        "6060601234567898",
    ] {
        let grouped: Vec<&str> = number.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        for text in [
            number.to_owned(),
            format!("order {number}, thanks"),
            format!("({number})"),
            format!("{number} 12/30"),
            format!("ref{number}"),
        ] {
            assert!(found_in(&text), "{text}");
        }
        if number.len() == 16 {
            for text in
                [grouped.join(" "), grouped.join("-"), grouped.join(" - "), format!("{} 1230", grouped.join(" "))]
            {
                assert!(found_in(&text), "{text}");
            }
        }
    }
    assert!(found_in("3755 569179 85515") && found_in("3605 023419 6908"));
}

#[test]
fn references_pass() {
    for text in [
        "",
        "INV-2026-0001",
        "4111111111111112",
        "12345678901",
        "2026-11-22T10:11:12Z",
        "+49 30 1234567",
        "ORD-2026-000809122",
        "20260306235942",
        "DE54 1350 1354 2982 0770 21",
        "56c11669-a4ba-4161-9309-0287a6ea2981",
        "tok_3b7164142168928e0083f355b44dd86d",
        "4915112345678",
        "49 151 12345678",
        "1764324672123456",
        "4500012345 000010",
        "rooms 4111, 1111, 1111, 1114",
    ] {
        assert!(!found_in(text), "{text}");
    }
}

#[test]
fn a_label_makes_weak_evidence_enough() {
    let weak = "4001234567893";
    assert!(!found_in(weak) && found_in(&format!("card {weak}")) && found_in(&format!("Kreditkarte: {weak}")));
    for key in ["cardNumber", "card_number", "PAN", "debitCard"] {
        assert!(found_in_json(&json!({ key: weak })), "{key}");
    }
    for key in ["company", "reference", "discarded", "order"] {
        assert!(!found_in_json(&json!({ key: weak })), "{key}");
    }
}

#[test]
fn all_parts_of_json_are_checked_after_unescaping() {
    for body in [
        r#"{"a":{"b":["x",4111111111111111]}}"#,
        r#"{"4111111111111111":1}"#,
        r#"{"a":"\u0034111111111111111"}"#,
        r#"{"a":"4111","b":"1111","c":1111,"d":"1111"}"#,
        r#"{"a":"41111111","b":"11111111"}"#,
        r#"{"a":[4929,7226,5379,7141]}"#,
    ] {
        assert!(found_in_json(&serde_json::from_str(body).unwrap()), "{body}");
    }
    assert!(!found_in_json(&json!({"amount": 99_999_999_999_i64, "b": [null, true]})));
    assert!(!found_in_json(&json!({"a": "49297226", "b": "53797141"})), "two numbers of eight digits are two numbers");
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in any::<String>()) {
        found_in(&text);
        found_in(&format!("card {text}"));
    }

    #[test]
    fn eleven_digits_are_never_a_card_number(text in "(card )?[0-9]{0,11}") {
        prop_assert!(!found_in(&text));
    }
}
