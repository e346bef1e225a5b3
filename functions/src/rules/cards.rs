//! Recognises possible card numbers, so that no card data enters the system.
//!
//! A primary account number has 12 to 19 digits (ISO/IEC 7812-1), the last of which is a Luhn check digit. It may be
//! written in groups, in the digits of another script, or with invisible characters in between. Two kinds of candidates
//! are checked: every run of adjacent digit groups with 12 to 19 digits in total, and, inside a longer unbroken group,
//! every part with the prefix and the length of a major card brand. Inside a longer group, an arbitrary Luhn-valid part
//! is no evidence, because one number in ten is Luhn-valid.

use serde_json::Value;

const MIN_DIGITS: usize = 12;
const MAX_DIGITS: usize = 19;
/// The maximum number of separators between two groups of one number.
const MAX_SEPARATORS: usize = 3;

/// Reports whether a text contains a possible card number.
pub fn found_in(text: &str) -> bool {
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut gap = 0;
    for c in text.chars() {
        if let Some(digit) = digit(c) {
            if gap > 0 || groups.is_empty() {
                groups.push(Vec::new());
            }
            gap = 0;
            if let Some(group) = groups.last_mut() {
                group.push(digit);
            }
        } else if is_separator(c) && gap < MAX_SEPARATORS {
            gap += 1;
        } else if !is_invisible(c) {
            if any_number(&groups) {
                return true;
            }
            groups.clear();
            gap = 0;
        }
    }
    any_number(&groups)
}

/// Reports whether a JSON value contains a possible card number in a key, a string, or a number.
pub fn found_in_json(value: &Value) -> bool {
    match value {
        Value::String(text) => found_in(text),
        Value::Number(number) => found_in(&number.to_string()),
        Value::Array(items) => items.iter().any(found_in_json),
        Value::Object(members) => members.iter().any(|(key, member)| found_in(key) || found_in_json(member)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Checks every run of adjacent groups, then the inside of each long group.
fn any_number(groups: &[Vec<u8>]) -> bool {
    for first in 0..groups.len() {
        let mut run: Vec<u8> = Vec::new();
        for group in &groups[first..] {
            run.extend_from_slice(group);
            if run.len() > MAX_DIGITS {
                break;
            }
            if run.len() >= MIN_DIGITS && luhn(&run) {
                return true;
            }
        }
    }
    groups.iter().any(|group| any_brand_number(group))
}

fn any_brand_number(group: &[u8]) -> bool {
    (0..group.len()).any(|start| {
        brand_lengths(&group[start..]).iter().any(|length| group.get(start..start + length).is_some_and(luhn))
    })
}

/// Returns the lengths of the numbers of the brand that these digits begin like, according to the published issuer
/// ranges.
fn brand_lengths(digits: &[u8]) -> &'static [usize] {
    let Some(head) = digits.get(..4) else { return &[] };
    let head = head.iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    match head {
        4000..=4999 => &[13, 16, 19],
        2221..=2720 | 5100..=5599 => &[16],
        3400..=3499 | 3700..=3799 => &[15],
        6011 | 6440..=6599 | 3528..=3589 => &[16, 19],
        3000..=3059 | 3600..=3699 | 3800..=3999 => &[14],
        6200..=6299 => &[16, 17, 18, 19],
        _ => &[],
    }
}

/// Verifies the check digit (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| match (position % 2, u32::from(*digit)) {
            (1, digit) if digit > 4 => digit * 2 - 9,
            (1, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The zero of every script's decimal digits (Unicode 14, general category Nd). The other nine digits follow it.
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
    0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Returns the value of a decimal digit of any script.
fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.to_digit(10).and_then(|value| u8::try_from(value).ok());
    }
    let before = ZEROS.partition_point(|zero| *zero <= u32::from(c));
    let value = u32::from(c) - ZEROS.get(before.checked_sub(1)?)?;
    u8::try_from(value).ok().filter(|value| *value < 10)
}

const fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '_' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Reports whether a character has no width, so that it could hide a number: a joiner, a direction mark, a variation
/// selector, or a keycap.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{20E3}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E01EF}'
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    /// Test numbers that the brands publish.
    const NUMBERS: [&str; 7] = [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "4222222222222",
    ];

    /// Writes a number in the digits of another script, given that script's zero.
    fn script(number: &str, zero: u32) -> String {
        number.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + zero).unwrap()).collect()
    }

    #[test]
    fn every_decimal_digit_is_read() {
        for c in ('\0'..=char::MAX).filter(|c| digit(*c).is_some()) {
            assert!(c.is_numeric(), "{c}");
        }
        assert!(ZEROS.is_sorted());
        assert_eq!((digit('\u{669}'), digit('\u{66A}'), digit('/'), digit(':')), (Some(9), None, None, None));
    }

    #[test]
    fn test_numbers_are_found_in_every_notation() {
        for number in NUMBERS {
            let grouped: Vec<String> =
                number.as_bytes().chunks(4).map(|c| String::from_utf8(c.to_vec()).unwrap()).collect();
            let wide = script(number, 0xFF10);
            for text in [
                number.to_owned(),
                format!("order {number}, thanks"),
                grouped.join(" "),
                grouped.join("-"),
                grouped.join(" - "),
                grouped.join("\u{200B}"),
                number.chars().map(|c| format!("{c}\u{FE0F}\u{20E3}")).collect(),
                format!("\u{202E}{}", grouped.join("\u{2067}")),
                script(number, 0xE50),
                script(number, 0x1D7F6),
                format!("{number} 12/30"),
                format!("00{number}"),
                format!("9{number}123456789012345"),
                wide,
            ] {
                assert!(found_in(&text), "{text}");
            }
        }
    }

    #[test]
    fn ordinary_texts_pass() {
        for text in ["", "INV-2026-0001", "4111111111111112", "12345678901", "2026-11-22T10:11:12Z", "+49 30 1234567"] {
            assert!(!found_in(text), "{text}");
        }
    }

    #[test]
    fn all_parts_of_json_are_checked_after_unescaping() {
        for body in
            [r#"{"a":{"b":["x",4111111111111111]}}"#, r#"{"4111111111111111":1}"#, r#"{"a":"\u0034111111111111111"}"#]
        {
            assert!(found_in_json(&serde_json::from_str(body).unwrap()), "{body}");
        }
        assert!(!found_in_json(&serde_json::json!({"amount": 99_999_999_999_i64, "b": [null, true]})));
    }

    fn with_check_digit(mut digits: Vec<u8>) -> String {
        digits.push(0);
        let missing = (0..10)
            .find(|check| {
                if let Some(last) = digits.last_mut() {
                    *last = *check;
                }
                luhn(&digits)
            })
            .unwrap();
        *digits.last_mut().unwrap() = missing;
        digits.iter().map(|d| char::from(b'0' + d)).collect()
    }

    proptest! {
        #[test]
        fn every_luhn_valid_number_of_12_to_19_digits_is_found_anywhere(
            digits in proptest::collection::vec(0_u8..10, 11..=18),
            before in "[ -/:-~]{0,12}", after in "[ -/:-~]{0,12}",
        ) {
            let text = format!("{before}{}{after}", with_check_digit(digits));
            prop_assert!(found_in(&text));
        }

        #[test]
        fn no_text_causes_a_panic(text in any::<String>()) {
            found_in(&text);
        }

        #[test]
        fn eleven_digits_are_never_a_card_number(text in "[0-9]{0,11}") {
            prop_assert!(!found_in(&text));
        }
    }
}
