//! Requests and answers as text: forms, XML elements, policy documents.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::support::proxy::Seen;

/// A request on its way.
pub struct Asked {
    /// Service and operation, as `ec2:CreateVpc`.
    pub name: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: Bytes,
    token: Option<String>,
}

impl Asked {
    /// Takes a recognised request.
    pub fn new(seen: &Seen, path: &str, body: &Bytes) -> Self {
        let name = format!("{}:{}", seen.service, seen.operation);
        Self { name, path: path.to_owned(), body: body.clone(), token: seen.token.clone() }
    }

    /// What stays the same when the request is repeated.
    pub fn identity(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text = self.token.as_ref().map_or_else(|| text.clone(), |token| text.replace(token.as_str(), "").into());
        format!("{} {text}", self.path)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The value of a form's field.
    pub fn form(&self, field: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let value = text.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == field)?.1;
        Some(decoded(value).into_owned())
    }

    /// Path and body as people write them.
    pub fn text(&self) -> String {
        decoded(&format!("{} {}", self.path, String::from_utf8_lossy(&self.body))).into_owned()
    }
}

/// Percent-encoding taken away.
pub fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap_or("0"), 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The text of the first element of this name.
pub fn inside<'a>(text: &'a str, element: &str) -> Option<&'a str> {
    inside_all(text, element).next()
}

/// The texts of all elements of this name that hold no other of it.
pub fn inside_all<'a>(text: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let after = rest.split_once(open.as_str())?.1;
        let (found, next) = after.split_once(close.as_str())?;
        rest = next;
        Some(found)
    })
}

/// Replaces each outermost element of this name by what a function makes of it.
pub fn map_elements(text: &str, element: &str, mut map: impl FnMut(&str) -> String) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (mut done, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(&open) {
        done += &rest[..start];
        let (mut depth, mut at) = (0usize, start);
        let end = loop {
            let next_open = rest[at..].find(&open).map(|found| at + found);
            let Some(next_close) = rest[at..].find(&close).map(|found| at + found) else {
                return done + &rest[start..];
            };
            if next_open.is_some_and(|next_open| next_open < next_close) {
                depth += 1;
                at = next_open.unwrap_or(at) + open.len();
            } else {
                depth -= 1;
                at = next_close + close.len();
                if depth == 0 {
                    break at;
                }
            }
        };
        done += &map(&rest[start..end]);
        rest = &rest[end..];
    }
    done + rest
}

/// A policy as a service may give it back: lists in another order, lists of one element as that element.
pub fn canonical(policy: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(policy).ok()?;
    for statement in value["Statement"].as_array_mut()? {
        let Some(members) = statement.as_object_mut() else { continue };
        for member in members.values_mut() {
            reorder(member);
        }
    }
    Some(value.to_string())
}

/// Reverses the lists of texts in a member of a statement, and unwraps those of one element.
fn reorder(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.reverse();
            if let [single] = items.as_slice() {
                *value = single.clone();
            }
        }
        Value::Object(members) => members.values_mut().for_each(reorder),
        _ => {}
    }
}

/// XML's five entities taken away.
pub fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'").replace("&apos;", "'");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A text as XML holds it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
