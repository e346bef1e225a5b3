//! Why the sandbox failed, with a hint.

/// What went wrong in the sandbox, and what the user can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SandboxError {
    what: String,
    hint: String,
}

impl SandboxError {
    /// Both texts are lower-case fragments.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// What to do, shown after `Hint:`.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
