//! The house rules of CONTRIBUTING.md, checked over the files that git tracks.
//!
//! Each rule returns its violations with file and line. A rule is never loosened to pass: the file is changed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod citations;
mod command_line;
mod imports;
mod runbook;
mod sizes;
mod tree;
mod words;

use std::sync::LazyLock;

use command_line::Help;
use tree::File;

static FILES: LazyLock<Vec<File>> = LazyLock::new(tree::files);

fn demand_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn files_are_short() {
    demand_none(&sizes::long_files(&FILES));
}

#[test]
fn functions_are_short() {
    demand_none(&sizes::long_functions(&FILES));
}

#[test]
fn prose_and_names_use_the_fields_words() {
    demand_none(&words::banned(&FILES));
}

#[test]
fn citations_name_texts_in_the_repository() {
    demand_none(&citations::dangling(&FILES));
}

#[test]
fn cited_documents_headings_and_requirements_exist() {
    demand_none(&citations::documents(&FILES));
}

#[test]
fn relative_links_resolve() {
    demand_none(&citations::links(&FILES));
}

#[test]
fn paths_in_documents_exist() {
    demand_none(&citations::paths(&FILES));
}

#[test]
fn tests_named_in_documents_exist() {
    demand_none(&citations::tests(&FILES));
}

#[test]
fn every_alarm_has_its_section_in_the_runbook_and_the_other_way_round() {
    demand_none(&runbook::differences(&FILES));
}

#[test]
fn the_readme_has_every_exit_code() {
    demand_none(&command_line::exit_codes(&FILES, &Help::read()));
}

#[test]
fn the_readme_has_every_command_and_option() {
    demand_none(&command_line::options(&FILES, &Help::read()));
}

#[test]
fn documents_name_no_unknown_option() {
    demand_none(&command_line::unknown_options(&FILES, &Help::read()));
}

#[test]
fn modules_are_where_their_names_say() {
    demand_none(&imports::paths(&FILES));
}

#[test]
fn no_import_circle_crosses_a_folder() {
    demand_none(&imports::circles(&FILES));
}
