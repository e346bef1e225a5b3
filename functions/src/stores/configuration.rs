//! The configuration from Parameter Store, cached for a limited time, so that a changed parameter takes effect without
//! a deployment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_types::SdkConfig;
use tokio::sync::Mutex;

use crate::frame::causes::chain;
use crate::frame::environment::Environment;
use crate::frame::rejection::Rejection;
use crate::rules::redaction::Secret;

/// The maximum age of a configuration that is used while Parameter Store is unavailable.
const MAX_STALE_AGE: Duration = Duration::from_secs(600);
/// The minimum time between a failed read and the next one.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum number of pages, each of ten parameters. Only the number of webhook URLs grows.
const MAX_PAGES: usize = 200;

/// The configuration, or a part of it, is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter cannot be parsed.
    #[error("the parameter {0} is malformed")]
    Malformed(&'static str),
    /// Parameter Store did not return the parameters.
    #[error("cannot read Parameter Store: {0}")]
    Unreachable(String),
}

impl From<ConfigurationError> for Rejection {
    fn from(error: ConfigurationError) -> Self {
        Self::unavailable("configuration_unavailable", &error)
    }
}

/// The parameters of one stack at one point in time.
#[derive(Debug, Default)]
pub struct Configuration {
    values: HashMap<String, String>,
    secrets: HashMap<String, Secret<String>>,
}

impl Configuration {
    /// Collects parameters, named relative to the stack's path. Those under `secrets/` are kept as secrets.
    pub fn from_parameters(parameters: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut configuration = Self::default();
        for (name, value) in parameters {
            if name.starts_with("secrets/") {
                configuration.secrets.insert(name, Secret::new(value));
            } else {
                configuration.values.insert(name, value);
            }
        }
        configuration
    }

    /// Returns a parameter, unless it is missing or empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns a required parameter.
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigurationError> {
        self.optional(name).ok_or(ConfigurationError::Missing(name))
    }

    /// Returns a required number.
    pub fn number(&self, name: &'static str) -> Result<i64, ConfigurationError> {
        self.required(name)?.parse().map_err(|_| ConfigurationError::Malformed(name))
    }

    /// Returns a required feature flag, `true` or `false`.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigurationError> {
        self.required(name)?.parse().map_err(|_| ConfigurationError::Malformed(name))
    }

    /// Returns a required SecureString.
    pub fn secret(&self, name: &'static str) -> Result<&Secret<String>, ConfigurationError> {
        self.secrets.get(name).ok_or(ConfigurationError::Missing(name))
    }
}

/// Whether SecureStrings are decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are decrypted, which needs the permission to use their key.
    Decrypted,
    /// They stay encrypted.
    Encrypted,
}

/// A cached client of Parameter Store.
#[derive(Debug)]
pub struct ParameterStore {
    client: aws_sdk_ssm::Client,
    path: String,
    max_age: Duration,
    secrets: Secrets,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    configuration: Arc<Configuration>,
    read_at: SystemTime,
    tried_at: SystemTime,
}

impl ParameterStore {
    /// Creates the client for a function's parameters.
    pub fn new(settings: &SdkConfig, environment: &Environment, secrets: Secrets) -> Self {
        Self {
            client: aws_sdk_ssm::Client::new(settings),
            path: environment.parameter_path.clone(),
            max_age: environment.configuration_max_age,
            secrets,
            cached: Mutex::new(None),
        }
    }

    /// Returns the configuration. It is at most as old as the environment allows, or ten minutes while Parameter Store
    /// is unavailable.
    pub async fn current(&self) -> Result<Arc<Configuration>, ConfigurationError> {
        let mut cached = self.cached.lock().await;
        // The wall clock, because the monotonic clock may stop while the environment is frozen.
        let now = SystemTime::now();
        if let Some(cached) = cached.as_ref()
            && (age(now, cached.read_at) < self.max_age
                || (age(now, cached.tried_at) < RETRY_INTERVAL && age(now, cached.read_at) < MAX_STALE_AGE))
        {
            return Ok(Arc::clone(&cached.configuration));
        }
        match self.read().await {
            Ok(configuration) => {
                let configuration = Arc::new(configuration);
                *cached = Some(Cached { configuration: Arc::clone(&configuration), read_at: now, tried_at: now });
                Ok(configuration)
            }
            Err(error) => match cached.as_mut() {
                Some(cached) if age(now, cached.read_at) < MAX_STALE_AGE => {
                    cached.tried_at = now;
                    Ok(Arc::clone(&cached.configuration))
                }
                _ => Err(error),
            },
        }
    }

    async fn read(&self) -> Result<Configuration, ConfigurationError> {
        let mut parameters = Vec::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let page = self
                .client
                .get_parameters_by_path()
                .path(&self.path)
                .recursive(true)
                .with_decryption(self.secrets == Secrets::Decrypted)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| ConfigurationError::Unreachable(chain(&error)))?;
            for parameter in page.parameters() {
                if let (Some(name), Some(value)) = (parameter.name(), parameter.value())
                    && let Some(name) = name.strip_prefix(&self.path)
                {
                    parameters.push((name.trim_start_matches('/').to_owned(), value.to_owned()));
                }
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(Configuration::from_parameters(parameters));
            }
        }
        Err(ConfigurationError::Unreachable("more than 2000 parameters".to_owned()))
    }
}

/// Returns the time between two moments. If the clock was set back, the result is the maximum, which forces a new read.
fn age(now: SystemTime, then: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn parameters_are_parsed_and_secrets_are_not_shown() {
        let pairs = [("features/refunds-enabled", "true"), ("limits/x", "12"), ("secrets/key", "hush"), ("empty", "")];
        let configuration = Configuration::from_parameters(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(configuration.flag("features/refunds-enabled").unwrap());
        assert_eq!(configuration.number("limits/x").unwrap(), 12);
        assert!(matches!(configuration.flag("limits/x"), Err(ConfigurationError::Malformed(_))));
        assert!(matches!(configuration.required("empty"), Err(ConfigurationError::Missing(_))));
        assert!(!format!("{configuration:?}").contains("hush"));
        assert_eq!(configuration.secret("secrets/key").unwrap().expose(), "hush");
    }
}
