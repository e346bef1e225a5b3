//! The clients of one stack, and the choice between AWS and an emulator.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;
use payinfra_engine::{Class, Error};

use crate::call::NameCalls;
use crate::caller::Caller;
use crate::gate::Gate;
use crate::http::{GuardedClient, Hosts, without_user};
use crate::pacing::PacedIdentities;
use crate::{Emulator, REGION, error};

/// How long the credential chain may take with its retries: three attempts of 25 s each, and the pauses between them.
const CREDENTIALS: Duration = Duration::from_secs(90);

/// Whom to be and where to go.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// An endpoint for all services instead of AWS's own.
    pub endpoint_url: Option<String>,
    /// Stops calls that change something; open unless a lease is attached.
    pub gate: Gate,
}

/// Which credentials a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// Those of the standard chain.
    Chain,
    /// The fixed test credentials of an emulator; the chain is not even asked.
    Emulator,
}

/// Why no connection could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Another region is configured.
    #[error("{source_name} says region {region}; payinfra deploys to {REGION} only")]
    Region {
        /// The region found.
        region: String,
        /// Where it was found.
        source_name: &'static str,
    },
    /// The account could not be asked for.
    #[error(transparent)]
    Identity(#[from] Error),
}

/// The clients of one connection, one for each service.
#[derive(Debug, Clone)]
pub struct Clients {
    /// AWS Certificate Manager.
    pub acm: aws_sdk_acm::Client,
    /// API Gateway.
    pub apigateway: aws_sdk_apigateway::Client,
    /// CloudTrail.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// EC2, which includes the network.
    pub ec2: aws_sdk_ec2::Client,
    /// EventBridge.
    pub eventbridge: aws_sdk_eventbridge::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// RDS, which includes Aurora and its proxies.
    pub rds: aws_sdk_rds::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Service Quotas.
    pub servicequotas: aws_sdk_servicequotas::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Systems Manager, for its Parameter Store.
    pub ssm: aws_sdk_ssm::Client,
    /// WAF.
    pub waf: aws_sdk_wafv2::Client,
    /// Requests to the deployed API.
    pub caller: Caller,
}

/// A connection that AWS, or an emulator in its place, has answered.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The clients.
    pub clients: Clients,
    /// The account id.
    pub account: String,
    /// Who answers, where it is not AWS.
    pub emulator: Option<Emulator>,
}

/// Makes one service's client; the services' configurations share no trait, so a function cannot.
macro_rules! client {
    ($service:ident, $config:expr) => {
        $service::Client::from_conf($service::config::Builder::from($config).interceptor(NameCalls).build())
    };
}

impl Clients {
    /// Makes the clients from a ready configuration.
    ///
    /// `path_style` addresses buckets as paths, for an emulator: `bucket.127.0.0.1` is no host name.
    pub fn new(config: &SdkConfig, path_style: bool) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).interceptor(NameCalls);
        Self {
            acm: client!(aws_sdk_acm, config),
            apigateway: client!(aws_sdk_apigateway, config),
            cloudtrail: client!(aws_sdk_cloudtrail, config),
            cloudwatch: client!(aws_sdk_cloudwatch, config),
            dynamodb: client!(aws_sdk_dynamodb, config),
            ec2: client!(aws_sdk_ec2, config),
            eventbridge: client!(aws_sdk_eventbridge, config),
            iam: client!(aws_sdk_iam, config),
            kms: client!(aws_sdk_kms, config),
            lambda: client!(aws_sdk_lambda, config),
            logs: client!(aws_sdk_cloudwatchlogs, config),
            rds: client!(aws_sdk_rds, config),
            route53: client!(aws_sdk_route53, config),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            servicequotas: client!(aws_sdk_servicequotas, config),
            sns: client!(aws_sdk_sns, config),
            sqs: client!(aws_sdk_sqs, config),
            ssm: client!(aws_sdk_ssm, config),
            waf: client!(aws_sdk_wafv2, config),
            caller: Caller::new(config.credentials_provider()),
        }
    }
}

