//! One capacity model for the whole stack (F1): what the configured load takes of each part, and what the account gives.

use futures::future::try_join_all;
use payinfra_aws::{STACK, error, unless};
use payinfra_engine::{Class, Error};

use crate::settings::{InstanceClass, Nat, Settings, ZONES};
use payinfra_steps::Cloud;

/// What the load takes of one part of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The part.
    pub part: &'static str,
    /// How the need is computed.
    pub reason: String,
    /// What is needed, headroom included where there is any.
    pub needed: u64,
    /// What the configuration gives; `None` where only the account's quota limits it.
    pub available: Option<u64>,
    /// What the limit hangs on: a setting, or a limit of AWS.
    pub limit: String,
}

impl Line {
    /// Whether the configuration gives what is needed.
    pub fn is_enough(&self) -> bool {
        self.available.is_none_or(|available| self.needed <= available)
    }
}

/// Requests a second that Lambda answers for each unit of concurrency, however short they are.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const RATE_OF_CONCURRENCY: u64 = 10;

/// Connections of one NAT gateway address to one destination.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>
const NAT_CONNECTIONS: u64 = 55_000;

/// What an on-demand table may take in write units a second, unless the quota was raised.
const TABLE_WRITES: u64 = 40_000;

/// Writes to the table of sessions for one payment, which is two requests: opened, consumed, claimed, delivered.
const WRITES_OF_PAYMENT: u64 = 4;

/// Runs at once that the load needs: by duration or by Lambda's rate rule, whichever is more, and the headroom.
pub fn concurrency(settings: &Settings) -> u64 {
    let load = &settings.capacity;
    let by_rate = u64::from(load.requests_per_second).div_ceil(RATE_OF_CONCURRENCY);
    with_headroom(settings, load.concurrency().max(by_rate))
}

fn with_headroom(settings: &Settings, need: u64) -> u64 {
    (need * (100 + u64::from(settings.capacity.headroom_percent))).div_ceil(100)
}

/// Computes what the configured load takes of every part.
pub fn model(settings: &Settings) -> Vec<Line> {
    let load = &settings.capacity;
    let (rate, percent) = (u64::from(load.requests_per_second), load.headroom_percent);
    let runs = concurrency(settings);
    let by_rate = rate.div_ceil(RATE_OF_CONCURRENCY);
    vec![
        Line {
            part: "API rate",
            reason: format!("{rate} requests/s"),
            needed: rate,
            available: Some(u64::from(settings.api.throttle_rate)),
            limit: "api.throttle_rate".to_owned(),
        },
        Line {
            part: "API burst",
            reason: format!("{rate} requests/s x {} ms in flight", load.average_duration_ms),
            needed: load.concurrency(),
            available: Some(u64::from(settings.api.throttle_burst)),
            limit: "api.throttle_burst".to_owned(),
        },
        Line {
            part: "function concurrency",
            reason: format!(
                "the larger of {} by duration and {by_rate} by Lambda's 10 requests/s each, and {percent} % headroom",
                load.concurrency()
            ),
            needed: runs,
            available: None,
            limit: "quota L-B99A9384 of the account".to_owned(),
        },
        connections(settings, runs),
        Line {
            part: "session writes",
            reason: format!("{rate} requests/s, {WRITES_OF_PAYMENT} writes for each payment of two requests"),
            needed: rate * WRITES_OF_PAYMENT / 2,
            available: Some(TABLE_WRITES),
            limit: format!(
                "quota L-AB614373 of a table; {} units/s at once, twice as many half an hour later \
                 (sessions.warm_throughput)",
                settings.sessions.warm_throughput.unwrap_or_default().write_units
            ),
        },
        nat(settings, runs),
    ]
}

