//! The configuration from Parameter Store, cached for a limited time, so that a changed parameter takes effect without
//! a deployment.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::types::Parameter;
use aws_types::SdkConfig;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Mutex;

use crate::frame::causes::chain;
use crate::frame::environment::Environment;
use crate::frame::rejection::Rejection;
use crate::rules::redaction::Secret;

/// The maximum age of a configuration that is used while Parameter Store is unavailable.
const MAX_STALE_AGE: Duration = Duration::from_secs(600);
/// The minimum time between a failed read and the next one.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The time that a new environment tries to read for. API Gateway waits for 29 s at most, and the request needs time too.
const FIRST_READ: Duration = Duration::from_secs(6);
/// The pause before a new environment reads again; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The names that one call may contain.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const NAMES: usize = 10;
/// The maximum number of pages of a folder, each of ten parameters.
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
    /// Parameter Store refused the call because there are too many.
    #[error("cannot read Parameter Store: {0}")]
    Throttled(String),
}

impl ConfigurationError {
    fn of<E: ProvideErrorMetadata + Error + 'static>(error: SdkError<E>) -> Self {
        let text = chain(&error);
        match error.code() {
            Some("ThrottlingException") => Self::Throttled(text),
            _ => Self::Unreachable(text),
        }
    }
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

/// What a function reads of its stack's parameters, relative to the stack's path.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names. Up to ten are one call, and those that do not exist are left out.
    pub names: Vec<&'static str>,
    /// A folder that is read as a whole, because its names are not known before.
    pub folder: Option<&'static str>,
}

/// A cached client of Parameter Store.
#[derive(Debug)]
pub struct ParameterStore {
    client: aws_sdk_ssm::Client,
    path: String,
    max_age: Duration,
    wanted: Wanted,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    configuration: Arc<Configuration>,
    max_age: Duration,
    read_at: SystemTime,
    tried_at: SystemTime,
}

impl ParameterStore {
    /// Creates the client for a function's parameters.
    pub fn new(settings: &SdkConfig, environment: &Environment, wanted: Wanted) -> Self {
        Self {
            client: aws_sdk_ssm::Client::new(settings),
            path: environment.parameter_path.clone(),
            max_age: environment.configuration_max_age,
            wanted,
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
            && (age(now, cached.read_at) < cached.max_age
                || (age(now, cached.tried_at) < RETRY_INTERVAL && age(now, cached.read_at) < MAX_STALE_AGE))
        {
            return Ok(Arc::clone(&cached.configuration));
        }
        let read = if cached.is_some() { self.read().await } else { self.first_read().await };
        match read {
            Ok(configuration) => {
                let configuration = Arc::new(configuration);
                let max_age = varied(self.max_age);
                let new = Cached { configuration: Arc::clone(&configuration), max_age, read_at: now, tried_at: now };
                *cached = Some(new);
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

    /// Reads in a new environment, which has no older copy to fall back on. When many start at once, Parameter Store
    /// refuses some of them for a moment.
    async fn first_read(&self) -> Result<Configuration, ConfigurationError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.read().await {
                Err(ConfigurationError::Throttled(_)) if began.elapsed() + pause < FIRST_READ => {
                    tokio::time::sleep(varied(pause)).await;
                    pause *= 2;
                }
                read => return read,
            }
        }
    }

    async fn read(&self) -> Result<Configuration, ConfigurationError> {
        let mut parameters = Vec::new();
        for names in self.wanted.names.chunks(NAMES) {
            let names = names.iter().map(|name| format!("{}/{name}", self.path)).collect();
            // What is no SecureString is returned as it is.
            let request = self.client.get_parameters().set_names(Some(names)).with_decryption(true);
            let found = request.send().await.map_err(ConfigurationError::of)?;
            parameters.extend(found.parameters.unwrap_or_default());
        }
        if let Some(folder) = self.wanted.folder {
            parameters.extend(self.folder(folder).await?);
        }
        Ok(Configuration::from_parameters(parameters.into_iter().filter_map(|parameter| {
            let name = parameter.name?;
            Some((name.strip_prefix(&self.path)?.trim_start_matches('/').to_owned(), parameter.value?))
        })))
    }

    async fn folder(&self, folder: &str) -> Result<Vec<Parameter>, ConfigurationError> {
        let mut parameters = Vec::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let request = self.client.get_parameters_by_path().path(format!("{}/{folder}", self.path));
            let page = request.set_next_token(next).send().await.map_err(ConfigurationError::of)?;
            parameters.extend(page.parameters.unwrap_or_default());
            next = page.next_token;
            if next.is_none() {
                return Ok(parameters);
            }
        }
        Err(ConfigurationError::Unreachable(format!("more than 2000 parameters in {folder}")))
    }
}

/// Shortens a time by up to a quarter, at random, so that environments that started together do not stay together.
fn varied(time: Duration) -> Duration {
    let mut random = [0_u8];
    // Without randomness the time is as long as it may be.
    let _ = SystemRandom::new().fill(&mut random);
    time - time * u32::from(random[0]) / 1024
}

/// Returns the time between two moments. If the clock was set back, the result is the maximum, which forces a new read.
fn age(now: SystemTime, then: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use aws_credential_types::Credentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::frame::clients;

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

    /// Serves as Parameter Store: refuses the first calls because there are too many, and then answers.
    async fn parameter_store(refusals: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for call in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 16_384];
                // The calls are small, so that one read gets the names of one call.
                while !String::from_utf8_lossy(&request).contains("WithDecryption") {
                    assert!(stream.read(&mut request).await.unwrap() > 0);
                }
                let (status, body) = if call < refusals {
                    ("400 Bad Request", r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#)
                } else {
                    (
                        "200 OK",
                        r#"{"Parameters": [{"Name": "/p/features/a", "Value": "true"}], "InvalidParameters": []}"#,
                    )
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    fn store(url: &str) -> ParameterStore {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let environment = Environment {
            parameter_path: "/p".to_owned(),
            endpoint_url: Some(url.to_owned()),
            configuration_max_age: Duration::ZERO,
            ..Environment::read()
        };
        let settings = clients::settings(&environment, credentials);
        ParameterStore::new(&settings, &environment, Wanted { names: vec!["features/a"], folder: None })
    }

    #[tokio::test]
    async fn a_new_environment_waits_out_a_throttle() {
        // More than the client itself repeats.
        let store = store(&parameter_store(7).await);
        assert!(store.current().await.unwrap().flag("features/a").unwrap());
    }

    #[test]
    fn an_age_varies_and_is_never_longer() {
        let ages: Vec<Duration> = (0..100).map(|_| varied(Duration::from_secs(30))).collect();
        assert!(
            ages.iter().all(|age| (Duration::from_millis(22_500)..=Duration::from_secs(30)).contains(age)),
            "{ages:?}"
        );
        assert!(ages.iter().any(|age| *age != ages[0]), "{ages:?}");
    }
}
