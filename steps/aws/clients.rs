//! The clients of one stack, and the choice between AWS and an emulator.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use payinfra_engine::{Class, Error, Timing};

use super::caller::Caller;
use super::gate::Gate;
use super::http::{GuardedClient, Hosts, NameCalls};
use super::{Emulator, error};
use crate::api::Gateway;
use crate::functions::Artifacts;

/// The only region (spec R1).
pub const REGION: &str = "us-east-1";

/// Whom to be and where to go.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// An endpoint for all services instead of AWS's own.
    pub endpoint_url: Option<String>,
    /// Who may stop calls that change something; open unless somebody watches it.
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

/// Everything that a resource needs to reach its service.
pub struct Aws {
    /// The environment suffix, the value of the owner mark `payinfra:stack`.
    pub stack: String,
    /// The account id.
    pub account: String,
    /// Who answers, where it is not AWS.
    pub emulator: Option<Emulator>,
    /// Whether the database leaves a last snapshot when it is deleted (`--final-snapshot`); otherwise nothing is left.
    pub final_snapshots: bool,
    /// Whether the database schema counts as gone in this run, because its cluster is being destroyed.
    pub schema_left: AtomicBool,
    /// Whether functions run and reach a database: always in AWS, on an emulator only with the sandbox's own behind it.
    pub has_database: bool,
    /// The functions' code, for whoever deploys; a spec holds only its hash.
    pub artifacts: Artifacts,
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
    /// Whoever calls the deployed API.
    pub caller: Caller,
    /// What the kinds of API Gateway share.
    pub gateway: Gateway,
}

impl Aws {
    /// Connects, asks who we are, and recognises an emulator.
    ///
    /// # Errors
    /// [`ConnectError::Region`] before any call, [`ConnectError::Identity`] where STS refuses or cannot be reached.
    pub async fn connect(connection: &Connection, stack: &str) -> Result<Self, ConnectError> {
        let endpoint = connection.emulator_endpoint();
        refuse_other_regions(connection).await?;
        let config = connection.sdk_config().await;
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(error("GetCallerIdentity"))?;
        let account = identity
            .account()
            .ok_or_else(|| Error::new(Class::Invalid, "GetCallerIdentity", "the answer names no account"))?;
        let emulator = match &endpoint {
            Some(endpoint) => Some(Emulator::recognise(endpoint).await),
            None => None,
        };
        Ok(Self::from_config(&config, stack, account, emulator))
    }

    /// Makes the clients from a ready configuration.
    pub fn from_config(config: &SdkConfig, stack: &str, account: &str, emulator: Option<Emulator>) -> Self {
        // Buckets as paths on an emulator: `bucket.127.0.0.1` is no host name.
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(emulator.is_some())
            .interceptor(NameCalls)
            .build();
        Self {
            stack: stack.to_owned(),
            account: account.to_owned(),
            emulator,
            final_snapshots: false,
            schema_left: AtomicBool::new(false),
            has_database: emulator.is_none(),
            artifacts: Artifacts::none(),
            acm: aws_sdk_acm::Client::from_conf(
                aws_sdk_acm::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            apigateway: aws_sdk_apigateway::Client::from_conf(
                aws_sdk_apigateway::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(
                aws_sdk_cloudtrail::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(
                aws_sdk_cloudwatch::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                aws_sdk_dynamodb::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            eventbridge: aws_sdk_eventbridge::Client::from_conf(
                aws_sdk_eventbridge::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            kms: aws_sdk_kms::Client::from_conf(
                aws_sdk_kms::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            lambda: aws_sdk_lambda::Client::from_conf(
                aws_sdk_lambda::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(
                aws_sdk_cloudwatchlogs::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            rds: aws_sdk_rds::Client::from_conf(
                aws_sdk_rds::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            route53: aws_sdk_route53::Client::from_conf(
                aws_sdk_route53::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(s3),
            servicequotas: aws_sdk_servicequotas::Client::from_conf(
                aws_sdk_servicequotas::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            sns: aws_sdk_sns::Client::from_conf(
                aws_sdk_sns::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            sqs: aws_sdk_sqs::Client::from_conf(
                aws_sdk_sqs::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            ssm: aws_sdk_ssm::Client::from_conf(
                aws_sdk_ssm::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            waf: aws_sdk_wafv2::Client::from_conf(
                aws_sdk_wafv2::config::Builder::from(config).interceptor(NameCalls).build(),
            ),
            caller: Caller::new(config.credentials_provider()),
            gateway: Gateway::default(),
        }
    }

    /// How patient to be: an emulator shows at once what it was told.
    pub fn timing(&self) -> Timing {
        if self.emulator.is_some() { Timing::AT_ONCE } else { Timing::AWS }
    }
}

impl Connection {
    /// The endpoint, where it is not one of AWS's own.
    pub fn emulator_endpoint(&self) -> Option<String> {
        let endpoint = self.endpoint_url.clone().or_else(|| std::env::var("AWS_ENDPOINT_URL").ok())?;
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

    /// The configuration that all clients share. The SDK does not retry: only the engine knows which calls may be
    /// repeated.
    pub async fn sdk_config(&self) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(25))
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(timeouts);
        let hosts = match self.emulator_endpoint() {
            Some(endpoint) => {
                loader = loader.endpoint_url(&endpoint).test_credentials();
                let authority = endpoint.split("://").nth(1).unwrap_or(&endpoint);
                Hosts::Only(authority.split('/').next().unwrap_or_default().to_owned())
            }
            None => {
                if let Some(profile) = &self.profile {
                    loader = loader.profile_name(profile);
                }
                Hosts::Aws
            }
        };
        loader.http_client(GuardedClient::new(hosts, self.gate.clone())).load().await
    }
}

/// An address without the name and password that may stand before its host (RFC 3986 §3.2.1).
pub fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// Refuses any region but ours before the first call, whoever names it.
async fn refuse_other_regions(connection: &Connection) -> Result<(), ConnectError> {
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Ok(region) = std::env::var(variable)
            && !region.is_empty()
            && region != REGION
        {
            return Err(ConnectError::Region { region, source_name: variable });
        }
    }
    if connection.credentials() == Credentials::Emulator {
        return Ok(());
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
