//! What comments and documents refer to: documents, headings, requirements, files and tests.

use std::collections::BTreeMap;

use super::sizes::functions;
use super::tree::{File, code_spans, line_at, paragraphs};

/// Cites files of other repositories.
const SOURCES: &str = "docs/aws-behaviour.md";

/// The only document that may use a requirement's id without naming the document.
const REQUIREMENTS: &str = "docs/requirements.md";

/// Returns references to texts that are not in the repository: sections with a sign, and ids without their document.
pub fn dangling(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    let prose = |file: &&File| !file.is_tidy() && ["rs", "md", "toml", "py", "sql"].iter().any(|end| file.is(end));
    for file in files.iter().filter(prose) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.contains('§') {
                found.push(format!("{}:{number}: a section sign", file.path));
            }
            let bare = file.path != REQUIREMENTS && !line.contains(REQUIREMENTS) && !line.contains("requirements.md");
            let starts = ["(", "rule ", "spec ", "clause "];
            let ids = starts.iter().flat_map(|start| line.match_indices(start).map(|(at, start)| at + start.len()));
            for at in ids.filter(|_| bare) {
                let id: String = line[at..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
                // S3 is a service far more often than a requirement.
                let ends = line[at + id.len()..].starts_with([')', ',', ';', ' ']) || line.len() == at + id.len();
                if is_id(&id) && id != "S3" && ends {
                    found.push(format!("{}:{number}: {id} without {REQUIREMENTS}", file.path));
                }
            }
        }
    }
    found
}

/// A letter of a section and a number, such as `R6`.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(['R', 'N', 'D', 'S', 'C', 'A', 'P', 'M', 'F', 'T']);
    digits.is_some_and(|digits| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns documents, anchors, requirements and facts that are cited and do not exist.
pub fn documents(files: &[File]) -> Vec<String> {
    let headings = headings(files);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !file.is_tidy() && file.path != SOURCES) {
        for (at, _) in file.text.match_indices("docs/") {
            let rest = &file.text[at..];
            let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte)).count();
            let name = rest[..length].trim_end_matches(['.', '-']);
            let line = line_at(&file.text, at);
            if name.ends_with(".md") || name.ends_with(".yaml") {
                found.extend(broken(files, &headings, name, &rest[name.len()..]).map(|why| at_line(file, line, &why)));
            }
        }
    }
    found
}

fn at_line(file: &File, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", file.path)
}

/// What is wrong with a document that is named, followed by `rest`.
fn broken(files: &[File], headings: &Headings, name: &str, rest: &str) -> Option<String> {
    if files.iter().all(|file| file.path != name) {
        return Some(format!("there is no {name}"));
    }
    let known = headings.get(name);
    let has = |text: &str| known.is_some_and(|known| known.iter().any(|(heading, _)| heading == text));
    if let Some(anchor) = rest.strip_prefix('#') {
        let anchor: String = anchor.chars().take_while(|c| c.is_alphanumeric() || "-_{".contains(*c)).collect();
        let exists = known.is_some_and(|known| known.iter().any(|(_, slug)| *slug == anchor));
        return (!exists && !anchor.contains('{')).then(|| format!("there is no {name}#{anchor}"));
    }
    // The citation may be broken over two lines of a comment.
    let rest = rest.replace('\n', " ").replace("///", " ").replace("//!", " ").replace("//", " ");
    let rest = rest.strip_prefix(',')?.trim_start();
    if let Some((heading, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        let heading = heading.split_whitespace().collect::<Vec<_>>().join(" ");
        return (!has(&heading)).then(|| format!("{name} has no heading \"{heading}\""));
    }
    let ids = rest.split([',', ' ', ';', ')', '.', ':']).filter(|word| !word.is_empty());
    let ids: Vec<&str> = ids.take_while(|word| is_id(word) || *word == "and").filter(|word| *word != "and").collect();
    let missing = ids.into_iter().find(|id| name == REQUIREMENTS && !has(id))?;
    Some(format!("{name} has no {missing}"))
}

/// The headings of each Markdown file, and their anchors.
type Headings = BTreeMap<String, Vec<(String, String)>>;

fn headings(files: &[File]) -> Headings {
    files.iter().filter(|file| file.is("md")).map(|file| (file.path.clone(), headings_of(&file.text))).collect()
}

/// Returns each heading of a document with its anchor.
pub fn headings_of(markdown: &str) -> Vec<(String, String)> {
    let mut headings: Vec<(String, String)> = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        fenced ^= line.starts_with("```");
        let text = line.trim_start_matches('#');
        if fenced || text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let text = text.trim().replace(['\\', '`'], "");
        let slug = slug(&text);
        let same = headings.iter().filter(|(other, _)| *other == text).count();
        let slug = if same == 0 { slug } else { format!("{slug}-{same}") };
        headings.push((text, slug));
    }
    headings
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns the relative links of Markdown files whose file or anchor does not exist.
pub fn links(files: &[File]) -> Vec<String> {
    let headings = headings(files);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (line, paragraph) in paragraphs(&file.text) {
            for (at, _) in paragraph.match_indices("](") {
                let target = paragraph[at + 2..].split(')').next().unwrap_or_default();
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
                let path = if path.is_empty() { file.path.clone() } else { beside(&file.path, path) };
                let there = files.iter().any(|other| other.path == path || other.path.starts_with(&format!("{path}/")));
                let known = headings.get(&path).is_some_and(|known| known.iter().any(|(_, slug)| slug == anchor));
                if !there || !(anchor.is_empty() || known) {
                    found.push(at_line(file, line, &format!("the link to {target} is broken")));
                }
            }
        }
    }
    found
}

