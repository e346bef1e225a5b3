//! Answers that are not what a service would say.

use bytes::Bytes;
use serde_json::Value;

/// What becomes of an answer's body; numbers choose the place, so that the same number chooses the same one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garble {
    /// Only so many thousandths of it, announced as the whole.
    Cut(u16),
    /// Nothing, announced as the whole.
    Empty,
    /// One byte is another.
    Noise(u64),
    /// One field is left out.
    Missing(u64),
    /// One value is of another type, or is empty.
    Other(u64),
    /// Five megabytes that nobody asked for beside the rest.
    Huge,
    /// A value nested ten thousand deep beside the rest.
    Deep,
    /// The page of some proxy on the way, with this status.
    Page(u16),
}

impl Garble {
    /// Whether it takes something away so that what is left cannot be taken for an answer.
    pub fn breaks(self) -> bool {
        matches!(self, Self::Cut(_) | Self::Empty | Self::Page(_))
    }

    /// The body as it arrives.
    pub fn apply(self, body: &Bytes) -> Bytes {
        match self {
            Self::Cut(thousandths) => body.slice(..body.len() * usize::from(thousandths) / 1000),
            Self::Empty => Bytes::new(),
            Self::Page(_) => {
                Bytes::from_static(b"<html><head><title>Welcome</title></head><body>Sign in</body></html>")
            }
            Self::Noise(number) => noise(body, number),
            Self::Huge => with(body, &format!("\"{}\"", "x".repeat(5 << 20)), &"x".repeat(5 << 20)),
            Self::Deep => {
                let json = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
                with(body, &json, &format!("{}{}", "<d>".repeat(10_000), "</d>".repeat(10_000)))
            }
            Self::Missing(number) | Self::Other(number) => match serde_json::from_slice(body) {
                Ok(value) => self.json(value, number),
                Err(_) => self.xml(&String::from_utf8_lossy(body), number),
            },
        }
    }

    fn json(self, mut value: Value, number: u64) -> Bytes {
        let mut places = Vec::new();
        find(&value, "", &mut places);
        if let Some(place) = choose(&places, number) {
            let (parent, name) = place.rsplit_once('/').unwrap();
            let name = name.replace("~1", "/").replace("~0", "~");
            match (self, value.pointer_mut(parent).unwrap()) {
                (Self::Missing(_), Value::Object(members)) => drop(members.remove(&name)),
                (Self::Missing(_), Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
                _ => {
                    let value = value.pointer_mut(place).unwrap();
                    *value = if value.is_string() { 17.into() } else { Value::Null };
                }
            }
        }
        Bytes::from(value.to_string())
    }

    fn xml(self, text: &str, number: u64) -> Bytes {
        let begins = |at: &usize| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic());
        let starts: Vec<usize> = text.match_indices('<').map(|(at, _)| at).filter(begins).skip(1).collect();
        let Some(start) = choose(&starts, number) else { return Bytes::from(text.to_owned()) };
        let name = text[start + 1..].split(['>', ' ', '/']).next().unwrap();
        let inside = start + text[*start..].find('>').unwrap() + 1;
        let end = inside + text[inside..].find(&format!("</{name}>")).unwrap_or(0);
        let after = (end + name.len() + 3).min(text.len()).max(inside);
        Bytes::from(match self {
            Self::Missing(_) if end > inside => text[..*start].to_owned() + &text[after..],
            _ => text[..inside].to_owned() + &text[end..],
        })
    }
}

fn choose<T>(among: &[T], number: u64) -> Option<&T> {
    among.get(usize::try_from(number.checked_rem(among.len() as u64)?).unwrap())
}

/// All members and items, as JSON pointers (RFC 6901).
fn find(value: &Value, path: &str, places: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in below {
        let path = format!("{path}/{name}");
        find(value, &path, places);
        places.push(path);
    }
}

fn noise(body: &Bytes, number: u64) -> Bytes {
    let mut bytes = body.to_vec();
    if let Some(at) = number.checked_rem(bytes.len() as u64) {
        bytes[usize::try_from(at).unwrap()] = (number >> 32) as u8;
    }
    Bytes::from(bytes)
}

/// Puts a field with this value before all others.
fn with(body: &Bytes, json: &str, xml: &str) -> Bytes {
    let text = String::from_utf8_lossy(body);
    if let Some(rest) = text.trim_start().strip_prefix('{') {
        let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
        return Bytes::from(format!("{{\"unheardOf\":{json}{comma}{rest}"));
    }
    match text.rfind("</") {
        Some(end) => Bytes::from(format!("{}<unheardOf>{xml}</unheardOf>{}", &text[..end], &text[end..])),
        None => body.clone(),
    }
}
