//! What a function and each of its published versions are configured with.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, Environment, FunctionConfiguration, LoggingConfig, TracingConfig, TracingMode,
    VpcConfig,
};
use serde::{Deserialize, Serialize};

/// The configuration that a published version keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The processor: `x86_64` or `arm64`.
    pub architecture: String,
    /// The role that it runs as.
    pub role_arn: String,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Seconds until a run is cut off.
    pub timeout_seconds: u32,
    /// Its environment variables; never a secret.
    pub environment: BTreeMap<String, String>,
    /// The KMS key that encrypts the environment.
    pub key_arn: String,
    /// The subnets that it reaches the VPC from.
    pub subnet_ids: BTreeSet<String>,
    /// The security groups of its network interfaces.
    pub security_group_ids: BTreeSet<String>,
    /// The log group that it writes to.
    pub log_group: String,
    /// Whether X-Ray traces it: `Active` or `PassThrough`.
    pub tracing: String,
    /// The queue for events that failed in all attempts; `None` for functions whose caller waits for the answer.
    pub dead_letter_arn: Option<String>,
}

impl Configuration {
    /// Reads what Lambda shows, with its own defaults undone.
    pub(super) fn read(of: &FunctionConfiguration) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let number = |value: Option<i32>| value.unwrap_or_default().unsigned_abs();
        let set = |values: &[String]| values.iter().cloned().collect();
        let variables = of.environment().and_then(|environment| environment.variables()).cloned();
        let dead_letter_arn = of.dead_letter_config().and_then(|config| config.target_arn());
        Self {
            architecture: text(of.architectures().first().map(Architecture::as_str)),
            role_arn: text(of.role()),
            memory_mb: number(of.memory_size()),
            timeout_seconds: number(of.timeout()),
            environment: variables.unwrap_or_default().into_iter().collect(),
            key_arn: text(of.kms_key_arn()),
            subnet_ids: of.vpc_config().map(|vpc| set(vpc.subnet_ids())).unwrap_or_default(),
            security_group_ids: of.vpc_config().map(|vpc| set(vpc.security_group_ids())).unwrap_or_default(),
            log_group: text(of.logging_config().and_then(|logging| logging.log_group())),
            tracing: text(of.tracing_config().and_then(|tracing| tracing.mode()).map(TracingMode::as_str)),
            dead_letter_arn: dead_letter_arn.filter(|arn| !arn.is_empty()).map(ToOwned::to_owned),
        }
    }

    pub(super) fn memory(&self) -> i32 {
        i32::try_from(self.memory_mb).unwrap_or(i32::MAX)
    }

    pub(super) fn timeout(&self) -> i32 {
        i32::try_from(self.timeout_seconds).unwrap_or(i32::MAX)
    }

    pub(super) fn variables(&self) -> Environment {
        Environment::builder().set_variables(Some(self.environment.clone().into_iter().collect())).build()
    }

    pub(super) fn vpc(&self) -> VpcConfig {
        VpcConfig::builder()
            .set_subnet_ids(Some(self.subnet_ids.iter().cloned().collect()))
            .set_security_group_ids(Some(self.security_group_ids.iter().cloned().collect()))
            .build()
    }

    pub(super) fn logging(&self) -> LoggingConfig {
        LoggingConfig::builder().log_group(&self.log_group).build()
    }

    pub(super) fn tracing_config(&self) -> TracingConfig {
        TracingConfig::builder().mode(TracingMode::from(self.tracing.as_str())).build()
    }

    /// An empty ARN takes the queue away.
    pub(super) fn dead_letters(&self) -> DeadLetterConfig {
        DeadLetterConfig::builder().target_arn(self.dead_letter_arn.clone().unwrap_or_default()).build()
    }
}
