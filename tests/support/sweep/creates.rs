//! What the recorded calls must say of creates whose answer was lost.

use crate::support::{Call, Fault};

/// Creates that AWS would do twice if asked twice, and the calls that show whether the first one worked.
///
/// They take no token, and their objects have no name of their own: only the ownership tags tell them apart.
pub const BY_TAGS: [(&str, &[&str]); 10] = [
    ("ec2:CreateVpc", &["DescribeVpcs"]),
    ("ec2:CreateInternetGateway", &["DescribeInternetGateways"]),
    ("ec2:AllocateAddress", &["DescribeAddresses"]),
    ("kms:CreateKey", &["ListKeys", "ListAliases", "ListResourceTags"]),
    ("apigateway:CreateRestApi", &["GetRestApis"]),
    ("apigateway:CreateDeployment", &["GetDeployments"]),
    ("apigateway:CreateStage", &["GetStages"]),
    ("apigateway:CreateRequestValidator", &["GetRequestValidators"]),
    ("apigateway:CreateApiKey", &["GetApiKeys"]),
    ("apigateway:CreateUsagePlan", &["GetUsagePlans"]),
];

/// What was seen of the repetitions.
#[derive(Debug, Default)]
pub struct Repetitions {
    /// Creates repeated with the token of the first attempt.
    pub with_token: usize,
    /// Creates by tags that were looked for and found, or looked for and repeated.
    pub looked_for: usize,
    /// Repetitions that could have made a second object.
    pub blind: Vec<String>,
}

/// Reads the recorded calls: a token is the same in every attempt, and a create by tags is looked for before it is
/// sent again.
pub fn repetitions(calls: &[Call]) -> Repetitions {
    let mut seen = Repetitions::default();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.mutating.is_some() && call.fault.is_some()) {
        let next = calls[at + 1..].iter().position(|other| is_same(call, other)).map(|place| at + 1 + place);
        if call.token.is_some() {
            match next {
                Some(next) if calls[next].token == call.token => seen.with_token += 1,
                Some(_) => seen.blind.push(format!("{} was repeated with another token", call.name())),
                None => {}
            }
        }
        let Some((_, reads)) = BY_TAGS.iter().find(|(name, _)| *name == call.name()) else { continue };
        if call.fault.is_some_and(is_refused_for_sure) {
            continue;
        }
        let until = next.unwrap_or(calls.len());
        if calls[at + 1..until].iter().any(|other| reads.contains(&other.operation.as_str())) {
            seen.looked_for += 1;
        } else {
            seen.blind.push(format!("{} was not looked for", call.name()));
        }
    }
    seen
}

/// Two attempts at the same object.
fn is_same(one: &Call, other: &Call) -> bool {
    one.name() == other.name()
        && match (one.address(), other.address()) {
            (Some(one), Some(other)) => one == other,
            _ => (&one.path, &one.body) == (&other.path, &other.body),
        }
}

/// Whether the error says that nothing was done.
fn is_refused_for_sure(fault: Fault) -> bool {
    matches!(fault, Fault::Throttle | Fault::Refuse(..))
}
