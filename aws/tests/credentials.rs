//! Credentials that expire during a run: renewed in time, or a clean end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::ErrorMetadata;
use payinfra_engine::{Class, Error};

use payinfra_aws::replay::Replay;
use payinfra_aws::{Clients, error};

const NONE: &str = "<DescribeSecurityGroupsResponse><securityGroupInfo/></DescribeSecurityGroupsResponse>";

/// A session like that of AWS SSO: each key is good for seconds, and there are only so many.
#[derive(Debug)]
struct Session {
    keys: usize,
    given: Arc<AtomicUsize>,
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        if number > self.keys {
            return future::ProvideCredentials::ready(Err(CredentialsError::provider_error("the session has ended")));
        }
        // Shorter than the time before its end at which the SDK renews a key.
        let end = SystemTime::now() + Duration::from_secs(3);
        let key = Credentials::new(format!("key-{number}"), "secret", Some("token".to_owned()), Some(end), "session");
        future::ProvideCredentials::ready(Ok(key))
    }
}

async fn list(clients: &Clients) -> Result<usize, Error> {
    let answer = clients.ec2.describe_security_groups().send().await.map_err(error("DescribeSecurityGroups"))?;
    Ok(answer.security_groups().len())
}

#[tokio::test]
async fn a_key_near_its_end_is_renewed_before_the_next_call() {
    let session = Session { keys: 3, given: Arc::default() };
    let (clients, replay) = Replay::signed_with(SharedCredentialsProvider::new(session), [(200, NONE); 3]);
    for _ in 0..3 {
        assert_eq!(list(&clients).await, Ok(0));
    }
    let keys: Vec<String> = replay.sent().into_iter().map(|sent| sent.key).collect();
    assert_eq!(keys, ["key-1", "key-2", "key-3"]);
}

#[tokio::test]
async fn an_expired_session_is_distinguished_from_a_failing_network() {
    let session = Session { keys: 1, given: Arc::default() };
    let (clients, replay) = Replay::signed_with(SharedCredentialsProvider::new(session), [(200, NONE); 2]);
    assert_eq!(list(&clients).await, Ok(0));
    let ended = list(&clients).await.expect_err("there is no second key");
    assert_eq!(ended.class, Class::Credentials);
    assert!(ended.message.contains("the session has ended"), "{}", ended.message);
    assert_eq!(replay.sent().len(), 1, "nothing is sent without a key");
}

/// Fails as `failure` says, then gives out a key.
#[derive(Debug)]
struct Flaky {
    failure: fn() -> CredentialsError,
    asked: AtomicUsize,
}

impl ProvideCredentials for Flaky {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let first = self.asked.fetch_add(1, Ordering::SeqCst) == 0;
        let key = || Credentials::new("key", "secret", None, None, "flaky");
        future::ProvideCredentials::ready(if first { Err((self.failure)()) } else { Ok(key()) })
    }
}

/// The answer of a credential service, as the SDK wraps it.
fn answered(code: Option<&str>) -> CredentialsError {
    let mut answer = ErrorMetadata::builder().message("made up");
    if let Some(code) = code {
        answer = answer.code(code);
    }
    CredentialsError::provider_error(answer.build())
}

#[tokio::test]
async fn only_a_refusal_of_credentials_ends_a_run() {
    let cases: [(fn() -> CredentialsError, Class); 8] = [
        (|| CredentialsError::provider_error(ConnectorError::io("connection reset".into())), Class::NoAnswer),
        (|| CredentialsError::provider_timed_out(Duration::from_secs(5)), Class::NoAnswer),
        (|| answered(Some("InternalFailure")), Class::NoAnswer),
        (|| answered(Some("Throttling")), Class::NoAnswer),
        (|| answered(None), Class::NoAnswer),
        (|| answered(Some("AccessDenied")), Class::Credentials),
        (|| answered(Some("ExpiredToken")), Class::Credentials),
        (|| CredentialsError::invalid_configuration("no such profile"), Class::Credentials),
    ];
    for (number, (failure, class)) in cases.into_iter().enumerate() {
        let flaky = Flaky { failure, asked: AtomicUsize::new(0) };
        let (clients, replay) = Replay::signed_with(SharedCredentialsProvider::new(flaky), [(200, NONE)]);
        let failed = list(&clients).await.expect_err("the first attempt gets no key");
        assert_eq!(failed.class, class, "case {number}: {}", failed.message);
        assert_eq!(replay.sent().len(), 0, "case {number}: nothing is sent without a key");
        assert_eq!(list(&clients).await, Ok(0), "case {number}: the next attempt gets one");
    }
}
