//! A client of the deployed API.

use payinfra_aws::{ApiAnswer, ApiRequest, CallError, Caller, Proof};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use crate::address::Local;

/// The header that makes a request repeatable.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The deployed API.
pub struct Api<'a> {
    caller: &'a Caller,
    base: String,
    host: Option<String>,
    proof: Proof,
}

impl<'a> Api<'a> {
    /// The API at `url`; one on an emulator is reached by its address and named in a header.
    pub fn new(caller: &'a Caller, url: &str, local: Option<Local>, proof: Proof) -> Self {
        let base = local.as_ref().map_or_else(|| url.trim_end_matches('/').to_owned(), Local::base);
        Self { caller, base, host: local.map(|local| local.host), proof }
    }

    /// Gets a path as an authenticated caller.
    pub async fn get(&self, path: &str) -> Result<ApiAnswer, CallError> {
        self.send("GET", path, Vec::new(), String::new(), &self.proof).await
    }

    /// Gets a path without credentials.
    pub async fn get_unauthenticated(&self, path: &str) -> Result<ApiAnswer, CallError> {
        self.send("GET", path, Vec::new(), String::new(), &Proof::None).await
    }

    /// Posts JSON as an authenticated caller, with the idempotency key, if one is given.
    pub async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<ApiAnswer, CallError> {
        let key = key.map(|key| (IDEMPOTENCY_KEY, key.to_owned()));
        self.send("POST", path, key.into_iter().collect(), body.to_string(), &self.proof).await
    }

    /// Posts JSON without credentials.
    pub async fn post_unauthenticated(&self, path: &str, body: &Value) -> Result<ApiAnswer, CallError> {
        self.send("POST", path, Vec::new(), body.to_string(), &Proof::None).await
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        mut headers: Vec<(&'static str, String)>,
        body: String,
        proof: &Proof,
    ) -> Result<ApiAnswer, CallError> {
        headers.extend(self.host.clone().map(|host| ("host", host)));
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let url = format!("{}{path}", self.base);
        self.caller.send(&ApiRequest { method, url, headers, body, proof }).await
    }
}

/// Sixteen random letters. No digits: sixteen of those may look like a card number.
pub fn nonce() -> String {
    let mut bytes = [0; 16];
    // Without randomness, the current time must do; a nonce need not be secret.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
    }
    bytes.iter().map(|byte| char::from(b'a' + byte % 16)).collect()
}

/// An answer in brief: status and message, which never repeat what was sent.
pub fn brief(answer: &ApiAnswer) -> String {
    let body = answer.json();
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let words = [text("code"), text("message")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if words.is_empty() { answer.status.to_string() } else { format!("{} ({words})", answer.status) }
}
