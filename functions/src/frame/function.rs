//! The list of the functions.

/// One of the payment functions.
///
/// A new function starts here. It also needs a module in `src` that implements [`Handler`](super::lambda::Handler), a
/// binary in `src/bin`, its IAM actions in `permissions.json`, and a pool in `tests/support/stack.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Validates payments and opens sessions.
    PaymentValidation,
    /// Books payments and refunds in the ledger.
    TransactionProcessing,
    /// Archives events and delivers webhooks.
    Notifications,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 3] = [Self::PaymentValidation, Self::TransactionProcessing, Self::Notifications];

    /// Returns the name that the binary, `permissions.json`, the API document, and health answers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentValidation => "payment-validation",
            Self::TransactionProcessing => "transaction-processing",
            Self::Notifications => "notifications",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    #[test]
    fn every_function_has_a_binary_and_declared_permissions_and_there_are_no_others() {
        let listed: BTreeSet<String> = Function::ALL.map(|function| function.name().to_owned()).into();
        let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = std::fs::read_dir(crate_root.join("src/bin")).unwrap();
        let binaries: BTreeSet<String> =
            sources.map(|source| source.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(binaries, listed);
        let permissions: BTreeMap<String, Vec<String>> =
            serde_json::from_str(include_str!("../../permissions.json")).unwrap();
        assert_eq!(permissions.into_keys().collect::<BTreeSet<_>>(), listed);
    }
}
