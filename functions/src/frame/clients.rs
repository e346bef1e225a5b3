//! The settings that all AWS clients share, created once per execution environment.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::frame::environment::Environment;

/// Reads the role's credentials from the variables that Lambda sets, which stay valid for the life of the environment.
/// This avoids the default credential chain and the start-up time of its SSO and metadata clients.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
pub fn credentials() -> Credentials {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let session_token = std::env::var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty());
    Credentials::new(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        session_token,
        None,
        "lambda-environment",
    )
}

/// Creates the settings that every client is built from: one HTTP client on rustls and ring, three attempts, and
/// timeouts short enough to answer the caller before API Gateway's own timeout of 29 s.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
pub fn settings(environment: &Environment, credentials: Credentials) -> SdkConfig {
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let mut settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(environment.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(5))
                .build(),
        );
    if let Some(url) = &environment.endpoint_url {
        settings = settings.endpoint_url(url);
    }
    settings.build()
}
