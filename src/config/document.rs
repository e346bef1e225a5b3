//! A TOML document whose keys remember their place in the file.

use std::borrow::Cow;
use std::ops::Range;

use payinfra_stack::settings::Key;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table of the document.
pub type Table<'a> = DeTable<'a>;

/// A value of the document.
pub type Value<'a> = DeValue<'a>;

/// Bytes of the file.
pub type Span = Range<usize>;

/// Puts `over` on top of `base`: tables are merged, everything else is replaced.
pub fn merge<'a>(base: &mut Table<'a>, over: &Table<'a>) {
    for (name, value) in over {
        let merged = match (take(base, name.get_ref()), value.get_ref()) {
            (Some((_, below)), Value::Table(above)) if below.get_ref().is_table() => {
                let mut below = below.into_inner();
                if let Value::Table(table) = &mut below {
                    merge(table, above);
                }
                Spanned::new(value.span(), below)
            }
            _ => value.clone(),
        };
        // `take` removed the old key, so the new one brings its own place.
        base.insert(name.clone(), merged);
    }
}

/// Removes an entry and returns it.
pub fn take<'a>(table: &mut Table<'a>, name: &str) -> Option<(Span, Spanned<Value<'a>>)> {
    let span = entry(table, name)?.0;
    table.remove(&Spanned::new(0..0, Cow::Owned(name.to_owned()))).map(|value| (span, value))
}

/// Removes the entry at a path.
pub fn remove(table: &mut Table<'_>, key: &Key) {
    match key.parts() {
        [] => {}
        [last] => drop(take(table, last)),
        [first, rest @ ..] => {
            let rest = rest.iter().fold(Key::root(), |key, part| key.child(part));
            if let Some(below) = table.iter_mut().find(|(name, _)| name.get_ref() == first)
                && let Value::Table(below) = below.1.get_mut()
            {
                remove(below, &rest);
            }
        }
    }
}

/// Finds an entry: the place of its key, and its value.
pub fn entry<'t, 'a>(table: &'t Table<'a>, name: &str) -> Option<(Span, &'t Spanned<Value<'a>>)> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(key, value)| (key.span(), value))
}

/// Finds how deep a path goes in the table: the number of its parts that exist, and the place of the last.
pub fn locate(table: &Table<'_>, key: &Key) -> (usize, Option<Span>) {
    let mut found = (0, None);
    let mut here = Some(table);
    for (depth, part) in key.parts().iter().enumerate() {
        let Some((span, value)) = here.and_then(|table| entry(table, part)) else { break };
        found = (depth + 1, Some(span));
        here = value.get_ref().as_table();
    }
    found
}

/// Finds the smallest entry that covers `wanted`: its path and the place of its key.
pub fn covering(table: &Table<'_>, wanted: &Span) -> Option<(Key, Span)> {
    let mut best = None;
    search(table, wanted, &Key::root(), &mut best);
    best.map(|(key, span, _)| (key, span))
}

fn search(table: &Table<'_>, wanted: &Span, path: &Key, best: &mut Option<(Key, Span, usize)>) {
    let covers = |span: &Span| span.start <= wanted.start && wanted.end <= span.end;
    for (name, value) in table {
        let key = path.child(name.get_ref());
        for span in [name.span(), value.span()] {
            if covers(&span) && best.as_ref().is_none_or(|(_, _, length)| span.len() <= *length) {
                *best = Some((key.clone(), name.span(), span.len()));
            }
        }
        // A table under a header does not cover its entries, so each is searched.
        if let Value::Table(below) = value.get_ref() {
            search(below, wanted, &key, best);
        }
    }
}
