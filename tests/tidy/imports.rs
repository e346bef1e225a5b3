//! Where modules are, and which of them import each other.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{File, is_word, without_literals};

/// The folder of each crate's library or binary.
const CRATES: [&str; 7] = ["aws", "engine", "functions/src", "src", "stack", "state", "steps"];

/// Shared files that a `#[path]` may name: the tests' support, and the one list of migrations that two crates compile.
const SHARED: [&str; 2] = ["support/", "migrations/list.rs"];

/// Returns modules that are not where their name says.
pub fn paths(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("rs") && !file.is_tidy()) {
        for (number, line) in (1..).zip(file.text.lines()).filter(|(_, line)| line.trim().starts_with("#[path")) {
            if SHARED.iter().all(|shared| !line.contains(shared)) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

/// Returns the circles of imports between the top-level modules of each crate that cross a folder: those of files only,
/// which all are in one folder, do not count.
pub fn circles(files: &[File]) -> Vec<String> {
    CRATES.iter().flat_map(|folder| circles_of(files, folder)).collect()
}

fn circles_of(files: &[File], folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    let within: Vec<(&str, &File)> = files
        .iter()
        .filter(|file| file.is("rs") && !file.path.starts_with(&format!("{prefix}tests/")))
        .filter_map(|file| Some((file.path.strip_prefix(&prefix)?, file)))
        .collect();
    let module = |path: &str| path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let root = |path: &str| ["lib.rs", "main.rs"].contains(&path) || path.starts_with("bin/");
    let modules: BTreeSet<String> =
        within.iter().filter(|(path, _)| !root(path)).map(|(path, _)| module(path)).collect();
    let reexports = within.iter().filter(|(path, _)| *path == "lib.rs").flat_map(|(_, file)| reexports(&file.text));
    let reexports: BTreeMap<String, String> = reexports.collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, file) in within.iter().filter(|(path, _)| !root(path) && !path.ends_with("tests.rs")) {
        let from = module(path);
        for name in imported(&file.text, path.contains('/')) {
            let to = if modules.contains(&name) { Some(&name) } else { reexports.get(&name) };
            if let Some(to) = to.filter(|to| **to != from && modules.contains(*to)) {
                arrows.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for start in &modules {
        let reached = reachable(&arrows, start);
        let circle: Vec<String> =
            reached.iter().filter(|other| reachable(&arrows, other).contains(start)).cloned().collect();
        let is_folder = |name: &String| within.iter().any(|(path, _)| path.starts_with(&format!("{name}/")));
        if circle.iter().any(is_folder) {
            circles.insert(circle);
        }
    }
    circles.into_iter().map(|circle| format!("{folder}: {} import each other", circle.join(", "))).collect()
}

/// All modules that a module imports, directly or by others.
fn reachable(arrows: &BTreeMap<String, BTreeSet<String>>, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![start.to_owned()];
    while let Some(module) = next.pop() {
        for to in arrows.get(&module).into_iter().flatten() {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}

/// Returns the first names after `crate::`, and after `super::` in a file at the top; without the unit tests.
fn imported(code: &str, below: bool) -> BTreeSet<String> {
    let bare = without_literals(code);
    let bare = bare.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let starts: &[&str] = if below { &["crate::"] } else { &["crate::", "super::"] };
    starts
        .iter()
        .flat_map(|start| bare.match_indices(start))
        .flat_map(|(at, start)| firsts(&bare[at + start.len()..]))
        .collect()
}

/// The first names of a path or of a group of paths: `a::b` is `a`, `{a::b, c}` is `a` and `c`.
fn firsts(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![path.bytes().take_while(|byte| is_word(*byte)).map(char::from).collect()];
    };
    let (mut depth, mut names, mut fresh) = (1, vec![String::new()], true);
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                names.push(String::new());
                fresh = true;
            }
            ':' => fresh = false,
            _ if depth == 1 && fresh && (character.is_alphanumeric() || character == '_') => {
                names.last_mut().unwrap().push(character);
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// What a crate's root makes available under another name: the item and its module.
fn reexports(code: &str) -> Vec<(String, String)> {
    let bare = without_literals(code);
    let mut found = Vec::new();
    for statement in bare.split("pub use ").skip(1) {
        let Some((module, items)) = statement.split(';').next().and_then(|path| path.split_once("::")) else {
            continue;
        };
        let names = items.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| !name.is_empty());
        found.extend(names.map(|name| (name.to_owned(), module.trim().to_owned())));
    }
    found
}

#[test]
fn a_circle_is_found_also_through_the_root_and_in_a_group() {
    let file = File::new;
    let files = [
        file("steps/lib.rs", "mod a;\nmod b;\nmod c;\npub use a::Thing;\n"),
        file("steps/a.rs", "use crate::{c, b::{Other, d}};\n#[cfg(test)]\nmod tests { use crate::e; }\n"),
        file("steps/b/mod.rs", "use crate::Thing;\nuse super::c;\n"),
        file("steps/c.rs", "use std::fmt; // use crate::a\n"),
        file("steps/e.rs", "#[path = \"elsewhere.rs\"]\nmod f;\nuse crate::a;\n"),
    ];
    assert_eq!(circles(&files), ["steps: a, b import each other"]);
    assert_eq!(paths(&files), ["steps/e.rs:1: #[path = \"elsewhere.rs\"]"]);
}