/// Through the proxy a request holds a connection only while it uses the database; without it, each environment does.
fn connections(settings: &Settings, runs: u64) -> Line {
    let load = &settings.capacity;
    let class = InstanceClass::find(&settings.database.instance_class);
    let most = u64::from(class.map_or(0, InstanceClass::max_connections));
    let class = &settings.database.instance_class;
    if !settings.database.proxy {
        return Line {
            part: "database connections",
            reason: format!("one for each of {runs} environments"),
            needed: runs,
            available: Some(most),
            limit: format!("max_connections of {class}; database.proxy shares them"),
        };
    }
    let busy = u64::from(load.requests_per_second) * u64::from(load.database_duration_ms);
    let percent = u64::from(settings.database.proxy_max_connections_percent);
    Line {
        part: "database connections",
        reason: format!(
            "{} requests/s x {} ms in the database, and {} % headroom",
            load.requests_per_second, load.database_duration_ms, load.headroom_percent
        ),
        needed: with_headroom(settings, busy.div_ceil(1_000)),
        available: Some(most * percent / 100),
        limit: format!("{percent} % of the {most} of {class} (database.proxy_max_connections_percent)"),
    }
}

/// S3 and DynamoDB have gateway endpoints, so an environment has one connection to each other service.
fn nat(settings: &Settings, runs: u64) -> Line {
    let gateways = nat_gateways(settings);
    let zones = format!("{runs} environments, one connection each to a service, over {gateways} gateways");
    Line {
        part: "NAT ports",
        reason: if gateways == 0 { "no NAT gateway".to_owned() } else { zones },
        needed: if gateways == 0 { 0 } else { runs.div_ceil(gateways) },
        available: (gateways > 0).then_some(NAT_CONNECTIONS),
        limit: "connections of a NAT gateway to one destination".to_owned(),
    }
}

fn nat_gateways(settings: &Settings) -> u64 {
    match settings.network.nat {
        Nat::PerZone => ZONES as u64,
        Nat::Single => 1,
        Nat::None => 0,
    }
}

/// A quota of the account that is too small.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// What it limits.
    pub name: &'static str,
    /// Its service and code, for the request for more.
    pub quota: (&'static str, &'static str),
    /// What the stack and others in the account take.
    pub needed: u64,
    /// What the account has.
    pub available: f64,
}

/// What the account's quotas say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quotas {
    /// Those that are too small.
    pub shortfalls: Vec<Shortfall>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

/// What the stack needs of one quota.
struct Need {
    name: &'static str,
    quota: (&'static str, &'static str),
    needed: u64,
}

/// Reads the account's quotas and tells which are too small; an emulator has none.
///
/// # Errors
/// A refused call that counts what is in use. A quota that cannot be read is a note.
pub async fn check_quotas(cloud: &Cloud, settings: &Settings) -> Result<Quotas, Error> {
    if cloud.emulator.is_some() {
        let note = "quotas are not checked: an emulator has no Service Quotas".to_owned();
        return Ok(Quotas { shortfalls: Vec::new(), notes: vec![note] });
    }
    let (addresses, vpcs) = tokio::try_join!(other_addresses(cloud), other_vpcs(cloud))?;
    let needs = needs(settings, addresses, vpcs);
    let values =
        try_join_all(needs.iter().map(|need| async { Ok::<_, Error>(quota(cloud, need.quota).await) })).await?;
    let mut quotas = Quotas::default();
    for (need, value) in needs.into_iter().zip(values) {
        match value {
            Ok(available) if (need.needed as f64) > available => {
                let Need { name, quota, needed } = need;
                quotas.shortfalls.push(Shortfall { name, quota, needed, available });
            }
            Ok(_) => {}
            Err(error) => quotas.notes.push(format!("the quota for {} is not checked: {error}", need.name)),
        }
    }
    Ok(quotas)
}

/// All needs; `addresses` and `vpcs` are what others in the account use (fact sheet §3 for the codes).
fn needs(settings: &Settings, addresses: u64, vpcs: u64) -> Vec<Need> {
    let need = |name, quota, needed| Need { name, quota, needed };
    let writes = u64::from(settings.capacity.requests_per_second) * WRITES_OF_PAYMENT / 2;
    vec![
        need("concurrent function runs", ("lambda", "L-B99A9384"), concurrency(settings)),
        need("API requests per second", ("apigateway", "L-8A5B8E43"), u64::from(settings.api.throttle_rate)),
        need("Elastic IP addresses", ("ec2", "L-0263D0A3"), addresses + nat_gateways(settings)),
        need("VPCs", ("vpc", "L-F678F1CE"), vpcs + 1),
        need("internet gateways", ("vpc", "L-A4707A72"), vpcs + 1),
        need("database clusters", ("rds", "L-952B80B8"), 1),
        need("database instances", ("rds", "L-7B6409FD"), u64::from(settings.database.instances)),
        need("database proxies", ("rds", "L-D94C7EA3"), u64::from(settings.database.proxy)),
        need("write units of a table per second", ("dynamodb", "L-AB614373"), writes),
    ]
}

