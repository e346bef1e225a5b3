//! The three functions: what they have in common, and what each overrides.

use std::path::PathBuf;

use payinfra_steps::functions::{Architecture, FunctionName};
use serde::{Deserialize, Serialize};

/// How much a function writes to its log.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Each step of a run too.
    Debug,
    /// One line per run.
    Info,
    /// Details of what was refused or failed; only the metrics of the rest.
    Warn,
    /// Details of what failed; only the metrics of the rest.
    Error,
}

impl LogLevel {
    /// Gives the name in the environment of a function.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The three functions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Functions {
    /// The processor that the functions are built for.
    pub architecture: Architecture,
    /// The folder that contains one binary per function.
    pub artifacts: PathBuf,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Seconds until a run of a function behind the API is cut off.
    pub timeout_seconds: u32,
    /// How much the functions log.
    pub log_level: LogLevel,
    /// How long a function uses what it has read from Parameter Store, in seconds.
    pub config_max_age_seconds: u32,
    /// How many published versions are kept, including the live one.
    pub versions_kept: u32,
    /// Minutes between sweeps of the outbox.
    pub sweep_interval_minutes: u32,
    /// Days that an undeliverable event is kept in the dead-letter queue.
    pub dead_letter_retention_days: u32,
    /// What payment-validation overrides.
    #[serde(rename = "payment-validation")]
    pub payment_validation: FunctionOverride,
    /// What transaction-processing overrides.
    #[serde(rename = "transaction-processing")]
    pub transaction_processing: FunctionOverride,
    /// What notifications overrides.
    pub notifications: FunctionOverride,
}

/// What one function overrides.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FunctionOverride {
    /// Memory in MB instead of the common value.
    pub memory_mb: Option<u32>,
    /// Seconds until a run is cut off, instead of the common value.
    pub timeout_seconds: Option<u32>,
    /// Concurrent runs that are reserved for this function, which are also its maximum.
    pub reserved_concurrency: Option<u32>,
    /// How much it logs instead of the common value.
    pub log_level: Option<LogLevel>,
}

/// The settings of one function: the common values with its overrides.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSettings {
    /// Memory in MB.
    pub memory_mb: u32,
    /// Seconds until a run is cut off.
    pub timeout_seconds: u32,
    /// Concurrent runs that are reserved, which are also its maximum.
    pub reserved_concurrency: Option<u32>,
    /// How much it logs.
    pub log_level: LogLevel,
}

/// The timeout of notifications, in seconds: three attempts at a webhook of up to seven each, the pauses between them,
/// and the calls before and after. Nobody waits for it, and Lambda's next attempt comes a minute after the last.
const NOTIFICATIONS_TIMEOUT: u32 = 30;

impl Functions {
    /// Gives the settings of `function`.
    pub fn of(&self, function: FunctionName) -> FunctionSettings {
        let own = self.override_of(function);
        let timeout = if function.behind_api() { self.timeout_seconds } else { NOTIFICATIONS_TIMEOUT };
        FunctionSettings {
            memory_mb: own.memory_mb.unwrap_or(self.memory_mb),
            timeout_seconds: own.timeout_seconds.unwrap_or(timeout),
            reserved_concurrency: own.reserved_concurrency,
            log_level: own.log_level.unwrap_or(self.log_level),
        }
    }

    /// Gives the concurrent runs that are reserved in all.
    pub fn reserved_concurrency(&self) -> u64 {
        FunctionName::ALL
            .iter()
            .filter_map(|function| self.override_of(*function).reserved_concurrency)
            .map(u64::from)
            .sum()
    }

    pub(super) fn override_of(&self, function: FunctionName) -> &FunctionOverride {
        match function {
            FunctionName::PaymentValidation => &self.payment_validation,
            FunctionName::TransactionProcessing => &self.transaction_processing,
            FunctionName::Notifications => &self.notifications,
        }
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self {
            architecture: Architecture::X86_64,
            artifacts: PathBuf::from("target/function"),
            memory_mb: 256,
            timeout_seconds: 15,
            log_level: LogLevel::Info,
            config_max_age_seconds: 30,
            versions_kept: 5,
            sweep_interval_minutes: 1,
            dead_letter_retention_days: 14,
            payment_validation: FunctionOverride::default(),
            transaction_processing: FunctionOverride::default(),
            notifications: FunctionOverride::default(),
        }
    }
}
