//! Remarks about a configuration, with their place in the file.

use std::fmt;

use super::document::Span;

/// One line about the configuration.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Remark {
    /// Line and column of the key, both from 1, columns in characters; nothing if it is not in the file.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what is allowed.
    pub text: String,
    /// Whether it is about the file, and not about the command line.
    pub of_file: bool,
}

/// Collects remarks about one file.
#[derive(Debug)]
pub struct Report<'a> {
    text: &'a str,
    remarks: Vec<Remark>,
}

impl<'a> Report<'a> {
    /// Starts a report about a file with this text.
    pub const fn new(text: &'a str) -> Self {
        Self { text, remarks: Vec::new() }
    }

    /// Adds a remark, unless the report already contains it.
    pub fn add(&mut self, span: Option<Span>, text: String) {
        self.push(Remark { place: span.map(|span| place(self.text, span.start)), text, of_file: true });
    }

    /// Adds a remark about the command line or the environment.
    pub fn add_outside(&mut self, text: String) {
        self.push(Remark { place: None, text, of_file: false });
    }

    fn push(&mut self, remark: Remark) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Gives the remarks in the order of the file; those without a place are last.
    pub fn finish(mut self) -> Vec<Remark> {
        self.remarks.sort_by_key(|remark| remark.place.unwrap_or((usize::MAX, 0)));
        self.remarks
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Formats a remark as `file:line:column: text`, or without the place if it is not about the file.
pub fn render(file: Option<&str>, remark: &Remark) -> String {
    match (file.filter(|_| remark.of_file), remark.place) {
        (Some(file), Some((line, column))) => format!("{file}:{line}:{column}: {}", remark.text),
        (Some(file), None) => format!("{file}: {}", remark.text),
        (None, _) => remark.text.clone(),
    }
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug)]
pub struct ConfigErrors {
    /// The file as the user named it; nothing if none was read.
    pub file: Option<String>,
    /// What is wrong, in the order of the file.
    pub errors: Vec<Remark>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&render(self.file.as_deref(), error))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
