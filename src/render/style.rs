//! Colours, and durations in words.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const DIM: Style = Style::new().dimmed();

/// A duration in words: `0.4 s`, `12 s`, `12 min 4 s`.
pub(super) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    match whole {
        0..=9 => format!("{:.1} s", took.as_secs_f64()),
        10..=119 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}
