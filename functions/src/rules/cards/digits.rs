//! Reads the digits of every script, and drops what has no width.

/// Rewrites a text for the search: each digit of any script as ASCII, nothing invisible, the rest unchanged.
pub fn normalized(text: &str) -> Vec<char> {
    let shown = text.chars().filter(|c| !is_invisible(*c));
    shown.map(|c| value(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c)).collect()
}

/// The zero of every script's decimal digits (Unicode 14, general category Nd). The other nine digits follow it.
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
    0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Digits that are no decimal digits to Unicode, each with the value of the first: superscripts, subscripts, circled and
/// otherwise enclosed ones.
const ENCLOSED: [(u32, u32, u32); 14] = [
    (0xB2, 0xB3, 2),
    (0xB9, 0xB9, 1),
    (0x2070, 0x2070, 0),
    (0x2074, 0x2079, 4),
    (0x2080, 0x2089, 0),
    (0x2460, 0x2468, 1),
    (0x2474, 0x247C, 1),
    (0x2488, 0x2490, 1),
    (0x24EA, 0x24EA, 0),
    (0x24F5, 0x24FD, 1),
    (0x24FF, 0x24FF, 0),
    (0x2776, 0x277E, 1),
    (0x2780, 0x2788, 1),
    (0x278A, 0x2792, 1),
];

/// The Chinese digits from zero to nine, as in telephone numbers.
const CHINESE: [char; 10] = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Returns the value of a digit of any script.
fn value(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let code = u32::from(c);
    let before = ZEROS.partition_point(|zero| *zero <= code);
    let decimal = before.checked_sub(1).map(|at| code - ZEROS[at]).filter(|value| *value < 10);
    let enclosed = || ENCLOSED.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
    decimal
        .or_else(|| enclosed().map(|(first, _, value)| value + code - first))
        .or_else(|| CHINESE.iter().position(|digit| *digit == c).and_then(|value| u32::try_from(value).ok()))
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
    use super::*;

    #[test]
    fn every_digit_is_read_and_nothing_else_is() {
        for c in ('\0'..=char::MAX).filter(|c| value(*c).is_some()) {
            assert!(c.is_numeric() || CHINESE.contains(&c), "{c}");
        }
        assert!(ZEROS.is_sorted() && ENCLOSED.is_sorted());
        for (c, expected) in [('\u{669}', 9), ('①', 1), ('⑨', 9), ('⁰', 0), ('₉', 9), ('³', 3), ('❶', 1), ('七', 7)]
        {
            assert_eq!(value(c), Some(expected), "{c}");
        }
        for c in ['\u{66A}', '/', ':', '⑩', '十', 'a'] {
            assert_eq!(value(c), None, "{c}");
        }
        assert_eq!(normalized("4\u{FE0F}\u{20E3}\u{200B}１x").iter().collect::<String>(), "41x");
    }
}
