//! How often the search for card numbers is wrong: identifiers and references that it refuses, card numbers that it
//! misses. `scripts/card-numbers` counts over a million samples of each class, the tests over fewer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the counts are the result")]

use payments::rules::cards::{TEST_NUMBERS, found_in, found_in_json};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;

/// Makes one sample.
type Make = fn(&mut StdRng) -> String;

/// Identifiers with a form of their own: at most one in a million may be refused.
const IDENTIFIERS: &[(&str, Make)] = &[
    ("UUID version 4", |random| uuid(random, '4')),
    ("UUID version 7", |random| uuid(random, '7')),
    ("ULID", |random| format!("01{}", of(random, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))),
    ("32 hexadecimal digits", |random| hexadecimal(random, 32)),
    ("40 hexadecimal digits", |random| hexadecimal(random, 40)),
    ("tok_ and 32 hexadecimal digits", |random| format!("tok_{}", hexadecimal(random, 32))),
    ("24 letters and digits", |random| {
        of(random, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 24)
    }),
    ("IBAN", |random| iban(random)),
    ("IBAN in groups", |random| grouped(&iban(random))),
    ("creditor reference", |random| creditor(random)),
    ("creditor reference in groups", |random| grouped(&creditor(random))),
    ("E.164 number", |random| phone(random, "+")),
    ("E.164 number in groups", |random| {
        let number = phone(random, "");
        format!("+{} {} {}", &number[..2], &number[2..5], &number[5..])
    }),
];

/// References that merchants choose: at most one in ten thousand may be refused.
const REFERENCES: &[(&str, Make)] = &[
    ("YYYYMMDDhhmmss", |random| date(random, false)),
    ("DDMMYYYYhhmmss", |random| date(random, true)),
    ("YYYYMMDDhhmmss and milliseconds", |random| format!("{}{}", date(random, false), digits(random, 3))),
    ("milliseconds since 1970", |random| format!("17{}", digits(random, 11))),
    ("microseconds since 1970", |random| format!("17{}", digits(random, 14))),
    ("nanoseconds since 1970", |random| format!("17{}", digits(random, 17))),
    ("ORD-YYYY- and nine digits", |random| format!("ORD-20{}-{}", digits(random, 2), digits(random, 9))),
    ("a date and six digits", |random| format!("{}-{}", &date(random, false)[..8], digits(random, 6))),
    ("a date and eight digits", |random| format!("{}{}", &date(random, false)[..8], digits(random, 8))),
    ("eleven digits", |random| digits(random, 11)),
    ("thirteen digits", |random| digits(random, 13)),
    ("ten and six digits", |random| format!("{}/{}", digits(random, 10), digits(random, 6))),
    ("international number without +", |random| phone(random, "")),
    ("international number with 00", |random| phone(random, "00")),
    ("national number", |random| format!("0{} {}", digits(random, 3), digits(random, 8))),
];

/// Hides a number.
type Hide = fn(&mut StdRng, &str) -> String;

const DISGUISES: &[(&str, Hide)] = &[
    ("alone", |_, number| number.to_owned()),
    ("in a sentence", |_, number| format!("order {number}, thanks")),
    ("in groups", |random, number| {
        let separator = ["", " ", "-", " - ", ".", "/", "_", "\u{2013}", "\u{A0}", ",", ";", "+", " | ", "\n"];
        let separator = separator[random.random_range(0..separator.len())];
        let size = random.random_range(1..=number.len());
        let groups = number.as_bytes().chunks(size).map(|group| std::str::from_utf8(group).unwrap());
        groups.collect::<Vec<_>>().join(separator)
    }),
    ("in another script", |random, number| {
        let zeros = [0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE, 0x1D7F6, 0x2080, 0x1FBF0];
        let zero: u32 = zeros[random.random_range(0..zeros.len())];
        number.bytes().map(|digit| char::from_u32(zero + u32::from(digit - b'0')).unwrap()).collect()
    }),
    ("with invisible characters", |random, number| {
        let invisible = ['\u{200B}', '\u{200D}', '\u{2060}', '\u{FEFF}', '\u{AD}', '\u{202E}', '\u{FE0F}'];
        let between = |digit| [digit, invisible[random.random_range(0..invisible.len())]];
        number.chars().flat_map(between).collect()
    }),
    ("inside more digits", |random, number| format!("{}{number}{}", digits(random, 3), digits(random, 4))),
    ("behind a word", |_, number| format!("card{number}")),
];

fn samples() -> usize {
    std::env::var("PAYINFRA_CARD_SAMPLES").map_or(20_000, |samples| samples.parse().unwrap())
}

