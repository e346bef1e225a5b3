//! The checks of `payinfra verify`, one line each.
//!
//! In JSON a check has the type `link` and its name the key `link`: both are older than the word, and part of the
//! contract of version 1.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::Screen;
use super::style::{BOLD, DIM, GREEN, RED, YELLOW, seconds};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It passed.
    Ok,
    /// It failed.
    Broken,
    /// It was not run, because it needs a check that did not pass.
    Skipped,
    /// It is impossible from here.
    NotChecked,
}

/// The result of one check.
pub struct CheckLine<'a> {
    /// Its name.
    pub check: &'a str,
    /// How it ended.
    pub state: CheckState,
    /// How long it took.
    pub took: Duration,
    /// Why it did not pass.
    pub text: Option<&'a str>,
}

/// A state in words.
const fn words(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Broken => "broken",
        CheckState::Skipped => "skipped",
        CheckState::NotChecked => "not checked",
    }
}

impl Screen {
    /// Writes the result of one check.
    pub fn check(&self, line: &CheckLine<'_>) {
        let CheckLine { check, state, took, text } = line;
        let milliseconds = took.as_millis();
        if self.is_json() {
            let body = json!({ "link": check, "state": state, "milliseconds": milliseconds, "text": text });
            return self.object("link", body);
        }
        let style = match state {
            CheckState::Ok => GREEN,
            CheckState::Broken => RED,
            CheckState::Skipped => DIM,
            CheckState::NotChecked => YELLOW,
        };
        let text = text.map(|text| format!("  {text}")).unwrap_or_default();
        self.line(&format!("{style}{:11}{style:#}  {check:20}  {milliseconds:>6} ms{text}", words(*state)));
    }

    /// Writes the counts of all checks, and the first that failed.
    pub fn verification(&self, first_broken: Option<&str>, counts: &[(CheckState, usize)], took: Duration) {
        if self.is_json() {
            let count = |wanted| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
            let body: Value = json!({
                "first_broken": first_broken,
                "ok": count(CheckState::Ok),
                "broken": count(CheckState::Broken),
                "skipped": count(CheckState::Skipped),
                "not_checked": count(CheckState::NotChecked),
                "milliseconds": took.as_millis(),
            });
            return self.object("verification", body);
        }
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {}", words(*state)))
            .collect();
        self.line(&format!("{BOLD}{}{BOLD:#} in {}", counts.join(", "), seconds(took)));
    }
}
