//! The README has every exit code, command and option of the real binary's help, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::tree::{File, code_spans, paragraphs};

/// What clap adds to every command.
const CLAPS_OWN: [&str; 2] = ["--help", "--version"];

/// Documents for those who use payinfra: an option in them is one of its own.
const FOR_USERS: [&str; 5] =
    ["README.md", "docs/deployment.md", "docs/recovery.md", "docs/verify.md", "docs/monitoring.md"];

/// Options of other programs in those documents.
const OF_OTHERS: [&str; 2] = ["--all", "--no-verify"];

/// The help of payinfra and of each of its commands, by the words after `payinfra`.
pub struct Help(BTreeMap<String, String>);

impl Help {
    /// Asks the real binary.
    pub fn read() -> Self {
        let mut pages = BTreeMap::from([(String::new(), help(&[]))]);
        for command in subcommands(&pages[""]) {
            let page = help(&[&command]);
            for below in subcommands(&page) {
                pages.insert(format!("{command} {below}"), help(&[&command, &below]));
            }
            pages.insert(command, page);
        }
        Self(pages)
    }

    /// Each option of a command with the name of its value, as `--state PLACE`.
    fn options(&self, command: &str) -> BTreeSet<String> {
        let lines = self.0[command].lines().map(str::trim).filter(|line| line.starts_with('-'));
        lines
            .filter_map(|line| {
                let long = &line[line.find("--")?..];
                let mut words = long.split(|c: char| c.is_whitespace() || c == '.');
                let name = words.next()?;
                let value = words.next().and_then(|word| word.strip_prefix('<')?.strip_suffix('>'));
                Some(value.map_or(name.to_owned(), |value| format!("{name} {value}")))
            })
            .filter(|option| !CLAPS_OWN.contains(&option.as_str()))
            .collect()
    }

    /// The options that every command has.
    fn global(&self) -> BTreeSet<String> {
        self.options("")
    }

    fn all(&self) -> BTreeSet<String> {
        self.0.keys().flat_map(|command| self.options(command)).collect()
    }
}

fn help(command: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_payinfra")).args(command).arg("--help").env("COLUMNS", "200").output();
    String::from_utf8(run.unwrap().stdout).unwrap()
}

/// The commands that a page of help lists.
fn subcommands(page: &str) -> Vec<String> {
    let Some((_, list)) = page.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn readme(files: &[File]) -> &str {
    &files.iter().find(|file| file.path == "README.md").unwrap().text
}

/// The rows of the table below a header.
fn table<'a>(document: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let (_, table) = document.split_once(header).unwrap_or_else(|| panic!("there is no table {header}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

fn differences(what: &str, help: &BTreeSet<String>, readme: &BTreeSet<String>) -> Vec<String> {
    let missing = help.difference(readme).map(|one| format!("README.md lacks the {what} {one}"));
    missing
        .chain(readme.difference(help).map(|one| format!("README.md has the {what} {one}, the help has not")))
        .collect()
}

/// Returns exit codes that only one of the two has.
pub fn exit_codes(files: &[File], help: &Help) -> Vec<String> {
    let (_, codes) = help.0[""].split_once("Exit codes:\n").unwrap();
    let codes = codes.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let listed = table(readme(files), "| exit code | meaning |").into_iter().map(|row| row[0].to_owned()).collect();
    differences("exit code", &codes, &listed)
}

/// Returns commands and options that only one of the two has.
pub fn options(files: &[File], help: &Help) -> Vec<String> {
    let mut found = Vec::new();
    let listed = table(readme(files), "| option | meaning |");
    let listed = listed.iter().filter_map(|row| {
        code_spans(row[0]).into_iter().map(|(span, _)| span).find(|span| span.starts_with("--") || *span == "-v")
    });
    let listed = listed.map(|option| if option == "-v" { "--verbose" } else { option }.to_owned()).collect();
    found.extend(differences("option", &help.global(), &listed));

    let leaves = help.0.keys().filter(|name| help.0.keys().all(|other| !other.starts_with(&format!("{name} "))));
    let mut unlisted: BTreeSet<&String> = leaves.filter(|name| !name.is_empty()).collect();
    for row in table(readme(files), "| command | what it does |") {
        let mut parent = String::new();
        for (span, _) in code_spans(row[0]) {
            let mut words: Vec<&str> =
                span.split_whitespace().filter(|word| word.starts_with(char::is_lowercase)).collect();
            if words.len() > 1 {
                parent = format!("{} ", words[0]);
            } else if !parent.is_empty() {
                words.insert(0, parent.trim());
            }
            let command = words.join(" ");
            if help.0.contains_key(&command) {
                unlisted.remove(&command);
                let own: BTreeSet<String> = help.options(&command).difference(&help.global()).cloned().collect();
                let spans = code_spans(row[1]).into_iter().map(|(span, _)| span.to_owned());
                let named: BTreeSet<String> = spans.filter(|span| span.starts_with("--")).collect();
                let named = named.into_iter().filter(|option| !help.global().contains(option)).collect();
                found.extend(differences(&format!("option of `{command}`"), &own, &named));
            } else {
                found.push(format!("README.md has the command {command}, the help has not"));
            }
        }
    }
    found.extend(unlisted.into_iter().map(|command| format!("README.md lacks the command {command}")));
    found
}

/// Returns options in documents that the binary does not have.
pub fn unknown_options(files: &[File], help: &Help) -> Vec<String> {
    let known: BTreeSet<String> =
        help.all().iter().map(|option| option.split(' ').next().unwrap_or_default().to_owned()).collect();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| FOR_USERS.contains(&file.path.as_str())) {
        for (line, paragraph) in paragraphs(&file.text) {
            let spans = code_spans(&paragraph).into_iter().map(|(span, _)| span);
            let ours = spans.filter(|span| span.starts_with("--") || span.starts_with("payinfra "));
            let options = ours.flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
            let unknown = options.filter(|option| {
                let name = option.split('=').next().unwrap_or_default();
                !known.contains(name) && !OF_OTHERS.contains(&name) && !CLAPS_OWN.contains(&name)
            });
            found.extend(unknown.map(|option| format!("{}:{line}: there is no {option}", file.path)));
        }
    }
    found
}
