//! The files of the repository, and what is code and what is prose in them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file.
#[derive(Debug, Clone)]
pub struct File {
    /// The path from the repository's root, with `/`.
    pub path: String,
    /// The contents.
    pub text: String,
}

impl File {
    /// Makes a file that exists only in a test.
    #[cfg(test)]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns whether the name ends in `.rs`, `.md` and so on.
    pub fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// Returns whether this is one of the tidy test's own files, which contain what they look for.
    pub fn is_tidy(&self) -> bool {
        self.path.starts_with("tests/tidy/")
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads all text files that git tracks or would track, in the order of their paths.
pub fn files() -> Vec<File> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(arguments).current_dir(root()).output().expect("git is installed");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let mut paths: Vec<String> =
        String::from_utf8(listed.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    // A file that is deleted but still tracked, or that is not text, is left out.
    let read = |path: String| std::fs::read_to_string(root().join(&path)).ok().map(|text| File { path, text });
    paths.into_iter().filter_map(read).collect()
}

/// Returns the number of the line in which a byte is, from 1.
pub fn line_at(text: &str, byte: usize) -> usize {
    text[..byte].matches('\n').count() + 1
}

/// Replaces comments and the contents of literals in Rust code by spaces; lines and positions stay as they are.
pub fn without_literals(code: &str) -> String {
    let bytes = code.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end == at {
            // An identifier is skipped as a whole, so that the `r` in `for"` does not begin a raw string.
            let word = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
            at += word.max(1);
            continue;
        }
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Returns whether a byte can be part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns where the comment or literal that begins here ends; the same place if none begins.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |text: &[u8], from: usize| {
        let place = rest[from..].windows(text.len()).position(|window| window == text);
        place.map_or(bytes.len(), |place| at + from + place + text.len())
    };
    match rest {
        // The line break belongs to the code.
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => find(b"*/", 2),
        [b'"', ..] => quoted_end(bytes, at + 1, b'"'),
        [b'b', b'"', ..] => quoted_end(bytes, at + 2, b'"'),
        [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] => {
            let prefix = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
            let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(prefix + hashes) != Some(&b'"') {
                return at;
            }
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            find(&close, prefix + hashes + 1)
        }
        [b'\'', b'\\', ..] => quoted_end(bytes, at + 1, b'\''),
        // A character of up to four bytes; anything longer is a lifetime.
        [b'\'', ..] => {
            let length = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .map_or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]), Ok)
                .ok()
                .and_then(|text| text.chars().next())
                .map_or(0, char::len_utf8);
            if length > 0 && rest.get(1 + length) == Some(&b'\'') { at + length + 2 } else { at }
        }
        _ => at,
    }
}

fn quoted_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Returns the paragraphs of a Markdown text, each on one line, without code blocks; with the line where each begins.
pub fn paragraphs(markdown: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for (number, line) in (1..).zip(markdown.lines()) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            fenced = !fenced;
            open = false;
            continue;
        }
        if fenced || trimmed.is_empty() {
            open = false;
            continue;
        }
        // Rows of a table and items of a list are paragraphs of their own.
        let begins = trimmed.starts_with(['|', '#']) || trimmed.starts_with("- ");
        match paragraphs.last_mut() {
            Some((_, paragraph)) if open && !begins => {
                paragraph.push(' ');
                paragraph.push_str(trimmed);
            }
            _ => paragraphs.push((number, trimmed.to_owned())),
        }
        open = !trimmed.starts_with(['|', '#']);
    }
    paragraphs
}

/// Returns the texts in backticks, each with what follows up to the next one.
pub fn code_spans(paragraph: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = paragraph.split('`').collect();
    parts
        .iter()
        .enumerate()
        .skip(1)
        .step_by(2)
        .map(|(n, span)| (*span, parts.get(n + 1).copied().unwrap_or("")))
        .collect()
}

#[test]
fn literals_and_comments_are_blanked_and_code_stays() {
    let code = "let a = '{'; let b: &'static str = r#\"{ \" }\"#; // {\nlet c = \"\\\"{\"; /* } */ f::<'_>(b'}')";
    let bare = without_literals(code);
    assert_eq!(bare.len(), code.len());
    assert!(!bare.contains(['{', '}']), "{bare}");
    assert!(bare.contains("&'static str") && bare.contains("f::<'_>("), "{bare}");
}

#[test]
fn paragraphs_are_joined_and_rows_stay_apart() {
    let text = "One\ntwo.\n\n| a |\n| b |\n```\ncode\n```\n- x\n  y\n- z";
    let joined: Vec<String> = paragraphs(text).into_iter().map(|(_, paragraph)| paragraph).collect();
    assert_eq!(joined, ["One two.", "| a |", "| b |", "- x y", "- z"]);
}
