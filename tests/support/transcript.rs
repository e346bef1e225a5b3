//! A transcript in a document, run again and compared: commands after `$ `, what they print below.

use std::process::{Command, Stdio};

/// Stands between the outputs of two commands.
const MARK: &str = "----8<----";

/// One command and what it is said to print; a line `…` stands for any lines.
#[derive(Debug)]
struct Step {
    command: String,
    output: Vec<String>,
}

/// The commands of one section.
#[derive(Debug)]
pub struct Transcript {
    steps: Vec<Step>,
}

impl Transcript {
    /// Reads the first `console` block below a heading.
    pub fn in_section(document: &str, heading: &str) -> Self {
        let section = document.split_once(&format!("{heading}\n")).unwrap().1;
        let block = section.split_once("```console\n").unwrap().1.split_once("\n```").unwrap().0;
        let mut steps: Vec<Step> = Vec::new();
        for line in block.lines() {
            match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
                (Some(command), _, _) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
                (None, Some(more), Some(step)) => step.command += &format!("\n{more}"),
                (None, None, Some(step)) => step.output.push(line.to_owned()),
                (None, _, None) => panic!("output before the first command: {line}"),
            }
        }
        Self { steps }
    }

    /// The commands.
    pub fn commands(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.command.as_str()).collect()
    }

    /// Runs all commands in one shell and gives what differs; what goes to standard error is not part of it.
    pub fn differences(&self, mut shell: Command) -> Vec<String> {
        let script: Vec<String> = self.steps.iter().map(|step| format!("{}\necho '{MARK}'", step.command)).collect();
        let ended = shell.arg("-c").arg(script.join("\n")).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        let parts: Vec<&str> = out.split(&format!("{MARK}\n")).collect();
        assert_eq!(parts.len(), self.steps.len() + 1, "{out}\n{err}");
        let steps = self.steps.iter().zip(parts);
        let differing = steps.filter(|(step, printed)| {
            let printed: Vec<String> = printed.lines().map(normal).collect();
            let expected: Vec<String> = step.output.iter().map(|line| normal(line)).collect();
            !fits(&expected, &printed)
        });
        let show = |(step, printed): (&Step, &str)| {
            format!("$ {}\nis said to print\n{}\nand printed\n{printed}\n{err}", step.command, step.output.join("\n"))
        };
        differing.map(show).collect()
    }
}

/// Whether the printed lines are the expected ones.
fn fits(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any == "…" => (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..])),
        Some((line, rest)) => printed.first() == Some(line) && fits(rest, &printed[1..]),
    }
}

/// A line without what differs from run to run: ids, numbers and addresses, and how much space they take.
fn normal(line: &str) -> String {
    let mut words = String::new();
    for word in line.split_whitespace() {
        words += &format!("{} ", without_ids(word));
    }
    let mut normal = String::new();
    for character in words.trim_end().chars() {
        let number = character.is_ascii_digit() || (character == '.' && normal.ends_with('#'));
        if !(number && normal.ends_with('#')) {
            normal.push(if number { '#' } else { character });
        }
    }
    // A slow machine takes minutes.
    normal.replace("# min # s", "# s")
}

/// A word without random ids: `txn_…`, `ses_…`, and the API's in its host name.
fn without_ids(word: &str) -> String {
    if let Some((start, rest)) = word.split_once("http://")
        && let Some((_, end)) = rest.split_once(".execute-api.")
    {
        return format!("{start}http://#.execute-api.{end}");
    }
    for prefix in ["txn_", "ses_", "evt_"] {
        if let Some((start, rest)) = word.split_once(prefix) {
            let end = rest.trim_start_matches(|character: char| ('a'..='p').contains(&character));
            return format!("{start}{prefix}#{end}");
        }
    }
    word.to_owned()
}
