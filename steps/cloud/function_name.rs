//! Which functions there are, and what they are built for.

use serde::{Deserialize, Serialize};

/// One of the three functions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FunctionName {
    /// Checks payments and opens sessions.
    PaymentValidation,
    /// Books payments and refunds, migrates the schema, sweeps the outbox.
    TransactionProcessing,
    /// Archives events and delivers webhooks.
    Notifications,
}

impl FunctionName {
    /// The three of them.
    pub const ALL: [Self; 3] = [Self::PaymentValidation, Self::TransactionProcessing, Self::Notifications];

    /// Gives the name used in resource names and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentValidation => "payment-validation",
            Self::TransactionProcessing => "transaction-processing",
            Self::Notifications => "notifications",
        }
    }

    /// Tells whether the API calls the function and a caller waits for it.
    pub const fn behind_api(self) -> bool {
        !matches!(self, Self::Notifications)
    }
}

/// The processor the functions are built for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}
