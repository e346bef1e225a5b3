//! What AWS does and the emulators do not: tokens are honoured, names collide, words of AWS's own are known.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;

use super::operation::Seen;
use super::{Answer, fault};

/// An operation that AWS refuses the second time.
#[derive(Debug, Clone, Copy)]
pub struct Collision {
    /// The operation, as `ec2:CreateSubnet`.
    pub create: &'static str,
    /// The one that makes room again.
    pub delete: &'static str,
    /// The status and the error code of the refusal.
    pub refusal: (u16, &'static str),
}

/// A word in the form of an operation that an emulator knows by another name.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// The operation, as `ec2:CreateFlowLogs`.
    pub operation: &'static str,
    /// The value as AWS writes it.
    pub aws: &'static str,
    /// The value that the emulator understands.
    pub emulator: &'static str,
}

/// Operation, path and body.
type Request = (String, String, Bytes);

/// What was asked for so far.
#[derive(Default)]
pub struct Behaviour {
    collisions: Vec<Collision>,
    wordings: Vec<Wording>,
    taken: BTreeMap<Request, Answer>,
    answers: BTreeMap<(String, String), Answer>,
}

impl Behaviour {
    /// Nothing was asked for yet.
    pub fn new(collisions: &[Collision], wordings: &[Wording]) -> Self {
        Self { collisions: collisions.to_vec(), wordings: wordings.to_vec(), ..Self::default() }
    }

    /// The form of a request in the emulator's words.
    pub fn in_its_words(&self, seen: &Seen, body: &Bytes) -> Bytes {
        let name = name(seen);
        let Some(Wording { aws, emulator, .. }) = self.wordings.iter().find(|wording| wording.operation == name) else {
            return body.clone();
        };
        let in_its_words = |pair: &str| match pair.split_once('=') {
            Some((field, value)) if value == *aws => format!("{field}={emulator}"),
            _ => pair.to_owned(),
        };
        String::from_utf8_lossy(body).split('&').map(in_its_words).collect::<Vec<_>>().join("&").into()
    }

    /// What AWS answers to a request that repeats another: the answer that its token got before, or a refusal.
    pub fn repeated(&self, seen: &Seen, path: &str, body: &Bytes) -> Option<Answer> {
        let name = name(seen);
        let known = seen.token.as_ref().and_then(|token| self.answers.get(&(name.clone(), token.clone())));
        if known.is_some() {
            return known.cloned();
        }
        let Collision { refusal: (status, code), .. } = self.collisions.iter().find(|known| known.create == name)?;
        let taken = self.taken.contains_key(&(name, path.to_owned(), body.clone()));
        taken.then(|| fault::refuse(seen, StatusCode::from_u16(*status).unwrap(), code))
    }

    /// Remembers what the emulator did.
    pub fn remember(&mut self, seen: &Seen, path: &str, body: &Bytes, answer: &Answer) {
        if !answer.status.is_success() {
            return;
        }
        let name = name(seen);
        if let Some(token) = &seen.token {
            self.answers.insert((name.clone(), token.clone()), answer.clone());
        }
        for collision in &self.collisions {
            if collision.create == name {
                self.taken.insert((name.clone(), path.to_owned(), body.clone()), answer.clone());
            }
            if collision.delete == name {
                let gone = |made: &Answer| mentioned(path, body).any(|id| holds(&made.body, id));
                self.taken.retain(|(operation, ..), made| operation != collision.create || !gone(made));
            }
        }
    }
}

/// What a deletion may name its object by: the values of its form, the last part of its path.
fn mentioned<'a>(path: &'a str, body: &'a Bytes) -> impl Iterator<Item = &'a str> {
    let form = std::str::from_utf8(body).unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let values = form.filter(|(name, _)| !matches!(*name, "Action" | "Version")).map(|(_, value)| value);
    values.chain(path.rsplit('/').next()).filter(|id| !id.is_empty())
}

fn holds(body: &Bytes, id: &str) -> bool {
    String::from_utf8_lossy(body).contains(id)
}

fn name(seen: &Seen) -> String {
    format!("{}:{}", seen.service, seen.operation)
}
