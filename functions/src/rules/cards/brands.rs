//! The number ranges of the card brands, and the check digit.
//!
//! Sources: the issuer identification numbers and lengths that the brands publish, as collected in Wikipedia's "Payment
//! card number" and in braintree/credit-card-type (both read 2026-11-28). Ranges are wider than what is issued today:
//! a card of an unlisted sub-range must not slip through.

/// How much the range and the length of a number prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Cards like this exist, but hardly any: phone numbers and other numbers begin the same way.
    Weak,
    /// Cards look like this.
    Strong,
}

/// A range of first six digits, the lengths in use, and what a number in it proves.
type Range = (u32, u32, &'static [usize], Proof);

const RANGES: &[Range] = &[
    // UATP, and JCB's oldest numbers.
    (100_000, 199_999, &[15], Proof::Weak),
    (213_100, 213_199, &[15], Proof::Weak),
    // GPN.
    (194_600, 194_699, &[16], Proof::Weak),
    // Mir, and BORICA in 2205.
    (220_000, 220_599, &[16], Proof::Strong),
    (220_000, 220_499, &[17, 18, 19], Proof::Weak),
    // Mastercard's second series.
    (222_100, 272_099, &[16], Proof::Strong),
    // Carnet.
    (286_900, 286_999, &[16], Proof::Strong),
    // Diners Club, once with fourteen digits only.
    (300_000, 305_999, &[14, 16], Proof::Strong),
    (309_500, 309_599, &[14, 16], Proof::Strong),
    (360_000, 369_999, &[14, 16], Proof::Strong),
    (380_000, 399_999, &[14, 16], Proof::Strong),
    (300_000, 399_999, &[17, 18, 19], Proof::Weak),
    // JCB has 3528 to 3589; the rest of 30 and 35 was issued in Japan and India.
    (308_000, 309_499, &[16], Proof::Strong),
    (309_600, 310_299, &[16], Proof::Strong),
    (311_200, 312_099, &[16], Proof::Strong),
    (315_800, 315_999, &[16], Proof::Strong),
    (333_700, 334_999, &[16], Proof::Strong),
    (350_000, 359_999, &[16], Proof::Strong),
    // American Express.
    (340_000, 349_999, &[15], Proof::Strong),
    (370_000, 379_999, &[15], Proof::Strong),
    // Hipercard.
    (384_100, 384_199, &[13, 19], Proof::Strong),
    // Visa. Numbers of thirteen digits are no longer issued, and every E.164 number of thirteen digits in a zone 4
    // country begins like one.
    (400_000, 499_999, &[16, 19], Proof::Strong),
    (400_000, 499_999, &[13, 18], Proof::Weak),
    // Mastercard, and Maestro, Elo, Verve, RuPay, Dankort, Carnet, Uzcard and Troy among the fives.
    (500_000, 599_999, &[16], Proof::Strong),
    (504_175, 509_999, &[19], Proof::Strong),
    (500_000, 599_999, &[12, 13, 14, 15, 17, 18, 19], Proof::Weak),
    // UnionPay.
    (620_000, 629_999, &[16, 17, 18, 19], Proof::Strong),
    // Discover, Maestro, RuPay, InterPayment, InstaPayment, Hipercard, Elo, Cabal, Verve, Laser, Switch and Solo.
    (600_000, 699_999, &[16], Proof::Strong),
    (601_100, 601_199, &[19], Proof::Strong),
    (644_000, 659_999, &[19], Proof::Strong),
    (630_400, 633_999, &[18, 19], Proof::Strong),
    (675_900, 677_999, &[18, 19], Proof::Strong),
    (600_000, 699_999, &[12, 13, 14, 15, 17, 18, 19], Proof::Weak),
    // Routex and other fuel cards.
    (700_600, 700_699, &[19], Proof::Strong),
    (700_600, 708_999, &[16, 18], Proof::Strong),
    // UnionPay and RuPay.
    (810_000, 829_999, &[16], Proof::Strong),
    (810_000, 817_199, &[17, 18, 19], Proof::Strong),
    // Uzcard, T-Money, Troy and Humo.
    (860_000, 860_099, &[16], Proof::Strong),
    (904_400, 904_499, &[16], Proof::Strong),
    (979_200, 979_299, &[16], Proof::Strong),
    (986_000, 986_099, &[16], Proof::Strong),
];

/// Returns what a number proves by its range and length if its check digit is right, and `None` if it is no card's.
pub fn proof(digits: &[u8]) -> Option<Proof> {
    let head = digits.get(..6)?.iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let fits = |(first, last, lengths, _): &&Range| (*first..=*last).contains(&head) && lengths.contains(&digits.len());
    let proof = RANGES.iter().filter(fits).map(|range| range.3).max()?;
    is_luhn_valid(digits).then_some(proof)
}

/// Verifies the check digit (ISO/IEC 7812-1, annex B).
pub fn is_luhn_valid(digits: &[u8]) -> bool {
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
