//! Unknown keys, and which one was meant.

use payinfra_stack::settings::Key;

use super::document::{self, Span, Table, Value};
use super::schema::Schema;

/// A key that does not exist.
#[derive(Debug)]
pub struct UnknownKey {
    /// Its path.
    pub key: Key,
    /// Its place in the file.
    pub span: Span,
    /// The key that was probably meant.
    pub meant: Option<Key>,
}

/// Removes every unknown key from `table` and returns them.
///
/// `path` is the table's path in the file, and `depth` the number of its parts that do not belong to the schema
/// (`env.prod`).
pub fn take_unknown(table: &mut Table<'_>, schema: &Schema, path: &Key, depth: usize) -> Vec<UnknownKey> {
    let known = schema.values();
    let mut walk = Walk { known: &known, depth, unknown: Vec::new() };
    walk.table(table, schema, path);
    walk.unknown
}

struct Walk<'a> {
    known: &'a [Vec<String>],
    depth: usize,
    unknown: Vec<UnknownKey>,
}

impl Walk<'_> {
    fn table(&mut self, table: &mut Table<'_>, schema: &Schema, path: &Key) {
        // A table in the place of a value stays, because the typed reading reports it.
        if *schema == Schema::Value {
            return;
        }
        let mut refused = Vec::new();
        for (name, value) in table.iter_mut() {
            let key = path.child(name.get_ref());
            let below = match schema {
                Schema::Section(fields) => fields.get(name.get_ref().as_ref()),
                Schema::Named(schema) => Some(&**schema),
                Schema::Value => None,
            };
            match (below, value.get_mut()) {
                (Some(schema), Value::Table(below)) => self.table(below, schema, &key),
                (Some(_), _) => {}
                (None, value) => {
                    self.leaves(&key, name.span(), value);
                    refused.push(name.get_ref().to_string());
                }
            }
        }
        for name in refused {
            document::take(table, &name);
        }
    }

    /// Notes every value under an unknown key, because each may have been meant for another section.
    fn leaves(&mut self, key: &Key, span: Span, value: &Value<'_>) {
        match value {
            Value::Table(table) if !table.is_empty() => {
                for (name, value) in table {
                    self.leaves(&key.child(name.get_ref()), name.span(), value.get_ref());
                }
            }
            _ => {
                let meant = self.meant(key);
                self.unknown.push(UnknownKey { key: key.clone(), span, meant });
            }
        }
    }

    fn meant(&self, key: &Key) -> Option<Key> {
        let (outside, given) = key.parts().split_at(self.depth.min(key.parts().len()));
        let near = self.nearest(given).or_else(|| self.section_meant(given)).or_else(|| self.same_name(given))?;
        Some(outside.iter().chain(&near).fold(Key::root(), |key, part| key.child(part)))
    }

    /// Finds the known path closest to the given one, if it is close.
    fn nearest(&self, given: &[String]) -> Option<Vec<String>> {
        let text = given.join(".");
        self.known
            .iter()
            .map(|path| with_names_of(path, given))
            .map(|path| (strsim::damerau_levenshtein(&path.join("."), &text), path))
            .filter(|(distance, path)| *distance <= close(path.join(".").len()))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, path)| path)
    }

    /// Finds the section closest to the first part, and leaves the rest as it is.
    fn section_meant(&self, given: &[String]) -> Option<Vec<String>> {
        let (first, rest) = given.split_first()?;
        let sections = self.known.iter().filter(|path| path.len() > 1).filter_map(|path| path.first());
        sections
            .map(String::as_str)
            .chain(["env"])
            .filter(|section| !rest.is_empty() && section != first)
            .map(|section| (strsim::damerau_levenshtein(section, first), section))
            .filter(|(distance, section)| *distance <= close(section.len()))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, section)| std::iter::once(section.to_owned()).chain(rest.iter().cloned()).collect())
    }

    /// Finds the one key of the same name in another section.
    fn same_name(&self, given: &[String]) -> Option<Vec<String>> {
        let mut same = self.known.iter().filter(|path| path.last() == given.last() && !path.iter().any(|p| p == "*"));
        let found = same.next()?;
        same.next().is_none().then(|| found.clone())
    }
}

/// Replaces each `*` of a known path with the user's name.
fn with_names_of(path: &[String], given: &[String]) -> Vec<String> {
    let own = |(index, part): (usize, &String)| match (part.as_str(), given.get(index)) {
        ("*", Some(name)) => name.clone(),
        _ => part.clone(),
    };
    path.iter().enumerate().map(own).collect()
}

/// How many typing errors a word of this length may have.
const fn close(length: usize) -> usize {
    match length {
        0..=3 => 1,
        4..=11 => 2,
        _ => 3,
    }
}
