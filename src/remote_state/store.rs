//! The state's objects: calls are retried, and a condition that fails is examined.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use payinfra_engine::{Class, Error};
use payinfra_state::{BoxFuture, Error as StateError};
use tokio::time::{Instant, timeout};

use super::bucket::{Condition, Object, Objects};
use super::location::Location;

/// How long a call is retried before its error counts.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long one attempt may take; the objects are small.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The first and the longest step between two attempts.
const STEPS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// A call for the state that was refused or not answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {object}")]
pub struct StoreError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// The object.
    pub object: String,
    /// Why it failed.
    #[source]
    pub error: Error,
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        let StoreError { action, object, error } = error;
        let reason = error.to_string();
        match error.class {
            Class::Denied | Class::Credentials => Self::Denied { action, object, reason },
            _ => Self::Remote { action, object, reason },
        }
    }
}

/// How a conditional write ended.
#[derive(Debug)]
pub enum Put {
    /// The object was written, as this version.
    Written(String),
    /// The condition does not hold; this is what was found.
    Taken(Option<Object>),
}

/// The objects of one stack's state; clones are the same.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn Objects>,
    location: Location,
}

impl Store {
    /// Uses these objects.
    pub fn new(objects: Arc<dyn Objects>, location: Location) -> Self {
        Self { objects, location }
    }

    /// The full name of an object, for people.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// A refused call, or no answer for a minute.
    pub async fn get(&self, name: &str) -> Result<Option<Object>, StoreError> {
        let key = self.location.key(name);
        self.repeat("read", name, &|| true, || self.objects.get(&key)).await
    }

    /// Writes an object on a condition, as long as `allowed` says so before each attempt.
    ///
    /// After an earlier attempt whose answer was lost, or a request that the network delivered twice, the condition fails
    /// although the object was written: what is found decides. So `bytes` must never be the same in two runs.
    ///
    /// # Errors
    /// A refused call, or no answer for a minute or for as long as `allowed`.
    pub async fn put(
        &self,
        name: &str,
        bytes: &[u8],
        condition: Condition<'_>,
        allowed: &(dyn Fn() -> bool + Sync),
    ) -> Result<Put, StoreError> {
        let key = self.location.key(name);
        let written = self.repeat("write", name, allowed, || self.objects.put(&key, bytes, condition)).await?;
        if let Some(etag) = written {
            return Ok(Put::Written(etag));
        }
        Ok(match self.get(name).await? {
            Some(object) if object.bytes == bytes => Put::Written(object.etag),
            found => Put::Taken(found),
        })
    }

    /// Keeps a copy of a damaged object and returns a warning. The object itself keeps its place in the log until it is
    /// compacted or overwritten.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn set_aside(&self, name: &str, bytes: &[u8], error: &StateError) -> Result<String, StoreError> {
        let aside = format!("{name}.damaged-{}", Timestamp::now().as_second());
        self.put(&aside, bytes, Condition::Absent, &|| true).await?;
        Ok(format!("{error}; a copy is kept as {}, rebuilding from the cloud", self.name(&aside)))
    }

    /// Lists the names that begin with a prefix.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let whole = self.location.key("");
        let key = self.location.key(prefix);
        let keys = self.repeat("list", prefix, &|| true, || self.objects.list(&key)).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&whole)).map(ToOwned::to_owned).collect())
    }

    /// Deletes objects.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        let keys: Vec<String> = names.iter().map(|name| self.location.key(name)).collect();
        let first = names.first().map_or("", String::as_str);
        self.repeat("delete", first, &|| true, || self.objects.delete(&keys)).await
    }

    async fn repeat<'c, T>(
        &self,
        action: &'static str,
        name: &str,
        allowed: &(dyn Fn() -> bool + Sync),
        mut call: impl FnMut() -> BoxFuture<'c, Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let mut step = STEPS.0;
        loop {
            let answer = timeout(ATTEMPT, call()).await;
            let error = match answer {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => Error::new(Class::NoAnswer, "S3", format!("no answer within {} s", ATTEMPT.as_secs())),
            };
            let passes = matches!(error.class, Class::NoAnswer | Class::Transient | Class::Throttled | Class::InUse);
            if !passes || start.elapsed() >= TIMEOUT {
                return Err(StoreError { action, object: self.name(name), error });
            }
            tracing::debug!(action, name, %error, "trying again");
            tokio::time::sleep(step.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            step = (step * 2).min(STEPS.1);
            if !allowed() {
                return Err(StoreError { action, object: self.name(name), error });
            }
        }
    }
}
