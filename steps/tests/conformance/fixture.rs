//! A kind's scripted answers, and what is expected of it.

use payinfra_engine::{Class, Progress};
use serde_json::Value;

/// Answers (status, body), in order.
pub type Answers = Vec<(u16, String)>;

/// Texts that a request must contain, decoded.
pub type Texts = &'static [&'static str];

/// The answers for one kind.
pub struct Fixture {
    /// The kind.
    pub kind: &'static str,
    /// The name in the address of the object that is ours.
    pub name: &'static str,
    /// Its id.
    pub id: &'static str,
    /// The answers to a search for owned objects: one is ours. All of them are asked for, and no more.
    pub found: Answers,
    /// Texts in that search.
    pub searched: Texts,
    /// What the object shows of `spec`, `outputs` and `status`; what is not named is not compared.
    pub shows: Value,
    /// The answers where the object belongs to others; by default those of `found` with another stack in the tags.
    pub others: Option<Answers>,
    /// An id that does not exist, the answers to a list of it, and texts in that list.
    pub absent: (&'static str, Answers, Texts),
    /// The answers to a creation, of which the last refuses it; the class of that; texts in the refused call.
    pub refused: (Answers, Class, Texts),
    /// The answers to a deletion where the object does not exist, and what comes of it.
    pub deleted: (Answers, Result<Progress, Class>),
}

impl Fixture {
    /// The answers where the object belongs to others.
    pub fn of_others(&self) -> Answers {
        if let Some(others) = &self.others {
            return others.clone();
        }
        let replaced = self.found.iter().map(|(status, body)| {
            let body = body.replace(">prod<", ">test<").replace("\"prod\"", "\"test\"");
            (*status, body.replace("stack=prod", "stack=test"))
        });
        let replaced: Answers = replaced.collect();
        assert_ne!(replaced, self.found, "{}: no answer names the stack", self.kind);
        replaced
    }
}

/// The attributes that an object does not show as expected, as `spec.cidr`; those that are not named may be anything.
pub fn differences(shown: &Value, expected: &Value) -> Vec<String> {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let parts = fields(expected).into_iter().flat_map(|(part, expected)| {
        let shown = shown[&part].clone();
        let differing = fields(&expected).into_iter().filter(move |(name, value)| shown.get(name) != Some(value));
        differing.map(move |(name, _)| format!("{part}.{name}"))
    });
    parts.collect()
}

/// A good answer.
pub fn ok(body: impl Into<String>) -> (u16, String) {
    (200, body.into())
}

/// A refusal of a service that speaks JSON.
pub fn json_fault(status: u16, code: &str) -> (u16, String) {
    (status, format!(r#"{{"__type":"{code}","message":"x"}}"#))
}

/// A refusal of a service that speaks JSON and paths, whose code is in the head.
pub fn rest_fault(status: u16, code: &str, message: &str) -> (u16, String) {
    (status, format!("x-amzn-errortype: {code}\n\n{{\"message\":\"{message}\"}}"))
}

/// A refusal of SQS, whose code is in the head under its old name.
pub fn sqs_fault(old: &str, code: &str) -> (u16, String) {
    (400, format!("x-amzn-query-error: {old};Sender\n\n{{\"__type\":\"com.amazonaws.sqs#{code}\",\"message\":\"x\"}}"))
}

/// A refusal of a service that speaks the Query protocol.
pub fn query_fault(status: u16, code: &str) -> (u16, String) {
    (status, format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"))
}

/// A refusal of EC2.
pub fn ec2_fault(code: &str) -> (u16, String) {
    (400, format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"))
}
