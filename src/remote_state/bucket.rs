//! The S3 calls of the state, typed and nothing more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, RuntimeComponents};
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use payinfra_aws::{Ungated, error};
use payinfra_engine::{Class, Error};
use payinfra_state::BoxFuture;

/// The most objects that one call deletes (S3, `DeleteObjects`).
const MOST_DELETED: usize = 1000;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its version, for conditions.
    pub etag: String,
    /// How long it has been unchanged, by the server's clock; unknown if the server gave no time.
    pub age: Option<Duration>,
}

/// When an object may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Only if there is none.
    Absent,
    /// Only if it still is this version.
    Unchanged(&'a str),
}

/// Objects with conditional writes.
pub trait Objects: Send + Sync {
    /// Reads an object; nothing if there is none.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    /// Writes an object and returns its version; nothing if the condition does not hold.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, Error>>;

    /// The keys that begin with a prefix.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>>;

    /// Deletes objects; one that does not exist is not an error.
    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Error>>;
}

/// A bucket in S3. Its default encryption applies: requests name no key, so a key is chosen in one place only.
#[derive(Debug)]
pub struct Bucket {
    client: aws_sdk_s3::Client,
    name: String,
    /// The account that must own it: names of buckets are free for everybody once a bucket is gone.
    owner: String,
}

impl Bucket {
    /// Uses an existing client.
    pub fn new(client: aws_sdk_s3::Client, name: String, owner: String) -> Self {
        Self { client, name, owner }
    }

    async fn read(&self, key: &str) -> Result<Option<Object>, Error> {
        let call = StateCall::default();
        let request = self
            .client
            .get_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.owner)
            .key(key)
            .customize()
            .interceptor(call.clone());
        let found = match request.send().await.map_err(error("GetObject")) {
            Ok(found) => found,
            Err(error) if error.code.as_deref() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(error),
        };
        let etag = found.e_tag.clone().ok_or_else(|| unexplained("GetObject", "the answer names no version"))?;
        let written = found.last_modified;
        // A truncated body counts as no answer.
        let body = found.body.collect().await;
        let body = body.map_err(|error| Error::new(Class::NoAnswer, "GetObject", error.to_string()))?;
        let age = call.server_time().zip(written).map(|(now, written)| {
            Duration::from_secs(u64::try_from(now.secs().saturating_sub(written.secs())).unwrap_or(0))
        });
        Ok(Some(Object { bytes: body.to_vec(), etag, age }))
    }

    async fn write(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Option<String>, Error> {
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.owner)
            .key(key)
            .content_type("application/json");
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(etag) => request.if_match(etag),
        };
        let request = request.body(ByteStream::from(bytes.to_vec()));
        match request.customize().interceptor(StateCall::default()).send().await.map_err(error("PutObject")) {
            Ok(written) => {
                written.e_tag.map(Some).ok_or_else(|| unexplained("PutObject", "the answer names no version"))
            }
            // `If-Match` on an object that is gone answers that there is none.
            Err(error) if matches!(error.code.as_deref(), Some("PreconditionFailed" | "NoSuchKey")) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut token = None;
        loop {
            let request =
                self.client.list_objects_v2().bucket(&self.name).expected_bucket_owner(&self.owner).prefix(prefix);
            let page = request.set_continuation_token(token).send().await.map_err(error("ListObjectsV2"))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn remove(&self, keys: &[String]) -> Result<(), Error> {
        for keys in keys.chunks(MOST_DELETED) {
            let objects = keys.iter().filter_map(|key| ObjectIdentifier::builder().key(key).build().ok()).collect();
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let delete = delete.map_err(|error| Error::new(Class::Invalid, "DeleteObjects", error.to_string()))?;
            let request = self
                .client
                .delete_objects()
                .bucket(&self.name)
                .expected_bucket_owner(&self.owner)
                .delete(delete)
                .customize();
            request.interceptor(StateCall::default()).send().await.map_err(error("DeleteObjects"))?;
        }
        Ok(())
    }
}

impl Objects for Bucket {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.read(key))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, Error>> {
        Box::pin(self.write(key, bytes, condition))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        Box::pin(self.keys(prefix))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.remove(keys))
    }
}

fn unexplained(operation: &'static str, what: &str) -> Error {
    Error::new(Class::Transient, operation, what)
}

/// Lets a call for the state through a closed gate, since its condition fences it, and reads the server's clock.
#[derive(Debug, Clone, Default)]
struct StateCall(Arc<Mutex<Option<DateTime>>>);

impl StateCall {
    fn server_time(&self) -> Option<DateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for StateCall {
    fn name(&self) -> &'static str {
        "StateCall"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().add_extension(Ungated);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
