//! The clients of one stack, and the choice between AWS and an emulator.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use payinfra_engine::{Class, Error};

use crate::call::NameCalls;
use crate::caller::Caller;
use crate::gate::Gate;
use crate::http::{GuardedClient, Hosts, without_user};
use crate::{Emulator, REGION, error};

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
        let config = self.sdk_config().await;
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
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