/// Counts what is refused of each class, and returns the classes of which too much is.
fn refused(classes: &[(&str, Make)], per_million: usize) -> Vec<String> {
    let (samples, seed) = (samples(), rand::random::<u64>());
    let mut random = StdRng::seed_from_u64(seed);
    let mut wrong = Vec::new();
    for (class, make) in classes {
        let refused: Vec<String> = (0..samples).map(|_| make(&mut random)).filter(|text| found_in(text)).collect();
        println!("{class}: {} of {samples} refused", refused.len());
        if refused.len() * 1_000_000 > samples.max(1_000_000) * per_million {
            wrong.push(format!("{class} (seed {seed}): {:?}", &refused[..refused.len().min(3)]));
        }
    }
    wrong
}

#[test]
fn identifiers_are_not_refused() {
    assert_eq!(refused(IDENTIFIERS, 1), Vec::<String>::new());
}

#[test]
fn references_are_not_refused() {
    let allowed = (1_000_000 / samples()).max(1) * 100;
    assert_eq!(refused(REFERENCES, allowed.min(10_000)), Vec::<String>::new());
}

#[test]
fn no_test_number_is_missed() {
    let mut random = StdRng::seed_from_u64(rand::random());
    for (disguise, hide) in DISGUISES {
        let missed: Vec<String> = (0..samples())
            .map(|sample| hide(&mut random, &TEST_NUMBERS[sample % TEST_NUMBERS.len()].to_string()))
            .filter(|text| !found_in(text))
            .collect();
        println!("{disguise}: {} of {} missed", missed.len(), samples());
        assert!(missed.is_empty(), "{disguise}: {:?}", &missed[..missed.len().min(3)]);
    }
    let mut missed = 0;
    for sample in 0..samples() {
        let number = TEST_NUMBERS[sample % TEST_NUMBERS.len()].to_string();
        let (first, rest) = number.split_at(random.random_range(1..number.len()));
        let (second, third) = rest.split_at(random.random_range(0..rest.len()));
        let two = json!({"amount": 1, "merchant_id": first, "reference": rest});
        let three = json!({"a": first, "b": second, "c": third});
        missed += [two, three, json!([first, second, third])].iter().filter(|value| !found_in_json(value)).count();
    }
    println!("split over neighbouring fields: {missed} of {} missed", samples() * 3);
    assert_eq!(missed, 0);
}

fn of(random: &mut impl Rng, letters: &str, length: usize) -> String {
    (0..length).map(|_| char::from(letters.as_bytes()[random.random_range(0..letters.len())])).collect()
}

fn digits(random: &mut impl Rng, length: usize) -> String {
    of(random, "0123456789", length)
}

fn hexadecimal(random: &mut impl Rng, length: usize) -> String {
    of(random, "0123456789abcdef", length)
}

fn uuid(random: &mut impl Rng, version: char) -> String {
    let variant = of(random, "89ab", 1);
    let mut group = |length| hexadecimal(random, length);
    format!("{}-{}-{version}{}-{variant}{}-{}", group(8), group(4), group(3), group(3), group(12))
}

/// The check digits of ISO 7064 (MOD 97-10) for what follows the country or `RF`.
fn check(country: &str, rest: &str) -> String {
    let values = format!("{rest}{country}00").chars().filter_map(|c| c.to_digit(36)).collect::<Vec<u32>>();
    let remainder = values.iter().fold(0, |r, value| (r * if *value > 9 { 100 } else { 10 } + value) % 97);
    format!("{:02}", 98 - remainder)
}

fn iban(random: &mut impl Rng) -> String {
    let (country, length) =
        [("DE", 18), ("FR", 23), ("ES", 20), ("NL", 14), ("NO", 11), ("PL", 24), ("AT", 16), ("BE", 12)]
            [random.random_range(0..8)];
    let rest = match country {
        "NL" => format!("{}{}", of(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 4), digits(random, length - 4)),
        _ => digits(random, length),
    };
    format!("{country}{}{rest}", check(country, &rest))
}

fn creditor(random: &mut impl Rng) -> String {
    let length = random.random_range(6..=21);
    let rest = digits(random, length);
    format!("RF{}{rest}", check("RF", &rest))
}

fn grouped(text: &str) -> String {
    text.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(" ")
}

/// A number of eleven to thirteen digits in one of some large countries.
fn phone(random: &mut impl Rng, prefix: &str) -> String {
    let country = ["1", "33", "34", "39", "44", "49", "52", "57", "62", "63", "86", "91"][random.random_range(0..12)];
    let length = random.random_range(11..=13) - country.len();
    format!("{prefix}{country}{}", digits(random, length))
}

fn date(random: &mut impl Rng, day_first: bool) -> String {
    let mut two = |first: u32, last: u32| format!("{:02}", random.random_range(first..=last));
    let (year, month, day) = (format!("20{}", two(0, 60)), two(1, 12), two(1, 31));
    let time = format!("{}{}{}", two(0, 23), two(0, 59), two(0, 59));
    if day_first { format!("{day}{month}{year}{time}") } else { format!("{year}{month}{day}{time}") }
}