/// Resolves a path that is relative to a file.
fn beside(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns the paths in backticks that do not exist, of the documents about the code.
pub fn paths(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("md") && ![SOURCES, "CHANGELOG.md"].contains(&file.path.as_str())) {
        for (line, paragraph) in paragraphs(&file.text) {
            let spans = code_spans(&paragraph);
            let words = spans.iter().flat_map(|(span, _)| span.split_whitespace()).filter(|word| is_path(files, word));
            found.extend(
                words
                    .filter(|path| !exists(files, path))
                    .map(|path| at_line(file, line, &format!("there is no `{path}`"))),
            );
        }
    }
    found
}

/// Whether a text in backticks names a file or folder of the repository, and not a pattern.
fn is_path(files: &[File], text: &str) -> bool {
    if text.contains(['<', '>', '*', '{', '(', '"', '$', '=', '…', ':']) || text.starts_with('/') {
        return false;
    }
    let first = text.split('/').next().unwrap_or_default();
    let below = text.contains('/') && files.iter().any(|file| file.path.starts_with(&format!("{first}/")));
    below || [".rs", ".py", ".sql"].iter().any(|end| text.ends_with(end) && text.len() > end.len())
}

/// Whether a path exists, from the root or within any folder.
fn exists(files: &[File], path: &str) -> bool {
    let path = format!("/{}", path.trim_end_matches(['/', ',', '.']));
    let folder = format!("{path}/");
    files.iter().map(|file| format!("/{}", file.path)).any(|own| own.ends_with(&path) || own.contains(&folder))
}

/// Returns the tests that a document cites and that do not exist, in the file it names or anywhere.
///
/// A name is cited after its file (`` `x.rs`: `a_test`, `another_test` ``) or has at least four underscores. `…` in it
/// stands for any text.
pub fn tests(files: &[File]) -> Vec<String> {
    let names: Vec<(&str, String)> = files
        .iter()
        .filter(|file| file.is("rs"))
        .flat_map(|file| functions(&file.text).into_iter().map(|(name, ..)| (file.path.as_str(), name)))
        .collect();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("md") && file.path != "CHANGELOG.md") {
        for (line, paragraph) in paragraphs(&file.text) {
            let mut within: Option<&str> = None;
            let mut cited_of = None;
            for (span, after) in code_spans(&paragraph) {
                if span.ends_with(".rs") {
                    within = Some(span);
                    cited_of = after.starts_with(": ").then_some(span);
                    continue;
                }
                let name = span.replace('…', "");
                let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
                let cited = snake && name.contains('_') && (cited_of.is_some() || name.matches('_').count() >= 4);
                let fits = |(path, known): &(&str, String)| {
                    cited_of.is_none_or(|of| path.ends_with(of)) && is_like(known, span)
                };
                if cited && !names.iter().any(fits) {
                    let place = cited_of.or(within).unwrap_or("any file");
                    found.push(at_line(file, line, &format!("there is no test `{span}` in {place}")));
                }
                if ![", ", " and "].contains(&after) {
                    cited_of = None;
                }
            }
        }
    }
    found
}

fn is_like(name: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').collect();
    match parts[..] {
        [whole] => name == whole,
        [start, end] => name.starts_with(start) && name.ends_with(end) && name.len() >= start.len() + end.len(),
        ["", middle, ""] => name.contains(middle),
        _ => false,
    }
}

#[test]
fn references_that_lead_nowhere_are_found() {
    let requirements = File::new(REQUIREMENTS, "# Requirements\n\n### R6\n\nThe rule R6.\n\n### VPC: routes\n");
    let code = "// rule R2\n// (M1, F2)\n// docs/requirements.md, R6 and R7\n// docs/none.md\n// from S3 (S3)\n\
                // docs/requirements.md#r9\n// docs/requirements.md, \"VPC:\n// routes\"\nfn a_known_test() {}\n";
    let files = [requirements, File::new("engine/a.rs", code)];
    let lines =
        |found: Vec<String>| found.iter().map(|one| one.split(':').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(dangling(&files)), ["1", "2"]);
    assert_eq!(lines(documents(&files)), ["3", "4", "6"]);
    let document = "See [x](docs/requirements.md#r6), [y](docs/requirements.md#r7), [z](engine).\n\n\
                    `engine/b.rs` and `engine/a.rs`: `a_known_test`, `a_kn…`, `another_test`\n";
    let files = [&files[..], &[File::new("ARCHITECTURE.md", document)]].concat();
    assert_eq!(links(&files), ["ARCHITECTURE.md:1: the link to docs/requirements.md#r7 is broken"]);
    assert_eq!(paths(&files), ["ARCHITECTURE.md:3: there is no `engine/b.rs`"]);
    assert_eq!(tests(&files), ["ARCHITECTURE.md:3: there is no test `another_test` in engine/a.rs"]);
}
