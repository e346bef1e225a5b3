//! The stacks that a file describes, and the one that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::{Key, Settings};

use super::document::{self, Span, Table};
use super::read::{self, Document};
use super::report::Report;

/// Checks every stack of the file and gives the one that `given` names, or that the file names.
pub fn choose(
    document: &Document<'_>,
    given: Option<&str>,
    errors: &mut Report<'_>,
    warnings: &mut Report<'_>,
) -> Option<(Suffix, Settings)> {
    let base = read::settings(&document.base).unwrap_or_default();
    let chosen = match given.or(base.suffix.as_deref()) {
        Some(text) => match Suffix::parse(text) {
            Ok(suffix) => Some(suffix),
            // A bad suffix in the file is found below, with its place.
            Err(error) if given.is_some() => {
                errors.add_outside(format!("--suffix or PAYINFRA_SUFFIX: {error}"));
                None
            }
            Err(_) => None,
        },
        None if document.broken.contains("suffix") => None,
        None => {
            errors.add(
                None,
                "no suffix: use --suffix, set PAYINFRA_SUFFIX, or add `suffix = \"...\"` to the configuration"
                    .to_owned(),
            );
            None
        }
    };

    let mut names: BTreeSet<String> = document.environments.keys().cloned().collect();
    names.extend(base.suffix);
    names.extend(chosen.as_ref().map(Suffix::to_string));
    if names.is_empty() {
        // The rest of the file is checked even if the suffix is missing.
        names.insert(String::new());
    }
    let mut stacks = BTreeMap::new();
    for name in names {
        let stack = Stack::of(document, &name);
        for error in stack.settings.validate() {
            stack.report(&error.key, &error.reason(), &document.broken, errors);
        }
        stacks.insert(name, stack);
    }
    domains(&stacks, errors);

    let chosen = chosen?;
    let stack = stacks.remove(chosen.as_str())?;
    for warning in stack.settings.warnings() {
        stack.report(&warning.key, &warning.message, &document.broken, warnings);
    }
    if stack.own.is_none() && !document.environments.is_empty() {
        let known: Vec<String> = document.environments.keys().map(|name| format!("[env.{name}]")).collect();
        let found = known.join(", ");
        warnings
            .add(None, format!("there is no [env.{chosen}] section (found: {found}); only the base settings apply"));
    }
    let mut settings = stack.settings;
    settings.suffix = Some(chosen.to_string());
    Some((chosen, settings))
}

/// One stack of the file.
struct Stack<'a> {
    name: String,
    base: &'a Table<'a>,
    own: Option<&'a Table<'a>>,
    settings: Settings,
}

impl<'a> Stack<'a> {
    fn of(document: &'a Document<'a>, name: &str) -> Self {
        let own = document.environments.get(name);
        let mut table = document.base.clone();
        if let Some(own) = own {
            document::merge(&mut table, own);
        }
        // The tables are clean one by one, and merging changes no type.
        let settings = read::settings(&table).unwrap_or_default();
        Self { name: name.to_owned(), base: &document.base, own, settings }
    }

    /// Finds where the file sets a key: in the suffix's own section, in the base, or nearest to it.
    fn place(&self, key: &Key) -> (Option<Span>, Key) {
        let in_own = self.own.map_or((0, None), |own| document::locate(own, key));
        let in_base = document::locate(self.base, key);
        if in_own.0 > 0 && in_own.0 >= in_base.0 {
            let prefix = Key::of("env").child(&self.name);
            (in_own.1, key.parts().iter().fold(prefix, |path, part| path.child(part)))
        } else {
            (in_base.1, key.clone())
        }
    }

    /// Reports what was found about a setting at its place in the file, unless its section could not be read.
    fn report(&self, key: &Key, text: &str, broken: &BTreeSet<String>, report: &mut Report<'_>) {
        if key.parts().first().is_some_and(|section| broken.contains(section)) {
            return;
        }
        let (span, key) = self.place(key);
        report.add(span, format!("{key}: {text}"));
    }
}

/// Checks that each domain name belongs to one stack, because API Gateway and DNS have it once.
fn domains(stacks: &BTreeMap<String, Stack<'_>>, errors: &mut Report<'_>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, stack) in stacks {
        let Some(domain) = stack.settings.api.domain.as_ref().filter(|domain| !domain.name.is_empty()) else {
            continue;
        };
        if let Some(owner) = owners.insert(&domain.name, name) {
            let (span, key) = stack.place(&Key::of("api.domain.name"));
            errors.add(
                span,
                format!(
                    "{key}: {:?} is the domain of both `{owner}` and `{name}`; allowed: a domain for each suffix",
                    domain.name
                ),
            );
        }
    }
}
