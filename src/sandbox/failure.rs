//! An error with the advice that goes with it.

/// Says what went wrong in the sandbox and what the user can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    what: String,
    hint: String,
}

impl Failure {
    /// Makes a failure; both texts are lower-case fragments.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// The advice, shown after `Hint:`.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
