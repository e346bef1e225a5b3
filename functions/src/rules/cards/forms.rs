//! Identifiers that have a form of their own: what has one is no card number.

use std::ops::Range;

/// The countries of the IBAN registry with the length of their IBANs (SWIFT, IBAN registry, read 2026-11-28).
const IBAN_LENGTHS: &str = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18\
                            FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20\
                            LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24\
                            SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// The digits of an international telephone number (ITU-T E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Replaces the digits of everything in a text that has such a form, so that no number is found there.
pub fn mask(text: &mut [char]) {
    let mut at = 0;
    while at < text.len() {
        let begins = at == 0 || !text[at - 1].is_alphanumeric();
        let found = if begins { form_at(text, at) } else { None };
        let Some(span) = found else {
            at += 1;
            continue;
        };
        at = span.end;
        text[span].fill('x');
    }
}

fn form_at(text: &[char], at: usize) -> Option<Range<usize>> {
    let end = uuid(&text[at..]).or_else(|| iban(&text[at..])).or_else(|| reference(&text[at..]));
    let end = end.or_else(|| phone(&text[at..])).or_else(|| identifier(&text[at..]))?;
    Some(at..at + end)
}

/// A UUID of RFC 9562: five groups of hexadecimal digits, with a version and a variant.
fn uuid(text: &[char]) -> Option<usize> {
    const LENGTH: usize = 36;
    let id = text.get(..LENGTH)?;
    let fits = id.iter().enumerate().all(|(at, c)| match at {
        8 | 13 | 18 | 23 => *c == '-',
        14 => ('1'..='8').contains(c),
        19 => matches!(c.to_ascii_lowercase(), '8' | '9' | 'a' | 'b'),
        _ => c.is_ascii_hexdigit(),
    });
    (fits && ends(text, LENGTH)).then_some(LENGTH)
}

/// An IBAN (ISO 13616), alone or in groups: a country with the length of its IBANs. People mistype them, so the check
/// digits need not be right.
fn iban(text: &[char]) -> Option<usize> {
    let country: String = text.get(..2)?.iter().collect::<String>().to_ascii_uppercase();
    let known = IBAN_LENGTHS.as_bytes().chunks(4).find(|entry| entry[..2] == *country.as_bytes())?;
    let length = usize::from(known[2] - b'0') * 10 + usize::from(known[3] - b'0');
    grouped(text, length..=length, |_| true)
}

/// A structured creditor reference (ISO 11649): `RF`, two check digits, and up to 21 letters and digits.
fn reference(text: &[char]) -> Option<usize> {
    let begins = text.get(..2)?.iter().collect::<String>().eq_ignore_ascii_case("RF");
    begins.then(|| grouped(text, 5..=25, |characters| remainder(characters) == 1)).flatten()
}

/// The end of two letters, two digits and so many letters and digits in all, in groups that single spaces or hyphens
/// separate.
fn grouped(
    text: &[char],
    lengths: std::ops::RangeInclusive<usize>,
    is_valid: impl Fn(&[char]) -> bool,
) -> Option<usize> {
    let mut characters = Vec::new();
    let mut end = None;
    for (at, c) in text.iter().enumerate() {
        if c.is_ascii_alphanumeric() && characters.len() < *lengths.end() {
            characters.push(c.to_ascii_uppercase());
            if lengths.contains(&characters.len()) && ends(text, at + 1) && is_valid(&characters) {
                end = Some(at + 1);
            }
        } else if !matches!(c, ' ' | '-') || at == 0 || !text[at - 1].is_ascii_alphanumeric() {
            break;
        }
    }
    let digits = characters.get(2..4)?.iter().all(char::is_ascii_digit);
    end.filter(|_| digits)
}

/// The remainder of ISO 7064 (MOD 97-10), which must be one: of the number that letters (A is 10) and digits make, the
/// first four last.
fn remainder(characters: &[char]) -> u32 {
    let (first, rest) = characters.split_at(4);
    rest.iter().chain(first).filter_map(|c| c.to_digit(36)).fold(0, |remainder, value| {
        let shift = if value > 9 { 100 } else { 10 };
        (remainder * shift + value) % 97
    })
}

