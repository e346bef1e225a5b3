//! What the configured load needs of the account (`docs/requirements.md`, F1), compared with the account's quotas.

use futures::future::join_all;
use payinfra_aws::{STACK, error, unless};
use payinfra_engine::{Class, Error, retry_read};
use payinfra_steps::Cloud;

use crate::settings::{Nat, Settings, ZONES};

/// Requests per second that Lambda answers for each unit of concurrency, however short they are.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const RATE_OF_CONCURRENCY: u64 = 10;

/// Reads of Parameter Store per second, shared by everything in the account, unless its higher throughput is on.
/// <https://docs.aws.amazon.com/general/latest/gr/ssm.html>
const PARAMETER_READS: f64 = 40.0;

/// The same with the higher throughput, which costs.
const MORE_PARAMETER_READS: f64 = 1_000.0;

/// The setting of an account and region that turns it on.
const MORE_READS_SETTING: &str = "/ssm/parameter-store/high-throughput-enabled";

/// Writes to the table of sessions for one payment, which is two requests: opened, consumed, claimed, delivered.
const WRITES_OF_PAYMENT: u64 = 4;

/// The invocations at the same time that the load needs: by duration or by Lambda's request rate, whichever is more,
/// plus the headroom.
fn concurrency(settings: &Settings) -> u64 {
    let load = &settings.capacity;
    let by_rate = u64::from(load.requests_per_second).div_ceil(RATE_OF_CONCURRENCY);
    with_headroom(settings, load.concurrency().max(by_rate))
}

fn with_headroom(settings: &Settings, need: u64) -> u64 {
    (need * (100 + u64::from(settings.capacity.headroom_percent))).div_ceil(100)
}

/// The write units per second of the table of sessions.
fn session_writes(settings: &Settings) -> u64 {
    u64::from(settings.capacity.requests_per_second) * WRITES_OF_PAYMENT / 2
}

/// The calls per second with which the functions behind the API read their parameters: one call of each environment
/// whenever its copy is too old, which is an eighth of the time sooner on average, because the age varies.
fn parameter_reads(settings: &Settings) -> u64 {
    (concurrency(settings) * 8).div_ceil(u64::from(settings.functions.config_max_age_seconds) * 7)
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
    /// What the quota limits.
    pub name: &'static str,
    /// What to do about it.
    pub remedy: String,
    /// What the stack and others in the account need.
    pub needed: u64,
    /// What the account has.
    pub available: f64,
}

/// The result of comparing the account's quotas with the need.
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

/// Reads the account's quotas and returns those that are too small. An emulator has none.
///
/// # Errors
/// A refused call that counts what is in use. A quota that cannot be read only adds a note.
pub async fn check_quotas(cloud: &Cloud, settings: &Settings) -> Result<Quotas, Error> {
    if cloud.emulator.is_some() {
        let note = "quotas are not checked: an emulator has no Service Quotas".to_owned();
        return Ok(Quotas { shortfalls: Vec::new(), notes: vec![note] });
    }
    let (addresses, vpcs) = tokio::try_join!(
        retry_read("addresses", async || other_addresses(cloud).await),
        retry_read("VPCs", async || other_vpcs(cloud).await),
    )?;
    let needs = needs(settings, addresses, vpcs);
    let values =
        join_all(needs.iter().map(|need| retry_read(need.name, async || quota(cloud, need.quota).await))).await;
    let mut quotas = Quotas::default();
    for (need, value) in needs.into_iter().zip(values) {
        match value {
            Ok(available) if (need.needed as f64) > available => {
                let Need { name, quota: (service, code), needed } = need;
                let remedy = format!("request an increase of {code} in {service}");
                quotas.shortfalls.push(Shortfall { name, remedy, needed, available });
            }
            Ok(_) => {}
            Err(error) => quotas.notes.push(format!("the quota for {} is not checked: {error}", need.name)),
        }
    }
    match parameter_shortfall(cloud, settings).await {
        Ok(shortfall) => quotas.shortfalls.extend(shortfall),
        Err(error) => quotas.notes.push(format!("the throughput of Parameter Store is not checked: {error}")),
    }
    Ok(quotas)
}

/// Compares the functions' reads with the throughput of Parameter Store, which is a setting and no quota.
async fn parameter_shortfall(cloud: &Cloud, settings: &Settings) -> Result<Option<Shortfall>, Error> {
    let request = cloud.ssm.get_service_setting().setting_id(MORE_READS_SETTING);
    let found = request.send().await.map_err(error("GetServiceSetting"))?;
    let more = found.service_setting.and_then(|setting| setting.setting_value).is_some_and(|value| value == "true");
    let available = if more { MORE_PARAMETER_READS } else { PARAMETER_READS };
    let needed = parameter_reads(settings);
    let remedy = if more {
        "raise functions.config_max_age_seconds".to_owned()
    } else {
        format!(
            "raise functions.config_max_age_seconds, or turn on the higher throughput, which costs: aws ssm \
             update-service-setting --setting-id {MORE_READS_SETTING} --setting-value true"
        )
    };
    let short = Shortfall { name: "reads of Parameter Store per second", remedy, needed, available };
    Ok((needed as f64 > available).then_some(short))
}