/// The account's value, or AWS's default where the account has none of its own.
async fn quota(cloud: &Cloud, (service, code): (&str, &str)) -> Result<f64, Error> {
    let request = cloud.servicequotas.get_service_quota().service_code(service).quota_code(code);
    let own = request.send().await.map_err(error("GetServiceQuota"));
    if let Some(value) = unless(Class::Absent, own)?.and_then(|found| found.quota?.value) {
        return Ok(value);
    }
    let request = cloud.servicequotas.get_aws_default_service_quota().service_code(service).quota_code(code);
    let default = request.send().await.map_err(error("GetAWSDefaultServiceQuota"))?;
    let missing = || Error::new(Class::Absent, "GetAWSDefaultServiceQuota", "the quota has no value");
    default.quota.and_then(|quota| quota.value).ok_or_else(missing)
}

/// Counts the Elastic IP addresses that are not this stack's.
async fn other_addresses(cloud: &Cloud) -> Result<u64, Error> {
    let found = cloud.ec2.describe_addresses().send().await.map_err(error("DescribeAddresses"))?;
    Ok(found.addresses().iter().filter(|address| !is_ours(cloud, address.tags())).count() as u64)
}

/// Counts the VPCs that are not this stack's.
async fn other_vpcs(cloud: &Cloud) -> Result<u64, Error> {
    let request = cloud.ec2.describe_vpcs().into_paginator().items();
    let found = request.send().collect::<Result<Vec<_>, _>>().await.map_err(error("DescribeVpcs"))?;
    Ok(found.iter().filter(|vpc| !is_ours(cloud, vpc.tags())).count() as u64)
}

fn is_ours(cloud: &Cloud, tags: &[aws_sdk_ec2::types::Tag]) -> bool {
    tags.iter().any(|tag| tag.key() == Some(STACK) && tag.value() == Some(cloud.stack()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(settings: &Settings, part: &str) -> Line {
        model(settings).into_iter().find(|line| line.part == part).expect("the part is in the model")
    }

    #[test]
    fn the_defaults_carry_ten_thousand_requests_a_second() {
        let settings = Settings::default();
        assert!(model(&settings).iter().all(Line::is_enough), "{:#?}", model(&settings));
        // 500 by duration, 1000 by rate, 20 % more.
        assert_eq!(line(&settings, "function concurrency").needed, 1_200);
        // 10,000 x 10 ms = 100 connections, 20 % more; 70 % of 1722.
        let connections = line(&settings, "database connections");
        assert_eq!((connections.needed, connections.available), (120, Some(1_205)));
        assert_eq!(line(&settings, "session writes").needed, 20_000);
        assert_eq!(line(&settings, "NAT ports").needed, 400);
    }

    #[test]
    fn slow_functions_need_more_runs_and_without_the_proxy_each_holds_a_connection() {
        let mut settings = Settings::default();
        settings.capacity.average_duration_ms = 200;
        assert_eq!(concurrency(&settings), 2_400);
        settings.database.proxy = false;
        let connections = line(&settings, "database connections");
        assert_eq!((connections.needed, connections.is_enough()), (2_400, false));
    }

    #[test]
    fn a_throttle_below_the_load_is_not_enough() {
        let mut settings = Settings::default();
        settings.api.throttle_rate = 9_999;
        assert!(!line(&settings, "API rate").is_enough());
    }

    #[tokio::test]
    async fn a_quota_is_the_accounts_own_or_the_default() {
        let absent = r#"{"__type": "NoSuchResourceException"}"#;
        let default = r#"{"Quota": {"Value": 1000.0}}"#;
        let (cloud, replay) = Cloud::replaying([(400, absent), (200, default)]);
        assert_eq!(quota(&cloud, ("lambda", "L-B99A9384")).await.expect("the default is there"), 1_000.0);
        assert!(replay.sent()[1].has("GetAWSDefaultServiceQuota"));
    }
}
