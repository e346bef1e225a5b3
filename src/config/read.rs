//! From text to clean tables: what cannot be read is reported and removed.

use std::collections::{BTreeMap, BTreeSet};

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::{Key, Settings, allowed};
use serde::Deserialize;
use toml::Spanned;

use super::document::{self, Table, Value};
use super::keys;
use super::report::Report;
use super::schema::Schema;

/// After this many values of the wrong type, the rest is left for the next run.
const MOST_TYPE_ERRORS: usize = 100;

/// A file that was read: every value has a known key and the right type.
pub struct Document<'a> {
    /// The settings for all stacks.
    pub base: Table<'a>,
    /// The settings for one suffix, on top of the base.
    pub environments: BTreeMap<String, Table<'a>>,
    /// The sections that something was removed from; further errors there would only mislead.
    pub broken: BTreeSet<String>,
}

/// Reads a file and reports every error in it; nothing if it is not TOML.
pub fn document<'a>(text: &'a str, errors: &mut Report<'_>) -> Option<Document<'a>> {
    let (table, syntax) = Table::parse_recoverable(text);
    if !syntax.is_empty() {
        for error in syntax {
            errors.add(error.span(), format!("not valid TOML: {}", error.message()));
        }
        return None;
    }
    let schema = match Schema::of::<Settings>() {
        Ok(schema) => schema,
        Err(error) => {
            errors.add(None, format!("the settings have no schema: {error}"));
            return None;
        }
    };
    let mut base = table.into_inner();
    let environments = environments(&mut base, errors);
    let mut document = Document { base, environments: BTreeMap::new(), broken: BTreeSet::new() };
    let mut broken = BTreeSet::new();
    clean(&mut document.base, &schema, &Key::root(), errors, &mut broken);
    for (name, mut table) in environments {
        let path = Key::of("env").child(&name);
        if let Some((span, _)) = document::take(&mut table, "suffix") {
            errors.add(Some(span), format!("{}: the name of the section is the suffix", path.child("suffix")));
        }
        clean(&mut table, &schema, &path, errors, &mut broken);
        document.environments.insert(name, table);
    }
    document.broken = broken;
    Some(document)
}

/// Removes `[env.*]` from the file and returns its tables.
fn environments<'a>(base: &mut Table<'a>, errors: &mut Report<'_>) -> BTreeMap<String, Table<'a>> {
    let mut environments = BTreeMap::new();
    let Some((span, value)) = document::take(base, "env") else { return environments };
    let Value::Table(tables) = value.into_inner() else {
        errors
            .add(Some(span), "env: it is not a table; allowed: a table for each suffix, such as [env.prod]".to_owned());
        return environments;
    };
    for (name, value) in tables {
        let key = Key::of("env").child(name.get_ref());
        let span = name.span();
        match (Suffix::parse(name.get_ref()), value.into_inner()) {
            (Err(error), _) => errors.add(Some(span), format!("{key}: {error}")),
            (Ok(suffix), Value::Table(table)) => drop(environments.insert(suffix.to_string(), table)),
            (Ok(_), _) => {
                errors.add(Some(span), format!("{key}: it is not a table; allowed: settings for this suffix"));
            }
        }
    }
    environments
}

/// Reports and removes every unknown key and every value of the wrong type.
fn clean(table: &mut Table<'_>, schema: &Schema, path: &Key, errors: &mut Report<'_>, broken: &mut BTreeSet<String>) {
    let depth = path.parts().len();
    for unknown in keys::take_unknown(table, schema, path, depth) {
        let meant = unknown.meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        errors.add(Some(unknown.span), format!("unknown key `{}`{meant}", unknown.key));
        broken.extend(unknown.key.parts().get(depth).cloned());
    }
    for _ in 0..MOST_TYPE_ERRORS {
        let Err(error) = settings(table) else { return };
        let Some((key, span)) = error.span().and_then(|span| document::covering(table, &span)) else {
            errors.add(error.span(), error.message().to_owned());
            break;
        };
        let full = key.parts().iter().fold(path.clone(), |path, part| path.child(part));
        let allowed = allowed(&key).map_or_else(String::new, |allowed| format!("; allowed: {allowed}"));
        errors.add(Some(span), format!("{full}: {}{allowed}", error.message()));
        broken.extend(key.parts().first().cloned());
        document::remove(table, &key);
    }
    // What could not be read completely is not checked any further.
    table.clear();
}

/// Turns a clean table into settings.
///
/// # Errors
/// The first value of the wrong type.
pub fn settings(table: &Table<'_>) -> Result<Settings, toml::de::Error> {
    Settings::deserialize(toml::Deserializer::from(Spanned::new(0..0, table.clone())))
}
