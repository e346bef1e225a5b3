//! What AWS does with a repeated request and the emulators do not: tokens are honoured, names collide.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::StatusCode;

use super::operation::Seen;
use super::{Answer, fault};

/// An operation that AWS refuses the second time, with the status and the error code of the refusal.
pub type Collision = (&'static str, u16, &'static str);

/// What was asked for so far.
#[derive(Default)]
pub struct Manners {
    collisions: Vec<Collision>,
    taken: BTreeSet<(String, String, Bytes)>,
    answers: BTreeMap<(String, String), Answer>,
}

impl Manners {
    /// Nothing was asked for yet.
    pub fn new(collisions: &[Collision]) -> Self {
        Self { collisions: collisions.to_vec(), ..Self::default() }
    }

    /// What AWS answers to a request that repeats another: the answer that its token got before, or a refusal.
    pub fn repeated(&self, seen: &Seen, path: &str, body: &Bytes) -> Option<Answer> {
        let name = name(seen);
        let known = seen.token.as_ref().and_then(|token| self.answers.get(&(name.clone(), token.clone())));
        if known.is_some() {
            return known.cloned();
        }
        let (_, status, code) = self.collisions.iter().find(|(operation, ..)| *operation == name)?;
        let taken = self.taken.contains(&(name, path.to_owned(), body.clone()));
        taken.then(|| fault::refuse(seen, StatusCode::from_u16(*status).unwrap(), code))
    }

    /// Remembers what the emulator did.
    pub fn remember(&mut self, seen: &Seen, path: &str, body: &Bytes, answer: &Answer) {
        if !answer.status.is_success() {
            return;
        }
        if let Some(token) = &seen.token {
            self.answers.insert((name(seen), token.clone()), answer.clone());
        }
        if self.collisions.iter().any(|(operation, ..)| *operation == name(seen)) {
            self.taken.insert((name(seen), path.to_owned(), body.clone()));
        }
    }
}

fn name(seen: &Seen) -> String {
    format!("{}:{}", seen.service, seen.operation)
}
