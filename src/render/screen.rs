//! The two streams: results on standard output, everything else on standard error.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};

use payinfra_engine::{Address, LiveValue, Plan, Summary};
use serde_json::{Value, json};

use super::plan::render_plan;
use super::style::{BOLD, GREEN, RED, YELLOW, seconds};
use crate::command_error::CommandError;

/// The version of the JSON lines; a change that breaks readers raises it.
const JSON_VERSION: u32 = 1;

/// Where a command writes. A closed pipe never stops a run, so no write reports an error.
#[derive(Debug, Clone)]
pub struct Screen {
    json: bool,
    streams: Streams,
}

/// Where the two streams go.
#[derive(Debug, Clone)]
enum Streams {
    /// To those of the process; colours only where a terminal shows them.
    Process,
    /// To a transcript without colours, each write after the name of its stream.
    #[cfg(test)]
    Transcript(std::sync::Arc<std::sync::Mutex<String>>),
}

impl Screen {
    /// Writes for people, or JSON lines for programs.
    pub fn new(json: bool) -> Self {
        Self { json, streams: Streams::Process }
    }

    /// Writes to a transcript instead.
    #[cfg(test)]
    pub(super) fn transcript(json: bool) -> (Self, std::sync::Arc<std::sync::Mutex<String>>) {
        let transcript = std::sync::Arc::default();
        (Self { json, streams: Streams::Transcript(std::sync::Arc::clone(&transcript)) }, transcript)
    }

    fn to_stdout(&self, text: &str) {
        match &self.streams {
            Streams::Process => drop(anstream::stdout().write_all(text.as_bytes())),
            #[cfg(test)]
            Streams::Transcript(transcript) => note_down(transcript, "stdout", text),
        }
    }

    fn to_stderr(&self, text: &str) {
        match &self.streams {
            Streams::Process => drop(anstream::stderr().write_all(text.as_bytes())),
            #[cfg(test)]
            Streams::Transcript(transcript) => note_down(transcript, "stderr", text),
        }
    }

    /// Whether there is a terminal for a question.
    pub fn is_terminal(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a line of the result.
    pub fn line(&self, text: &str) {
        self.to_stdout(&format!("{text}\n"));
    }

    /// Writes something that is not part of the result.
    pub fn note(&self, text: &str) {
        if self.json {
            self.object("note", json!({ "text": text }));
        } else {
            self.to_stderr(&format!("{text}\n"));
        }
    }

    /// Writes a warning.
    pub fn warning(&self, text: &str) {
        if self.json {
            self.object("warning", json!({ "text": text }));
        } else {
            self.to_stderr(&format!("{YELLOW}Warning:{YELLOW:#} {text}\n"));
        }
    }

    /// Asks a question and reads the answer, without its end of line.
    ///
    /// # Errors
    /// Where standard input cannot be read.
    pub fn ask(&self, question: &str) -> io::Result<String> {
        self.to_stderr(&format!("{BOLD}{question}{BOLD:#}"));
        let _ = anstream::stderr().flush();
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
            self.to_stdout(&render_plan(plan, title));
        }
    }

    /// Writes what a run did.
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

    /// Writes what the cloud still has of a stack.
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

    /// Writes commands to be pasted, between two lines that are comments to a shell.
    pub fn commands(&self, commands: &str) {
        if self.json {
            return self.object("commands", json!({ "commands": commands }));
        }
        self.line(&format!("\n# The API answers. These commands book a payment:\n{commands}\n# `payinfra verify --sandbox` runs all checks."));
    }

    /// Writes an error, its causes and the next step. The only place that prints a chain of causes.
    pub fn error(&self, failed: &CommandError) {
        let causes: Vec<String> = failed.error.chain().skip(1).map(ToString::to_string).collect();
        if self.json {
            let body = json!({ "message": failed.error.to_string(), "causes": causes, "hint": failed.hint,
                "exit_code": failed.exit as u8 });
            return self.object("error", body);
        }
        self.to_stderr(&format!("{RED}Error:{RED:#} {}\n", failed.error));
        causes.iter().for_each(|cause| self.to_stderr(&format!("{BOLD}Caused by:{BOLD:#} {cause}\n")));
        if let Some(hint) = &failed.hint {
            self.to_stderr(&format!("{GREEN}Hint:{GREEN:#} {hint}\n"));
        }
    }

    /// Writes one JSON line: `{"version":1,"type":…,…}`.
    pub(super) fn object(&self, kind: &str, mut body: Value) {
        if let Some(fields) = body.as_object_mut() {
            fields.insert("version".to_owned(), JSON_VERSION.into());
            fields.insert("type".to_owned(), kind.into());
        }
        self.to_stdout(&format!("{body}\n"));
    }
}

#[cfg(test)]
fn note_down(transcript: &std::sync::Mutex<String>, stream: &str, text: &str) {
    let text = anstream::adapter::strip_str(text).to_string();
    let mut transcript = transcript.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    text.lines().for_each(|line| *transcript += &format!("{stream}: {line}\n"));
}

/// A change without the object as it was read: the plan shows what changes, not everything that exists.
fn plan_line(change: &payinfra_engine::Change) -> Value {
    json!({
        "address": change.address,
        "action": change.action,
        "because": change.because,
        "attributes": change.attributes,
        "id": change.live.as_ref().map(|live| &live.id),
    })
}
