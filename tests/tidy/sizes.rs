//! How long files and functions may be.

use super::tree::{File, line_at, without_literals};

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 75;

/// Returns the Rust files that are too long.
pub fn long_files(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is("rs"));
    let lengths = rust.map(|file| (file, file.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > LINES_OF_A_FILE);
    long.map(|(file, lines)| format!("{}: {lines} lines, {LINES_OF_A_FILE} at most", file.path)).collect()
}

/// Returns the functions that are too long.
pub fn long_functions(files: &[File]) -> Vec<String> {
    let mut long = Vec::new();
    for file in files.iter().filter(|file| file.is("rs")) {
        for (name, line, lines) in functions(&file.text) {
            if lines > LINES_OF_A_FUNCTION {
                long.push(format!("{}:{line}: {name} has {lines} lines, {LINES_OF_A_FUNCTION} at most", file.path));
            }
        }
    }
    long
}

/// Returns the functions that have a body: name, first line, and number of lines.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let bare = without_literals(code);
    let mut functions = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let after_word = bare[..at].bytes().next_back().is_some_and(super::tree::is_word);
        let name: String = bare[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if after_word || name.is_empty() {
            continue;
        }
        let Some(open) = bare[at..].find(['{', ';']).map(|place| at + place) else { continue };
        if bare.as_bytes()[open] == b';' {
            continue;
        }
        let mut depth = 0_usize;
        let close = bare[open..].bytes().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let end = close.map_or(bare.len(), |close| open + close);
        let first = line_at(&bare, at);
        functions.push((name, first, line_at(&bare, end) - first + 1));
    }
    functions
}

#[test]
fn a_function_is_measured_from_its_name_to_its_last_brace() {
    let body = "    let brace = '}';\n".repeat(LINES_OF_A_FUNCTION);
    let file =
        File::new("a.rs", &format!("trait T {{\n    fn none();\n}}\n\nfn long(\n) {{\n{body}}}\n\nfn short() {{}}\n"));
    assert_eq!(functions(&file.text), [("long".to_owned(), 5, LINES_OF_A_FUNCTION + 3), ("short".to_owned(), 84, 1)]);
    assert_eq!(long_functions(std::slice::from_ref(&file)).len(), 1);
    assert_eq!(long_files(&[file]).len(), 0);
}
