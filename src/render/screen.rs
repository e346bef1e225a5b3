//! The two streams: results on standard output, everything else on standard error.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use payinfra_engine::{Address, LiveValue, Plan, Summary};
use serde_json::{Value, json};

use super::plan::render_plan;
use crate::problem::Problem;

/// The version of the JSON lines; a change that breaks readers raises it.
const JSON_VERSION: u32 = 1;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const DIM: Style = Style::new().dimmed();

/// Where a command writes. A closed pipe never stops a run, so no write reports an error.
#[derive(Debug, Clone)]
pub struct Screen {
    json: bool,
}

impl Screen {
    /// Writes for people, or JSON lines for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether somebody can be asked.
    pub fn is_terminal(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a line of the result.
    pub fn line(&self, text: &str) {
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// Writes something that is not part of the result.
    pub fn note(&self, text: &str) {
        if self.json {
            self.object("note", json!({ "text": text }));
        } else {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Writes a warning.
    pub fn warning(&self, text: &str) {
        if self.json {
            self.object("warning", json!({ "text": text }));
        } else {
            let _ = writeln!(anstream::stderr(), "{YELLOW}Warning:{YELLOW:#} {text}");
        }
    }

    /// Asks a question and reads the answer, without its end of line.
    ///
    /// # Errors
    /// Where standard input cannot be read.
    pub fn ask(&self, question: &str) -> io::Result<String> {
        let mut stderr = anstream::stderr();
        let _ = write!(stderr, "{BOLD}{question}{BOLD:#}");
        let _ = stderr.flush();
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    /// Writes a plan.
    pub fn plan(&self, plan: &Plan, title: &str) {
        if self.json {
            let changes: Vec<Value> = plan.acting().map(plan_line).collect();
            self.object("plan", json!({ "stack": title, "purpose": plan.purpose, "changes": changes }));
        } else {
            let _ = write!(anstream::stdout(), "{}", render_plan(plan, title));
        }
    }

    /// Writes what a run has done.
    pub fn summary(&self, summary: &Summary) {
        if self.json {
            return self.object("summary", json!(summary));
        }
        let counts = [
            (summary.created, "created"),
            (summary.updated, "updated"),
            (summary.deleted, "deleted"),
            (summary.unchanged, "unchanged"),
            (summary.skipped, "skipped"),
            (summary.failed, "failed"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        self.line(&format!("{BOLD}{counts}{BOLD:#} in {}", seconds(summary.took)));
    }

    /// Writes what the cloud still holds of a stack.
    pub fn inventory(&self, suffix: &str, left: &[(Address, LiveValue)]) {
        if self.json {
            let left: Vec<Value> =
                left.iter().map(|(address, live)| json!({ "address": address, "id": live.id })).collect();
            return self.object("inventory", json!({ "suffix": suffix, "left": left }));
        }
        self.line(&format!("{} resources with payinfra:stack={suffix} left", left.len()));
        for (address, live) in left {
            self.line(&format!("  {address}  {}", live.id));
        }
    }

    /// Writes the stack's outputs.
    pub fn outputs(&self, outputs: &BTreeMap<String, String>) {
        if self.json {
            return self.object("outputs", json!({ "outputs": outputs }));
        }
        let width = outputs.keys().map(|name| name.len()).max().unwrap_or_default();
        for (name, value) in outputs {
            self.line(&format!("{name:width$}  {value}"));
        }
    }

    /// Writes commands to be pasted, between two lines that a shell passes over.
    pub fn commands(&self, commands: &str) {
        if self.json {
            return self.object("commands", json!({ "commands": commands }));
        }
        self.line(&format!("\n# The API answers. These commands book a payment:\n{commands}\n# `payinfra verify --sandbox` checks every link."));
    }

    /// Writes an error, its causes and the next step.
    pub fn problem(&self, problem: &Problem) {
        let causes: Vec<String> = problem.error.chain().skip(1).map(ToString::to_string).collect();
        if self.json {
            let body = json!({ "message": problem.error.to_string(), "causes": causes, "hint": problem.hint,
                "exit_code": problem.exit as u8 });
            return self.object("error", body);
        }
        let mut stderr = anstream::stderr();
        let _ = writeln!(stderr, "{RED}Error:{RED:#} {}", problem.error);
        for cause in causes {
            let _ = writeln!(stderr, "{BOLD}Caused by:{BOLD:#} {cause}");
        }
        if let Some(hint) = &problem.hint {
            let _ = writeln!(stderr, "{GREEN}Hint:{GREEN:#} {hint}");
        }
    }

    /// Writes one JSON line: `{"version":1,"type":…,…}`.
    pub(super) fn object(&self, kind: &str, mut body: Value) {
        if let Some(fields) = body.as_object_mut() {
            fields.insert("version".to_owned(), JSON_VERSION.into());
            fields.insert("type".to_owned(), kind.into());
        }
        let _ = writeln!(anstream::stdout(), "{body}");
    }
}

/// A change without the object as it was read: a plan line says what changes, not all there is.
fn plan_line(change: &payinfra_engine::Change) -> Value {
    json!({
        "address": change.address,
        "action": change.action,
        "because": change.because,
        "attributes": change.attributes,
        "id": change.live.as_ref().map(|live| &live.id),
    })
}

/// A duration as people say it: `0.4 s`, `12 s`, `12 min 4 s`.
pub(super) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    match whole {
        0..=9 => format!("{:.1} s", took.as_secs_f64()),
        10..=119 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}
