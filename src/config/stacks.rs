//! The stacks a file describes, and the one that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::{Key, Problem, Settings};

use super::document::{self, Span, Table};
use super::read::{self, Document};
use super::report::Report;

/// Checks every stack of the file and gives the one named by `given`, or by the file.
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
            // A bad suffix of the file is found below, with its place.
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
                "no suffix: give --suffix, set PAYINFRA_SUFFIX, or put `suffix = \"...\"` into the configuration"
                    .to_owned(),
            );
            None
        }
    };

    let mut names: BTreeSet<String> = document.environments.keys().cloned().collect();
    names.extend(base.suffix);
    names.extend(chosen.as_ref().map(Suffix::to_string));
    if names.is_empty() {
        // The rest of the file is judged even if nobody said whose it is.
        names.insert(String::new());
    }
    let mut stacks = BTreeMap::new();
    for name in names {
        let stack = Stack::of(document, &name);
        stack.report(&stack.settings.validate(), &document.broken, errors);
        stacks.insert(name, stack);
    }
    domains(&stacks, errors);

    let chosen = chosen?;
    let stack = stacks.remove(chosen.as_str())?;
    stack.report(&stack.settings.warnings(), &document.broken, warnings);
    if stack.own.is_none() && !document.environments.is_empty() {
        let known: Vec<String> = document.environments.keys().map(|name| format!("[env.{name}]")).collect();
        warnings.add(None, format!("{} stand there, but no [env.{chosen}]: the base holds alone", known.join(", ")));
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

    fn report(&self, problems: &[Problem], broken: &BTreeSet<String>, report: &mut Report<'_>) {
        for problem in problems {
            if problem.key.parts().first().is_some_and(|section| broken.contains(section)) {
                continue;
            }
            let (span, key) = self.place(&problem.key);
            report.add(span, Problem { key, ..problem.clone() }.to_string());
        }
    }
}

/// A domain name belongs to one stack: API Gateway and DNS know it once.
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
                    "{key}: {:?} is the domain of `{owner}` and of `{name}`; allowed: a domain for each suffix",
                    domain.name
                ),
            );
        }
    }
}