/// All needs; `addresses` and `vpcs` are what others in the account use. For the codes, see `docs/aws-behaviour.md`,
/// Quotas.
fn needs(settings: &Settings, addresses: u64, vpcs: u64) -> Vec<Need> {
    let need = |name, quota, needed| Need { name, quota, needed };
    vec![
        need("concurrent function runs", ("lambda", "L-B99A9384"), concurrency(settings)),
        need("API requests per second", ("apigateway", "L-8A5B8E43"), u64::from(settings.api.throttle_rate)),
        need("Elastic IP addresses", ("ec2", "L-0263D0A3"), addresses + nat_gateways(settings)),
        need("VPCs", ("vpc", "L-F678F1CE"), vpcs + 1),
        need("internet gateways", ("vpc", "L-A4707A72"), vpcs + 1),
        need("database clusters", ("rds", "L-952B80B8"), 1),
        need("database instances", ("rds", "L-7B6409FD"), u64::from(settings.database.instances)),
        need("database proxies", ("rds", "L-D94C7EA3"), u64::from(settings.database.proxy)),
        need("write units of a table per second", ("dynamodb", "L-AB614373"), session_writes(settings)),
    ]
}

/// The account's value, or the default of AWS if the account has none.
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

/// Counts the Elastic IP addresses of others.
async fn other_addresses(cloud: &Cloud) -> Result<u64, Error> {
    let found = cloud.ec2.describe_addresses().send().await.map_err(error("DescribeAddresses"))?;
    Ok(found.addresses().iter().filter(|address| !is_ours(cloud, address.tags())).count() as u64)
}

/// Counts the VPCs of others.
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
    use crate::settings::InstanceClass;

    /// Write units per second of an on-demand table, unless the quota was raised.
    const TABLE_WRITES: u64 = 40_000;

    /// Connections of one NAT gateway address to one destination.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>
    const NAT_CONNECTIONS: u64 = 55_000;

    /// The database connections that the load needs, and those that there are. Through the proxy, a request holds a
    /// connection only while it uses the database; without it, each environment holds one.
    fn connections(settings: &Settings) -> (u64, u64) {
        let class = InstanceClass::find(&settings.database.instance_class).expect("the class is known");
        let most = u64::from(class.max_connections());
        if !settings.database.proxy {
            return (concurrency(settings), most);
        }
        let load = &settings.capacity;
        let busy = u64::from(load.requests_per_second) * u64::from(load.database_duration_ms);
        let share = u64::from(settings.database.proxy_max_connections_percent);
        (with_headroom(settings, busy.div_ceil(1_000)), most * share / 100)
    }

    /// Whether the API's throttle lets the load through.
    fn throttle_is_enough(settings: &Settings) -> bool {
        let (load, api) = (&settings.capacity, &settings.api);
        load.requests_per_second <= api.throttle_rate && load.concurrency() <= u64::from(api.throttle_burst)
    }

    #[test]
    fn the_defaults_carry_ten_thousand_requests_a_second() {
        let settings = Settings::default();
        assert_eq!(settings.capacity.requests_per_second, 10_000);
        assert!(throttle_is_enough(&settings));
        // 500 by duration, 1000 by rate, 20 % more.
        assert_eq!(concurrency(&settings), 1_200);
        // 10,000 x 10 ms = 100 connections, 20 % more; 70 % of 1722.
        assert_eq!(connections(&settings), (120, 1_205));
        assert_eq!(session_writes(&settings), 20_000);
        assert!(session_writes(&settings) <= TABLE_WRITES);
        // S3 and DynamoDB have gateway endpoints, so an environment has one connection to each other service.
        let of_one_gateway = concurrency(&settings).div_ceil(nat_gateways(&settings));
        assert_eq!(of_one_gateway, 400);
        assert!(of_one_gateway <= NAT_CONNECTIONS);
    }

    #[test]
    fn slow_functions_need_more_invocations_and_without_the_proxy_each_holds_a_connection() {
        let mut settings = Settings::default();
        settings.capacity.average_duration_ms = 200;
        assert_eq!(concurrency(&settings), 2_400);
        settings.database.proxy = false;
        let (needed, available) = connections(&settings);
        assert_eq!((needed, needed <= available), (2_400, false));
    }

    #[test]
    fn a_throttle_below_the_load_is_not_enough() {
        let mut settings = Settings::default();
        settings.api.throttle_rate = 9_999;
        assert!(!throttle_is_enough(&settings));
    }

    /// With the defaults, 1,200 environments read once in 26 s on average. That they read with one call each is a test of
    /// the functions.
    #[tokio::test]
    async fn the_reads_of_parameters_are_compared_with_the_throughput_that_the_account_has() {
        let settings = Settings::default();
        assert_eq!(parameter_reads(&settings), 46);
        let setting = |value: &str| format!(r#"{{"ServiceSetting": {{"SettingValue": "{value}"}}}}"#);
        let (cloud, replay) = Cloud::replaying([(200, &setting("false")), (200, &setting("true"))]);
        let short = parameter_shortfall(&cloud, &settings).await.expect("the answer is good").expect("46 are too many");
        assert_eq!((short.needed, short.available), (46, 40.0));
        assert!(short.remedy.contains("--setting-id /ssm/parameter-store/high-throughput-enabled"), "{}", short.remedy);
        assert!(replay.sent()[0].has(r#""SettingId":"/ssm/parameter-store/high-throughput-enabled""#));
        assert_eq!(parameter_shortfall(&cloud, &settings).await.expect("the answer is good"), None);
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