impl Connection {
    /// The endpoint, where it is not one of AWS's own.
    pub fn emulator_endpoint(&self) -> Option<String> {
        let endpoint = self.endpoint_url.clone().or_else(|| std::env::var("AWS_ENDPOINT_URL").ok())?;
        if endpoint.is_empty() {
            return None;
        }
        let host = endpoint.split("://").nth(1).unwrap_or(&endpoint).split(['/', ':']).next().unwrap_or_default();
        (!host.ends_with(".amazonaws.com")).then_some(endpoint)
    }

    /// The endpoint, where it is not one of AWS's own, as it may be shown: without a user's name and password.
    pub fn shown_endpoint(&self) -> Option<String> {
        self.emulator_endpoint().map(|endpoint| without_user(&endpoint))
    }

    /// Which credentials this connection uses.
    pub fn credentials(&self) -> Credentials {
        if self.emulator_endpoint().is_some() { Credentials::Emulator } else { Credentials::Chain }
    }

    /// Connects, asks who we are, and recognises an emulator.
    ///
    /// # Errors
    /// [`ConnectError::Region`] before any call, [`ConnectError::Identity`] where STS refuses or cannot be reached.
    pub async fn connect(&self) -> Result<Connected, ConnectError> {
        refuse_other_regions(self).await?;
        refuse_login_sessions(self).await?;
        let config = self.sdk_config().await;
        // It changes nothing, so the SDK may repeat it.
        let sts = aws_sdk_sts::config::Builder::from(&config).retry_config(RetryConfig::standard()).build();
        let identity = aws_sdk_sts::Client::from_conf(sts).get_caller_identity().send().await;
        let identity = identity.map_err(error("GetCallerIdentity"))?;
        let account = identity
            .account()
            .ok_or_else(|| Error::new(Class::Invalid, "GetCallerIdentity", "the answer names no account"))?;
        let emulator = match self.emulator_endpoint() {
            Some(endpoint) => Some(Emulator::recognise(&endpoint).await),
            None => None,
        };
        let clients = Clients::new(&config, emulator.is_some());
        Ok(Connected { clients, account: account.to_owned(), emulator })
    }

    /// The configuration that all clients share. The SDK does not retry: only the engine knows which calls may be
    /// repeated. Where credentials come from STS or SSO, the SDK asks for them up to three times.
    pub async fn sdk_config(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .retry_config(RetryConfig::standard())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(timeouts());
        let hosts = match self.emulator_endpoint() {
            Some(endpoint) => {
                // FIPS and dual-stack variants are AWS's; an emulator has one address.
                loader = loader.endpoint_url(&endpoint).test_credentials().use_fips(false).use_dual_stack(false);
                let authority = endpoint.split("://").nth(1).unwrap_or(&endpoint);
                Hosts::Only(authority.split('/').next().unwrap_or_default().to_owned())
            }
            None => {
                if let Some(profile) = &self.profile {
                    loader = loader.profile_name(profile);
                }
                Hosts::aws()
            }
        };
        let paced = matches!(hosts, Hosts::Aws { .. });
        let config = loader.http_client(GuardedClient::new(hosts, self.gate.clone())).load().await;
        finish(config, paced)
    }
}

/// The SDK's timeouts: only for connecting. What an attempt may take is up to [`GuardedClient`].
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .disable_read_timeout()
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build()
}

/// Takes away what must not reach the services' clients, and has their calls wait for AWS's rates where `paced`.
fn finish(config: SdkConfig, paced: bool) -> SdkConfig {
    let mut config = config.into_builder().retry_config(RetryConfig::disabled());
    if paced {
        let cache = IdentityCache::lazy().load_timeout(CREDENTIALS).build();
        config = config.identity_cache(PacedIdentities::new(cache));
    }
    config.build()
}

/// Rejects any other region before the first call, wherever it is configured.
async fn refuse_other_regions(connection: &Connection) -> Result<(), ConnectError> {
    // An emulator is in no region.
    if connection.credentials() == Credentials::Emulator {
        return Ok(());
    }
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Ok(region) = std::env::var(variable)
            && !region.is_empty()
            && region != REGION
        {
            return Err(ConnectError::Region { region, source_name: variable });
        }
    }
    let mut profile = aws_config::profile::region::Builder::default();
    if let Some(name) = &connection.profile {
        profile = profile.profile_name(name);
    }
    match profile.build().region().await {
        Some(region) if region.as_ref() != REGION => {
            Err(ConnectError::Region { region: region.to_string(), source_name: "the AWS profile" })
        }
        _ => Ok(()),
    }
}

