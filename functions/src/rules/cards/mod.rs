//! Recognises card numbers by evidence, so that no card data enters the system and no identifier is refused.
//!
//! A number that a brand or a payment service publishes as a test number is one however it is written. Any other is one
//! if its range, its length and its check digit are a brand's, if it is written like a card number, and if nothing
//! around it says that it is something else. docs/security.md gives the rates at which both kinds of mistakes are made;
//! `scripts/card-numbers` measures them.

mod brands;
mod digits;
mod forms;
mod published;

use serde_json::Value;

use brands::{Proof, proof};
pub use published::TEST_NUMBERS;

const MIN_DIGITS: usize = 12;
const MAX_DIGITS: usize = 19;
/// The maximum number of separators between two groups of one number.
const MAX_SEPARATORS: usize = 3;

/// Words that say that a number beside them is a card's. Words that begin or end with `card` do so as well.
const LABELS: &[&str] = &["amex", "ccn", "carte", "karte", "kreditkarte", "maestro", "pan", "tarjeta", "visa"];

/// Reports whether a text contains a card number.
pub fn found_in(text: &str) -> bool {
    found(text, false)
}

/// Reports whether a JSON value contains a card number in a key, a string, a number, or neighbouring members of one
/// object or array.
pub fn found_in_json(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let inside = |(key, member): (&String, &Value)| {
                found_in(key) || plain(member).map_or_else(|| found_in_json(member), |text| found(&text, is_label(key)))
            };
            members.iter().any(inside) || found_across(members.values())
        }
        Value::Array(items) => items.iter().any(found_in_json) || found_across(items.iter()),
        value => plain(value).is_some_and(|text| found_in(&text)),
    }
}

/// The text of a value that holds no others.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reports whether neighbours that have no letters make up a card number together.
fn found_across<'a>(values: impl Iterator<Item = &'a Value>) -> bool {
    let mut pieces = Vec::new();
    for text in values.map(plain) {
        match text.filter(|text| digits::normalized(text).iter().all(|c| c.is_ascii_digit() || !c.is_alphanumeric())) {
            Some(text) => pieces.push(text),
            None if pieces.len() > 1 && found(&pieces.join(" "), false) => return true,
            None => pieces.clear(),
        }
    }
    pieces.len() > 1 && found(&pieces.join(" "), false)
}

fn found(text: &str, labelled: bool) -> bool {
    let mut shown = digits::normalized(text);
    if shown.iter().filter(|c| c.is_ascii_digit()).count() < MIN_DIGITS {
        return false;
    }
    if has_test_number(&shown) {
        return true;
    }
    forms::mask(&mut shown);
    any_number_in(&shown, labelled || is_label(text))
}

/// Reports whether a test number is in a text, whatever separates its digits except letters.
fn has_test_number(text: &[char]) -> bool {
    text.split(|c| c.is_alphanumeric() && !c.is_ascii_digit()).any(|part| {
        let digits: Vec<u64> = part.iter().filter_map(|c| c.to_digit(10).map(u64::from)).collect();
        (MIN_DIGITS..=MAX_DIGITS).any(|length| {
            digits.windows(length).any(|window| {
                let number = window.iter().fold(0, |number, digit| number * 10 + digit);
                TEST_NUMBERS.binary_search(&number).is_ok()
            })
        })
    })
}

/// Reports whether a text or a name says that a card number follows, as in `cardNumber`.
fn is_label(text: &str) -> bool {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        if c.is_uppercase() && before.is_lowercase() || !c.is_alphabetic() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.iter().any(|word| LABELS.contains(&word.as_str()) || word.starts_with("card") || word.ends_with("card"))
}

/// Looks at the groups of digits between which only separators stand.
fn any_number_in(text: &[char], labelled: bool) -> bool {
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut gap = 0;
    for c in text {
        if let Some(digit) = c.to_digit(10).and_then(|digit| u8::try_from(digit).ok()) {
            match groups.last_mut().filter(|_| gap == 0) {
                Some(group) => group.push(digit),
                None => groups.push(vec![digit]),
            }
            gap = 0;
        } else if is_separator(*c) && gap < MAX_SEPARATORS {
            gap += 1;
        } else {
            if any_number(&groups, labelled) {
                return true;
            }
            groups.clear();
            gap = 0;
        }
    }
    any_number(&groups, labelled)
}

/// Checks every run of neighbouring groups.
fn any_number(groups: &[Vec<u8>], labelled: bool) -> bool {
    for first in 0..groups.len() {
        let mut number: Vec<u8> = Vec::new();
        for last in first..groups.len() {
            number.extend_from_slice(&groups[last]);
            if number.len() > MAX_DIGITS {
                break;
            }
            if proof(&number).is_some_and(|proof| {
                labelled || proof == Proof::Strong && is_written_like_one(&number, groups, first..=last)
            }) {
                return true;
            }
        }
    }
    false
}

/// Reports whether a number is written like a card number, and is not a part of something longer.
fn is_written_like_one(number: &[u8], groups: &[Vec<u8>], at: std::ops::RangeInclusive<usize>) -> bool {
    let (first, last) = (*at.start(), *at.end());
    if first == last {
        return !forms::is_timestamp(number);
    }
    let sizes: Vec<usize> = groups[at].iter().map(Vec::len).collect();
    match sizes[..] {
        [4, 6, 4 | 5] => true,
        // The digits one by one or in pairs: nothing else may be in the row.
        [1 | 2, ..] => first == 0 && last + 1 == groups.len() && is_uniform(&sizes),
        [4, ..] => is_uniform(&sizes) && !(first > 0 && groups[first - 1].len() == 4) && !goes_on(groups.get(last + 1)),
        _ => false,
    }
}

/// All groups have one size, and the last is no longer.
fn is_uniform(sizes: &[usize]) -> bool {
    let (last, others) = (sizes[sizes.len() - 1], &sizes[..sizes.len() - 1]);
    others.iter().all(|size| *size == sizes[0]) && last <= sizes[0]
}

/// Reports whether the group behind a number belongs to it: it has four digits, and these are no month and year.
fn goes_on(group: Option<&Vec<u8>>) -> bool {
    group.is_some_and(|group| group.len() == 4 && !(1..=12).contains(&(group[0] * 10 + group[1])))
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '_' | '/' | '|' | ':' | '*' | '·' | '•' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests;
