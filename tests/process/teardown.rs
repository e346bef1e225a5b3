//! The stack with all that is off by default, its life, and the order in which it goes: no emulator insists on that
//! order, so it is read from the recorded calls.

use crate::support::inventory::{duplicates, inventory, script};
use crate::support::{Call, Emulator, Kind, Payinfra, Proxy, artifacts, summary};
use serde_json::Value;

/// One trap of a teardown: all calls of the first operation are answered before the first call of the second is made.
/// A text in brackets narrows the calls down to those that hold it in path or body; an address in braces stands for the
/// object's id.
const ORDER: [(&str, &str); 27] = [
    // The function, then its role and its log group.
    ("lambda:DeleteFunction[lambda-notifications]", "iam:DeleteRole[role-notifications]"),
    ("lambda:DeleteFunction[lambda-notifications]", "logs:DeleteLogGroup[/aws/lambda/lambda-notifications]"),
    ("lambda:DeleteFunction", "ec2:DeleteSubnet[{subnet.private_a}]"),
    ("lambda:DeleteFunction", "ec2:DeleteSecurityGroup[{security_group.functions}]"),
    // Rules that name groups before any group.
    ("ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup"),
    ("ec2:RevokeSecurityGroupEgress", "ec2:DeleteSecurityGroup"),
    // NAT, then its address and the gateway to the internet, then the VPC.
    ("ec2:DeleteNatGateway[{nat_gateway.a}]", "ec2:ReleaseAddress[{elastic_ip.a}]"),
    ("ec2:DeleteNatGateway[{nat_gateway.a}]", "ec2:DeleteSubnet[{subnet.public_a}]"),
    ("ec2:DeleteNatGateway", "ec2:DetachInternetGateway"),
    ("ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
    ("ec2:DeleteVpcEndpoints", "ec2:DeleteSubnet[{subnet.private_a}]"),
    ("ec2:DeleteVpcEndpoints", "ec2:DeleteSecurityGroup[{security_group.endpoints}]"),
    ("ec2:DeleteSubnet", "ec2:DeleteVpc"),
    ("ec2:DeleteSecurityGroup", "ec2:DeleteVpc"),
    ("ec2:DeleteInternetGateway", "ec2:DeleteVpc"),
    // Writers before what they write to.
    ("ec2:DeleteFlowLogs", "logs:DeleteLogGroup[flow-logs]"),
    ("cloudtrail:DeleteTrail", "s3:DeleteBucket"),
    ("s3:PutBucketLogging", "s3:DeleteBucket"),
    // Instances, cluster, then what the cluster used.
    ("rds:DeleteDBInstance", "rds:DeleteDBCluster"),
    ("rds:DeleteDBCluster", "rds:DeleteDBSubnetGroup"),
    ("rds:DeleteDBCluster", "rds:DeleteDBClusterParameterGroup"),
    ("rds:DeleteDBCluster", "logs:DeleteLogGroup[/aws/rds/cluster]"),
    // Mapping, domain, certificate with its record.
    ("apigateway:DeleteBasePathMapping", "apigateway:DeleteDomainName"),
    ("apigateway:DeleteDomainName", "acm:DeleteCertificate"),
    ("apigateway:DeleteBasePathMapping", "apigateway:DeleteRestApi"),
    // The key is used to the end.
    ("rds:DeleteDBCluster", "kms:ScheduleKeyDeletion"),
    ("logs:DeleteLogGroup", "kms:ScheduleKeyDeletion"),
];

#[test]
fn everything_that_is_off_by_default_lives_and_goes_in_order_on_ministack() {
    lives_and_goes(Kind::MiniStack);
}

#[test]
fn everything_that_is_off_by_default_lives_and_goes_in_order_on_moto() {
    lives_and_goes(Kind::Moto);
}

fn lives_and_goes(kind: Kind) {
    let emulator = Emulator::start(kind);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("late");
    let zone = script("zone.py", &[&emulator.endpoint(), "example.com"])[0]["id"].as_str().unwrap().to_owned();
    let artifacts = artifacts();
    payinfra.configure(&format!(
        "[network]\ninterface_endpoints = [\"kms\", \"ssm\"]\n[functions]\nartifacts = {artifacts:?}\n\
         [api]\nauth = \"api-key\"\n[api.domain]\nname = \"pay.example.com\"\nhosted_zone_id = {zone:?}\n\
         [monitoring]\nalarm_webhooks = [\"https://alarms.example.com/in\"]\n\
         [webhooks]\nmerchant = \"https://merchant.example.com/hook\"\n"
    ));
    payinfra.run(["up"]).expect(0);
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), "late")), Vec::<String>::new());
    let kinds = ["api_domain", "api_mapping", "certificate", "dns_record", "api_key", "usage_plan", "vpc_endpoint"];
    let snapshot = std::fs::read_to_string(payinfra.state().join("late/snapshot.json")).unwrap();
    for kind in kinds {
        assert!(snapshot.contains(&format!("\"{kind}.")), "there is no {kind}");
    }
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    let ids = &snapshot["state"]["records"];
    proxy.forget();
    payinfra.run(["up"]).expect(0);
    assert_eq!(proxy.mutating(), 0);
    payinfra.run(["diff"]).expect(0);

    proxy.forget();
    let destroyed = payinfra.run(["destroy", "--yes"]).expect(0);
    assert!(destroyed.out.contains("0 resources with payinfra:stack=late left"), "{}", destroyed.out);
    assert_eq!(inventory(&emulator.endpoint(), "late"), Vec::new());
    let calls = proxy.calls();
    let broken: Vec<String> = ORDER
        .iter()
        .filter_map(|(first, second)| violation(&calls, &with_id(first, ids), &with_id(second, ids)))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    demand_parameters(&calls);
    demand_functions(&calls);
    let (rules, deletions) = (ORDER.len(), calls.iter().filter(|call| call.mutating.is_some()).count());
    summary::line(
        8,
        &format!(
            "{deletions} calls of a whole teardown on {} against {rules} rules of order: 0 out of order",
            kind.name()
        ),
    );
}

