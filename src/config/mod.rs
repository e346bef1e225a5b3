//! The configuration file: it is read, checked as a whole, and turned into the settings of one stack.

mod document;
mod keys;
mod read;
mod report;
mod schema;
mod stacks;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::Path;

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::Settings;

pub use report::ConfigErrors;
use report::{Remark, Report, render};

/// The file that is read if the command line names none; it may be absent.
pub const DEFAULT_FILE: &str = "payinfra.toml";

/// The largest file that is read; anything larger is not a configuration.
const LARGEST_FILE: usize = 1 << 20;

/// The settings of one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings, including the overrides of the suffix.
    pub settings: Settings,
    /// The suffix of the stack.
    pub suffix: Suffix,
    /// What works but is probably not meant, one line each with its place.
    pub warnings: Vec<String>,
}

/// Reads the configuration of the stack that `suffix` names, or that the file names if it is `None`.
///
/// Without a `path`, the default file is read if it exists; otherwise the defaults apply. Paths in the file are
/// relative to the working folder.
///
/// # Errors
/// Everything that is wrong with the file and the suffix, all at once.
pub fn load(path: Option<&Path>, suffix: Option<&str>) -> Result<Loaded, ConfigErrors> {
    let file = path.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    let name = file.display().to_string();
    let fail = |text: String| ConfigErrors {
        file: Some(name.clone()),
        errors: vec![Remark { place: None, text, of_file: true }],
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_none() => return parse(None, "", suffix),
        Err(error) => return Err(fail(format!("cannot read the configuration: {error}"))),
    };
    if bytes.len() > LARGEST_FILE {
        return Err(fail(format!("the configuration is larger than {} KiB", LARGEST_FILE / 1024)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(Some(&name), &text, suffix),
        Err(_) => Err(fail("the configuration is not UTF-8".to_owned())),
    }
}

/// Turns the text of a file into settings.
fn parse(file: Option<&str>, text: &str, suffix: Option<&str>) -> Result<Loaded, ConfigErrors> {
    let mut errors = Report::new(text);
    let Some(document) = read::document(text, &mut errors) else {
        return Err(ConfigErrors { file: file.map(str::to_owned), errors: errors.finish() });
    };
    let mut warnings = Report::new(text);
    let chosen = stacks::choose(&document, suffix, &mut errors, &mut warnings);
    let errors = errors.finish();
    match chosen {
        Some((suffix, settings)) if errors.is_empty() => {
            let warnings = warnings.finish().iter().map(|remark| render(file, remark)).collect();
            Ok(Loaded { settings, suffix, warnings })
        }
        _ => Err(ConfigErrors { file: file.map(str::to_owned), errors }),
    }
}
