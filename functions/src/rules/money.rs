//! Money: an integer in the minor unit of an ISO 4217 currency, never a float.

/// The largest amount that can be requested, in minor units. It has eleven digits, so that no amount can be mistaken
/// for a card number, which has at least twelve.
pub const MAX_AMOUNT: i64 = 99_999_999_999;

/// The ISO 4217 currencies (list one, 2026-01-01) that have a minor unit, by their number of decimals, and
/// [`WITHDRAWN`] ones. Metals, funds, and test codes (XAU, XXX, …) are omitted, because nobody pays in them.
const BY_EXPONENT: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD \
         CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
         GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD \
         MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP \
         PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS \
         TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// Currencies that are no longer in use: ANG was replaced by XCG on 2025-03-31, BGN by EUR on 2026-01-01. Payments of
/// before can be refunded in them.
const WITHDRAWN: [&str; 2] = ["ANG", "BGN"];

/// An ISO 4217 currency with its number of decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    code: [u8; 3],
    exponent: u32,
}

impl Currency {
    /// Finds a currency by its upper-case code.
    pub fn from_code(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        let (exponent, _) =
            BY_EXPONENT.iter().find(|(_, codes)| codes.split_ascii_whitespace().any(|known| known == code))?;
        Some(Self { code: bytes, exponent: *exponent })
    }

    /// Returns the code, three upper-case letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("")
    }

    /// Reports whether nobody can pay in it any more.
    pub fn is_withdrawn(&self) -> bool {
        WITHDRAWN.contains(&self.code())
    }

    /// Returns the number of decimals: a minor unit is 10^-exponent of the currency.
    pub const fn exponent(&self) -> u32 {
        self.exponent
    }
}

/// A positive amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// Creates an amount from minor units. Returns `None` unless it is positive.
    pub const fn new(minor: i64, currency: Currency) -> Option<Self> {
        if minor > 0 { Some(Self { minor, currency }) } else { None }
    }

    /// Returns the amount in minor units.
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// Returns the currency.
    pub const fn currency(&self) -> &Currency {
        &self.currency
    }
}

impl std::fmt::Display for Money {
    /// Formats the amount in major units with integer arithmetic: `10.50 EUR`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10_i64.pow(self.currency.exponent);
        write!(f, "{}", self.minor / unit)?;
        if self.currency.exponent > 0 {
            let decimals = self.currency.exponent as usize;
            write!(f, ".{:0decimals$}", self.minor % unit)?;
        }
        write!(f, " {}", self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn formatted(minor: i64, code: &str) -> String {
        Money::new(minor, Currency::from_code(code).unwrap()).unwrap().to_string()
    }

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(formatted(1050, "EUR"), "10.50 EUR");
        assert_eq!(formatted(1050, "JPY"), "1050 JPY");
        assert_eq!(formatted(1050, "KWD"), "1.050 KWD");
        assert_eq!(formatted(1, "CLF"), "0.0001 CLF");
    }

    #[test]
    fn only_positive_amounts_of_known_currencies_exist() {
        for code in ["", "eur", "EU", "EURO", "XXX", "XAU", "ABC", "E R", "USD EUR"] {
            assert_eq!(Currency::from_code(code), None, "{code}");
        }
        let euro = Currency::from_code("EUR").unwrap();
        assert!(Money::new(0, euro).is_none() && Money::new(-1, euro).is_none());
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<&str> = BY_EXPONENT.iter().flat_map(|(_, codes)| codes.split_ascii_whitespace()).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(codes.iter().all(|code| code.len() == 3));
    }
}
