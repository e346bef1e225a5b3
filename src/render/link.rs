//! The links of `payinfra verify`, a line each.

use std::time::Duration;

use serde_json::{Value, json};

use super::Screen;
use super::screen::{BOLD, DIM, GREEN, RED, YELLOW, seconds};
use crate::verify::State;

/// One link as it was found.
pub struct LinkLine<'a> {
    /// Its name.
    pub link: &'a str,
    /// How it was found.
    pub state: State,
    /// How long that took.
    pub took: Duration,
    /// Why it is not well.
    pub text: Option<&'a str>,
}

/// A state in words.
const fn words(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Broken => "broken",
        State::Skipped => "skipped",
        State::NotChecked => "not checked",
    }
}

impl Screen {
    /// Writes one link.
    pub fn link(&self, line: &LinkLine<'_>) {
        let LinkLine { link, state, took, text } = line;
        let milliseconds = took.as_millis();
        if self.is_json() {
            let body = json!({ "link": link, "state": state, "milliseconds": milliseconds, "text": text });
            return self.object("link", body);
        }
        let style = match state {
            State::Ok => GREEN,
            State::Broken => RED,
            State::Skipped => DIM,
            State::NotChecked => YELLOW,
        };
        let text = text.map(|text| format!("  {text}")).unwrap_or_default();
        self.line(&format!("{style}{:11}{style:#}  {link:20}  {milliseconds:>6} ms{text}", words(*state)));
    }

    /// Writes how all links were found.
    pub fn verification(&self, first_broken: Option<&str>, counts: &[(State, usize)], took: Duration) {
        if self.is_json() {
            let count = |wanted| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
            let body: Value = json!({
                "first_broken": first_broken,
                "ok": count(State::Ok),
                "broken": count(State::Broken),
                "skipped": count(State::Skipped),
                "not_checked": count(State::NotChecked),
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