/// Puts an object's id where its address stands in braces.
fn with_id(name: &str, records: &Value) -> String {
    let Some((before, (address, after))) = name.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?))) else {
        return name.to_owned();
    };
    format!("{before}{}{after}", records[address]["id"].as_str().unwrap_or_else(|| panic!("there is no {address}")))
}

/// What is wrong with the order of two operations.
fn violation(calls: &[Call], first: &str, second: &str) -> Option<String> {
    let (before, after) = (of(calls, first), of(calls, second));
    let (Some(last), Some(next)) =
        (before.iter().map(|call| ended(call)).max(), after.iter().map(|call| call.at).min())
    else {
        return Some(format!("{first} was called {} times, {second} {} times", before.len(), after.len()));
    };
    (last > next).then(|| format!("{second} at {next:?} came before the last {first} had ended at {last:?}"))
}

fn ended(call: &Call) -> std::time::Duration {
    call.at + call.took.unwrap_or_default()
}

/// The calls of an operation, named as `service:Operation` or `service:Operation[text]`.
fn of<'a>(calls: &'a [Call], name: &str) -> Vec<&'a Call> {
    let (name, text) = name.strip_suffix(']').and_then(|name| name.split_once('[')).unwrap_or((name, ""));
    let (service, operation) = name.split_once(':').unwrap();
    let holds = |call: &Call| {
        let body = String::from_utf8_lossy(&call.body).replace("%2F", "/");
        call.path.replace("%2F", "/").contains(text) || body.contains(text)
    };
    calls.iter().filter(|call| call.service == service && call.operation == operation && holds(call)).collect()
}

/// What must be said in the calls themselves.
fn demand_parameters(calls: &[Call]) {
    for (operation, text) in [
        // Neither a snapshot nor an automated backup stays.
        ("rds:DeleteDBCluster", "SkipFinalSnapshot=true"),
        ("rds:DeleteDBCluster", "DeleteAutomatedBackups=true"),
        ("kms:ScheduleKeyDeletion", "\"PendingWindowInDays\":7"),
        ("s3:PutBucketPolicy", "BeingDeleted"),
        ("lambda:UpdateFunctionConfiguration", "\"SubnetIds\":[]"),
    ] {
        let found = of(calls, operation);
        let told = found.iter().all(|call| String::from_utf8_lossy(&call.body).contains(text));
        assert!(!found.is_empty() && told, "{operation} without {text}");
    }
}

/// Each function's alias goes first, then its published versions, then it leaves the VPC, then it goes.
fn demand_functions(calls: &[Call]) {
    for function in ["payment-validation", "transaction-processing", "notifications"] {
        let named = |operation: &str| of(calls, &format!("{operation}[lambda-{function}-late]"));
        let (versions, whole): (Vec<&Call>, Vec<&Call>) =
            named("lambda:DeleteFunction").into_iter().partition(|call| call.path.contains("Qualifier="));
        let left = named("lambda:UpdateFunctionConfiguration");
        let aliases = named("lambda:DeleteAlias");
        assert!(
            !aliases.is_empty() && versions.iter().all(|version| ended(aliases[0]) <= version.at),
            "{function}: alias"
        );
        assert!(!versions.is_empty() && left.len() == 1 && whole.len() == 1, "{function}");
        assert!(versions.iter().all(|version| ended(version) <= left[0].at), "{function}: versions");
        assert!(ended(left[0]) <= whole[0].at, "{function}: out of the VPC");
    }
}
