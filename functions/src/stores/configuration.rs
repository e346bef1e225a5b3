//! Configuration from Parameter Store, cached with a bounded age, so that a parameter changed there
//! takes effect without a deploy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use crate::rules::redaction::Secret;

/// How long an outdated configuration may still be used while Parameter Store does not answer.
const LONGEST_STALE: Duration = Duration::from_secs(600);
/// How long to leave Parameter Store alone after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Pages of ten parameters; the webhook addresses are the only ones that grow.
const MOST_PAGES: usize = 200;

/// Why there is no configuration, or not the wanted part of it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A parameter is absent.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter does not have the form its reader needs.
    #[error("the parameter {0} does not have the right form")]
    Malformed(&'static str),
    /// Parameter Store did not give the parameters.
    #[error("parameter store does not answer: {0}")]
    Unreachable(String),
}

/// The parameters of one stack, as they were at one moment.
#[derive(Debug, Default)]
pub struct Configuration {
    values: HashMap<String, String>,
    secrets: HashMap<String, Secret<String>>,
}

impl Configuration {
    /// Collects parameters by their name below the stack's path; what stands under `secrets/` is kept
    /// from sight.
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

    /// Gives a parameter if it is there and not empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Gives a parameter that must be there.
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigurationError> {
        self.optional(name).ok_or(ConfigurationError::Missing(name))
    }

    /// Gives a parameter that must be a number.
    pub fn number(&self, name: &'static str) -> Result<i64, ConfigurationError> {
        self.required(name)?.parse().map_err(|_| ConfigurationError::Malformed(name))
    }

    /// Gives a feature flag, `true` or `false`.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigurationError> {
        self.required(name)?.parse().map_err(|_| ConfigurationError::Malformed(name))
    }

    /// Gives a SecureString.
    pub fn secret(&self, name: &'static str) -> Result<&Secret<String>, ConfigurationError> {
        self.secrets.get(name).ok_or(ConfigurationError::Missing(name))
    }
}

/// The cached way to Parameter Store.
#[derive(Debug)]
pub struct ParameterStore {
    client: aws_sdk_ssm::Client,
    path: String,
    max_age: Duration,
    decrypt: bool,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    configuration: Arc<Configuration>,
    read_at: SystemTime,
    tried_at: SystemTime,
}

impl ParameterStore {
    /// Makes the cache. Only the function that signs webhooks decrypts; the others need no right to.
    pub fn new(client: aws_sdk_ssm::Client, path: String, max_age: Duration, decrypt: bool) -> Self {
        Self { client, path, max_age, decrypt, cached: Mutex::new(None) }
    }

    /// Gives the configuration, at most `max_age` old; older only while Parameter Store does not
    /// answer, and then for ten minutes at most.
    pub async fn current(&self) -> Result<Arc<Configuration>, ConfigurationError> {
        let mut cached = self.cached.lock().await;
        // The wall clock, because a frozen environment's monotonic clock may stand still.
        let now = SystemTime::now();
        if let Some(cached) = cached.as_ref()
            && (age(now, cached.read_at) < self.max_age
                || (age(now, cached.tried_at) < PAUSE && age(now, cached.read_at) < LONGEST_STALE))
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
                Some(cached) if age(now, cached.read_at) < LONGEST_STALE => {
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
        for _ in 0..MOST_PAGES {
            let page = self
                .client
                .get_parameters_by_path()
                .path(&self.path)
                .recursive(true)
                .with_decryption(self.decrypt)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| ConfigurationError::Unreachable(crate::frame::refusal::chain(&error)))?;
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

/// A clock set back makes everything old, so that it is read again.
fn age(now: SystemTime, then: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn parameters_are_read_by_kind_and_secrets_are_not_shown() {
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
