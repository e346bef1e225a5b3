//! AWS's published control-plane rates, kept on our side, so that a wave of creates is not thrown back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many calls at once, and how many more each second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    bucket: &'static str,
    burst: f64,
    per_second: f64,
}

const fn rate(bucket: &'static str, burst: f64, per_second: f64) -> Rate {
    Rate { bucket, burst, per_second }
}

/// One token bucket for each limit that a call falls under.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: Mutex<HashMap<&'static str, Arc<tokio::sync::Mutex<Bucket>>>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rates {
    /// Waits until the call keeps to every published limit that it falls under.
    ///
    /// Calls are admitted in the order in which they came. One that is dropped while it waits leaves the queue and takes
    /// nothing with it.
    pub(crate) async fn admit(&self, service: &str, operation: &str) {
        for rate in limits(service, operation) {
            let bucket = self.bucket(rate);
            // The lock is the queue: it is handed on in order.
            let mut bucket = bucket.lock().await;
            let wait = bucket.wait(rate);
            if !wait.is_zero() {
                tracing::trace!(service, operation, bucket = rate.bucket, ?wait, "keeping to the published rate");
                tokio::time::sleep(wait).await;
                bucket.refill(rate);
            }
            bucket.tokens -= 1.0;
        }
    }

    fn bucket(&self, rate: Rate) -> Arc<tokio::sync::Mutex<Bucket>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = || Arc::new(tokio::sync::Mutex::new(Bucket { tokens: rate.burst, at: Instant::now() }));
        Arc::clone(buckets.entry(rate.bucket).or_insert_with(full))
    }
}

impl Bucket {
    /// How long it takes until there is a token.
    fn wait(&mut self, rate: Rate) -> Duration {
        self.refill(rate);
        Duration::from_secs_f64(((1.0 - self.tokens) / rate.per_second).max(0.0))
    }

    fn refill(&mut self, rate: Rate) {
        let now = Instant::now();
        let refilled = self.tokens + now.duration_since(self.at).as_secs_f64() * rate.per_second;
        self.tokens = refilled.min(rate.burst);
        self.at = now;
    }
}

/// The limits of a call; none where AWS publishes none (IAM, RDS, S3), whose throttles the engine backs off from.
///
/// Sources: docs/aws-behaviour.md, "Rates" (EC2 request throttling, and the quota pages of each service).
fn limits(service: &str, operation: &str) -> impl Iterator<Item = Rate> {
    let reads = ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb));
    let (first, second) = match (service, operation) {
        ("EC2", "CreateNatGateway" | "DeleteNatGateway") => (Some(rate("ec2 nat", 10.0, 1.0)), None),
        ("EC2", "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints") => {
            (Some(rate("ec2 endpoint", 4.0, 0.3)), None)
        }
        ("EC2", "CreateTags" | "DeleteTags") => (Some(rate("ec2 tags", 100.0, 10.0)), None),
        ("EC2", _) if reads => (Some(rate("ec2 reads", 100.0, 20.0)), None),
        ("EC2", _) => (Some(rate("ec2 writes", 50.0, 5.0)), None),
        ("API Gateway", _) => {
            let own = match operation {
                "CreateRestApi" => Some(rate("apigateway CreateRestApi", 1.0, 1.0 / 3.0)),
                "CreateDeployment" => Some(rate("apigateway CreateDeployment", 1.0, 0.2)),
                "CreateResource" | "DeleteResource" => Some(rate("apigateway resources", 5.0, 5.0)),
                "GetResources" => Some(rate("apigateway GetResources", 5.0, 2.5)),
                "UpdateAccount" => Some(rate("apigateway UpdateAccount", 1.0, 0.05)),
                "UpdateUsagePlan" => Some(rate("apigateway UpdateUsagePlan", 1.0, 0.05)),
                "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName" | "DeleteRestApi" => {
                    Some(rate("apigateway slow", 1.0, 1.0 / 30.0))
                }
                _ => None,
            };
            // The narrow one first: a call that waits there holds no token of the others.
            (own, Some(rate("apigateway", 40.0, 10.0)))
        }
        ("Lambda", "GetFunction") => (Some(rate("lambda GetFunction", 100.0, 100.0)), None),
        ("Lambda", _) => (Some(rate("lambda", 15.0, 15.0)), None),
        ("CloudWatch", "PutMetricAlarm" | "DeleteAlarms") => (Some(rate("cloudwatch alarms", 3.0, 3.0)), None),
        ("CloudWatch", "DescribeAlarms") => (Some(rate("cloudwatch DescribeAlarms", 9.0, 9.0)), None),
        ("CloudWatch", _) => (Some(rate("cloudwatch", 10.0, 10.0)), None),
        ("CloudWatch Logs", "CreateLogGroup" | "DeleteLogGroup" | "DescribeLogGroups") => {
            (Some(rate("logs groups", 10.0, 10.0)), None)
        }
        ("CloudWatch Logs", _) => (Some(rate("logs settings", 5.0, 5.0)), None),
        ("KMS", "CreateKey" | "CreateAlias" | "UpdateAlias" | "CancelKeyDeletion") => {
            (Some(rate("kms writes", 5.0, 5.0)), None)
        }
        ("SNS", "TagResource" | "ListTagsForResource") => (Some(rate("sns tags", 10.0, 10.0)), None),
        ("SNS", _) => (Some(rate("sns", 30.0, 30.0)), None),
        ("SSM", "PutParameter") => (Some(rate("ssm PutParameter", 20.0, 3.0)), None),
        ("SSM", _) => (Some(rate("ssm", 40.0, 40.0)), None),
        ("Route 53", _) => (Some(rate("route53", 5.0, 5.0)), None),
        ("ACM", _) => (Some(rate("acm", 5.0, 5.0)), None),
        ("WAFV2", "AssociateWebACL" | "DisassociateWebACL") => (Some(rate("wafv2 association", 1.0, 0.5)), None),
        ("WAFV2", "GetWebACLForResource" | "ListResourcesForWebACL") => (Some(rate("wafv2 resources", 1.0, 1.0)), None),
        ("WAFV2", _) if reads => (Some(rate("wafv2 reads", 5.0, 5.0)), None),
        ("WAFV2", _) => (Some(rate("wafv2 writes", 1.0, 1.0)), None),
        ("CloudTrail", _) if reads => (Some(rate("cloudtrail reads", 10.0, 10.0)), None),
        ("CloudTrail", _) => (Some(rate("cloudtrail writes", 1.0, 1.0)), None),
        ("Service Quotas", _) => (Some(rate("servicequotas", 5.0, 5.0)), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wave_keeps_to_burst_and_refill() {
        let rates = Rates::default();
        let start = Instant::now();
        for _ in 0..8 {
            rates.admit("EC2", "CreateVpcEndpoint").await;
        }
        // Four at once, then four more at 0.3 a second.
        let took = start.elapsed().as_secs_f64();
        assert!((13.2..13.5).contains(&took), "{took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_while_it_waits_takes_no_token() {
        let rates = Rates::default();
        let start = Instant::now();
        rates.admit("API Gateway", "DeleteRestApi").await;
        for _ in 0..5 {
            let waiting = rates.admit("API Gateway", "DeleteRestApi");
            assert!(tokio::time::timeout(Duration::from_secs(1), waiting).await.is_err());
        }
        rates.admit("API Gateway", "DeleteRestApi").await;
        // One in 30 seconds, whoever else gave up meanwhile.
        let took = start.elapsed().as_secs_f64();
        assert!((30.0..30.1).contains(&took), "{took} s");
    }
}