/// Refuses a profile that `aws login` made: the pinned SDK reads it only with parts that this build leaves out, and says so
/// in words for programmers.
async fn refuse_login_sessions(connection: &Connection) -> Result<(), ConnectError> {
    let variable = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if connection.credentials() == Credentials::Emulator
        || (connection.profile.is_none() && variable("AWS_ACCESS_KEY_ID"))
    {
        return Ok(());
    }
    let (files, name) = (Default::default(), connection.profile.clone().map(Into::into));
    let Ok(profiles) = aws_config::profile::load(&Fs::real(), &Env::real(), &files, name).await else { return Ok(()) };
    if profiles.get("login_session").is_none() {
        return Ok(());
    }
    let message = format!(
        "the profile `{}` is a session of `aws login`, which payinfra cannot use; run \
         `eval \"$(aws configure export-credentials --format env)\"` first, or sign in with `aws sso login`",
        profiles.selected_profile()
    );
    Err(Error::new(Class::Credentials, "GetCallerIdentity", message).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::time::TimeSource;
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::body::SdkBody;
    use tokio::time::Instant;

    use super::*;

    /// Answers every request after a while, and notes when each arrived and when it says it was signed.
    #[derive(Debug, Clone)]
    struct Line {
        begun: Instant,
        answer_after: Duration,
        arrived: Arc<Mutex<Vec<(u64, String)>>>,
    }

    impl Line {
        fn answering_after(seconds: u64) -> Self {
            Self { begun: Instant::now(), answer_after: Duration::from_secs(seconds), arrived: Arc::default() }
        }

        /// Clients as they are made for AWS, with this instead of the network.
        fn clients(&self) -> Clients {
            let key = aws_credential_types::Credentials::new("key", "secret", None, None, "test");
            let client = GuardedClient::over(
                SharedHttpClient::new(self.clone()),
                Hosts::Aws { container: None },
                Gate::default(),
            );
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::from_static(REGION))
                .credentials_provider(SharedCredentialsProvider::new(key))
                .timeout_config(timeouts())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
                .time_source(Clock(self.begun))
                .http_client(client)
                .build();
            Clients::new(&finish(config, true), false)
        }
    }

    impl HttpClient for Line {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    impl HttpConnector for Line {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let signed = request.headers().get("x-amz-date").unwrap_or_default().to_owned();
            self.arrived.lock().unwrap().push((self.begun.elapsed().as_secs(), signed));
            let after = self.answer_after;
            HttpConnectorFuture::new(async move {
                tokio::time::sleep(after).await;
                Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}")))
            })
        }
    }

    /// The paused time of the test, from 1970 on.
    #[derive(Debug)]
    struct Clock(Instant);

    impl TimeSource for Clock {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + self.0.elapsed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_rate_before_they_are_signed_and_none_is_lost() {
        let line = Line::answering_after(0);
        let clients = line.clients();
        let delete = || clients.apigateway.delete_rest_api().rest_api_id("a").send();
        let answers = futures::future::join_all((0..12).map(|_| delete())).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let arrived = line.arrived.lock().unwrap().clone();
        let expected: Vec<u64> = (0..12).map(|number| number * 30).collect();
        assert_eq!(arrived.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected);
        // The last one waited for longer than a signature is valid, and has a fresh one.
        for (at, signed) in arrived {
            assert_eq!(signed, format!("19700101T00{:02}{:02}Z", at / 60, at % 60));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_invocation_and_an_upload_may_take_long() {
        let line = Line::answering_after(27);
        let clients = line.clients();
        assert!(clients.lambda.invoke().function_name("f").send().await.is_ok());
        assert!(clients.lambda.update_function_code().function_name("f").send().await.is_ok());
        let begun = Instant::now();
        let late = clients.kms.list_keys().send().await.map_err(error("ListKeys")).unwrap_err();
        assert_eq!((late.class, begun.elapsed().as_secs()), (Class::NoAnswer, 25));
        assert!(late.message.contains("no answer within 25 s"), "{}", late.message);
    }
}