/// A telephone number that begins with `+`.
fn phone(text: &[char]) -> Option<usize> {
    (text[0] == '+').then_some(())?;
    let within = |c: &char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let length = 1 + text[1..].iter().take_while(|c| within(c)).count();
    let digits = text[..length].iter().filter(|c| c.is_ascii_digit()).count();
    (PHONE_DIGITS.contains(&digits) && ends(text, length)).then_some(length)
}

/// A word in which letters and digits alternate, as in ULIDs, hexadecimal and random tokens: a card number may have
/// letters before or behind it, but none inside.
fn identifier(text: &[char]) -> Option<usize> {
    let length = text.iter().take_while(|c| c.is_alphanumeric()).count();
    let word = &text[..length];
    let changes = word.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let is_hexadecimal = length >= 24 && word.iter().all(char::is_ascii_hexdigit);
    (changes >= 2 || changes == 1 && is_hexadecimal).then_some(length)
}

fn ends(text: &[char], at: usize) -> bool {
    text.get(at).is_none_or(|c| !c.is_alphanumeric())
}

/// Reports whether digits are a date with a time: `DDMMYYYY` or `MMDDYYYY`, then hours and minutes, and what is finer.
///
/// Dates that begin with the year, and seconds since 1970, begin like no card.
pub fn is_timestamp(digits: &[u8]) -> bool {
    let two = |at: usize| digits.get(at..at + 2).map_or(99, |pair| u32::from(pair[0]) * 10 + u32::from(pair[1]));
    let year = two(4) * 100 + two(6);
    let is_date = |day, month| (1..=31).contains(&day) && (1..=12).contains(&month) && (1970..2100).contains(&year);
    (is_date(two(0), two(2)) || is_date(two(2), two(0))) && two(8) < 24 && two(10) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut text: Vec<char> = text.chars().collect();
        mask(&mut text);
        text.into_iter().collect()
    }

    #[test]
    fn what_has_a_form_is_masked() {
        for text in [
            "56c11669-a4ba-4161-9309-0287a6ea2981",
            "018F6B2E-1111-7111-8111-111111111111",
            "DE54 1350 1354 2982 0770 21",
            "DE54135013542982077021",
            "NO9386011117947",
            "GB82-WEST-1234-5698-7654-32",
            "RF18 5390 0754 7034",
            "RF18539007547034",
            "+49 (151) 1234-5678",
            "+4915112345678",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "3b7164142168928e0083f355b44dd86d",
        ] {
            assert!(!masked(text).contains(|c: char| c.is_ascii_digit()), "{text}: {}", masked(text));
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for text in [
            "41111111-1111-1111-1111-111111111111", // the variant
            "DE54 1350 1354 2982 0770 2",           // the length
            "XX54 1350 1354 2982 0770 21",
            "RF19 5390 0754 7034",
            "+4111 1111 1111 1111",
            "card4111111111111111",
            "4111111111111111x",
        ] {
            assert!(masked(text).chars().filter(char::is_ascii_digit).count() >= 12, "{text}: {}", masked(text));
        }
        assert_eq!(masked("DE54 1350 1354 2982 0770 21 4111 1111"), format!("{} 4111 1111", "x".repeat(27)));
        assert_eq!(IBAN_LENGTHS.len() % 4, 0);
    }

    #[test]
    fn a_timestamp_has_a_date_and_a_time() {
        let digits = |text: &str| text.bytes().map(|c| c - b'0').collect::<Vec<u8>>();
        assert!(is_timestamp(&digits("30112026101112")) && is_timestamp(&digits("11302026101112")));
        for text in ["30569309025904", "38520000023237", "30112026251112", "30112226101112", "3011"] {
            assert!(!is_timestamp(&digits(text)), "{text}");
        }
    }
}
