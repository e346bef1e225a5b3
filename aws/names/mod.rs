//! Names: `<resource-type>[-<role>]-<suffix>` (rule R2), and the limits AWS sets them.
//!
//! One place builds every name, so that two stacks with different suffixes cannot meet (R9) and a
//! suffix that would break one of AWS's limits is refused before the first call.

use std::fmt;

/// What a name is given to; it decides the resource type in the name and the limits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A REST API. Its name is a metric dimension, so it must be unique in the region.
    Api,
    /// A key for the API.
    ApiKey,
    /// A CloudWatch alarm.
    Alarm,
    /// An S3 bucket; its name is global, so the account stands in it.
    Bucket,
    /// An ACM certificate's `Name` tag.
    Certificate,
    /// A CloudWatch dashboard.
    Dashboard,
    /// An Aurora cluster.
    DbCluster,
    /// An Aurora instance.
    DbInstance,
    /// An Aurora cluster parameter group.
    DbParameterGroup,
    /// An RDS proxy.
    DbProxy,
    /// A group of the cluster's subnets.
    DbSubnetGroup,
    /// An Elastic IP's `Name` tag.
    ElasticIp,
    /// A VPC flow log's `Name` tag.
    FlowLog,
    /// A Lambda function.
    Function,
    /// An internet gateway's `Name` tag.
    InternetGateway,
    /// A KMS key, known by its alias.
    Key,
    /// A CloudWatch log group whose name is ours to choose.
    LogGroup,
    /// A NAT gateway's `Name` tag.
    NatGateway,
    /// An inline policy of a role.
    Policy,
    /// An SQS queue.
    Queue,
    /// An IAM role.
    Role,
    /// A route table's `Name` tag.
    RouteTable,
    /// An EventBridge rule.
    Rule,
    /// A security group.
    SecurityGroup,
    /// A subnet's `Name` tag.
    Subnet,
    /// A DynamoDB table.
    Table,
    /// An SNS topic.
    Topic,
    /// A CloudTrail trail.
    Trail,
    /// An API Gateway usage plan.
    UsagePlan,
    /// A VPC's `Name` tag.
    Vpc,
    /// A VPC endpoint's `Name` tag.
    VpcEndpoint,
    /// A WAF web ACL.
    WebAcl,
}

impl Kind {
    /// Every kind of name.
    pub const ALL: [Self; 32] = [
        Self::Api,
        Self::ApiKey,
        Self::Alarm,
        Self::Bucket,
        Self::Certificate,
        Self::Dashboard,
        Self::DbCluster,
        Self::DbInstance,
        Self::DbParameterGroup,
        Self::DbProxy,
        Self::DbSubnetGroup,
        Self::ElasticIp,
        Self::FlowLog,
        Self::Function,
        Self::InternetGateway,
        Self::Key,
        Self::LogGroup,
        Self::NatGateway,
        Self::Policy,
        Self::Queue,
        Self::Role,
        Self::RouteTable,
        Self::Rule,
        Self::SecurityGroup,
        Self::Subnet,
        Self::Table,
        Self::Topic,
        Self::Trail,
        Self::UsagePlan,
        Self::Vpc,
        Self::VpcEndpoint,
        Self::WebAcl,
    ];

    /// Gives the resource type a name begins with.
    ///
    /// A security group's cannot be `sg`: EC2 refuses names that begin with `sg-`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ApiKey => "api-key",
            Self::Alarm => "alarm",
            Self::Bucket => "s3",
            Self::Certificate => "certificate",
            Self::Dashboard => "dashboard",
            Self::DbCluster | Self::DbInstance => "aurora",
            Self::DbParameterGroup => "db-parameter-group",
            Self::DbProxy => "rds-proxy",
            Self::DbSubnetGroup => "db-subnet-group",
            Self::ElasticIp => "eip",
            Self::FlowLog => "flow-log",
            Self::Function => "lambda",
            Self::InternetGateway => "internet-gateway",
            Self::Key => "kms",
            Self::LogGroup => "log-group",
            Self::NatGateway => "nat-gateway",
            Self::Policy => "policy",
            Self::Queue => "sqs",
            Self::Role => "role",
            Self::RouteTable => "route-table",
            Self::Rule => "rule",
            Self::SecurityGroup => "security-group",
            Self::Subnet => "subnet",
            Self::Table => "dynamodb",
            Self::Topic => "sns",
            Self::Trail => "trail",
            Self::UsagePlan => "usage-plan",
            Self::Vpc => "vpc",
            Self::VpcEndpoint => "vpc-endpoint",
            Self::WebAcl => "waf",
        }
    }

    /// Gives the longest name AWS takes, from the API reference of the create call.
    pub const fn longest(self) -> usize {
        match self {
            // S3 "General purpose bucket naming rules"; CreateDBCluster and CreateDBInstance.
            Self::Bucket | Self::DbCluster | Self::DbInstance => 63,
            // CreateDBProxy's model says 63, the user guide 60.
            Self::DbProxy => 60,
            // CreateRole; CreateFunction without ARN; PutRule.
            Self::Role | Self::Function | Self::Rule => 64,
            // CreateQueue.
            Self::Queue => 80,
            // CreateWebACL, CreateTrail, PutRolePolicy; API Gateway publishes no limit for its own.
            Self::WebAcl | Self::Trail | Self::Policy | Self::Api | Self::ApiKey | Self::UsagePlan => 128,
            // PutMetricAlarm, PutDashboard, CreateTable, CreateSecurityGroup, CreateDBClusterParameterGroup,
            // CreateDBSubnetGroup.
            Self::Alarm
            | Self::Dashboard
            | Self::Table
            | Self::SecurityGroup
            | Self::DbParameterGroup
            | Self::DbSubnetGroup => 255,
            // CreateAlias, `alias/` included.
            Self::Key => 256 - "alias/".len(),
            // CreateTopic; the value of a tag.
            Self::Topic
            | Self::Certificate
            | Self::ElasticIp
            | Self::FlowLog
            | Self::InternetGateway
            | Self::NatGateway
            | Self::RouteTable
            | Self::Subnet
            | Self::Vpc
            | Self::VpcEndpoint => 256,
            // CreateLogGroup.
            Self::LogGroup => 512,
        }
    }

    /// Tells whether the name must be unique over all accounts.
    pub const fn global(self) -> bool {
        matches!(self, Self::Bucket)
    }

    /// Gives how long a role may be so that the name fits with every suffix.
    pub const fn role_room(self) -> usize {
        let account = if self.global() { ACCOUNT + 1 } else { 0 };
        self.longest() - self.prefix().len() - 1 - account - 1 - Suffix::LONGEST
    }

    /// Says what AWS would not take in `name`, if anything.
    ///
    /// Names here are lower-case letters, digits and hyphens, which every kind takes; what differs is
    /// the length and where a hyphen may stand.
    pub fn objection(self, name: &str) -> Option<String> {
        if name.len() > self.longest() {
            return Some(format!("`{name}` is longer than the {} characters AWS takes", self.longest()));
        }
        // RDS identifiers, proxies and trails: no hyphen at the end, no two in a row. The others would
        // take them, but a suffix takes part in all names.
        if name.ends_with('-') || name.contains("--") {
            return Some(format!("`{name}` has a hyphen at the end or two in a row"));
        }
        // S3 "General purpose bucket naming rules": endings kept for access points and other buckets.
        if self == Self::Bucket && ["-s3alias", "--ol-s3", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end))
        {
            return Some(format!("`{name}` has an ending S3 keeps for itself"));
        }
        None
    }
}

/// The length of an account id.
const ACCOUNT: usize = 12;

/// The environment suffix: `[a-z][a-z0-9-]*`, at most 16 characters, no hyphen at the end or twice in a row.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Suffix(String);

/// Why a suffix is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("suffix `{given}`: {reason}; allowed: {}", Suffix::ALLOWED)]
pub struct SuffixError {
    given: String,
    reason: String,
}

impl Suffix {
    /// The longest suffix.
    pub const LONGEST: usize = 16;

    /// What is allowed, for messages.
    pub const ALLOWED: &str = "1 to 16 lower-case letters, digits and single hyphens, first a letter, last no hyphen";

    /// Checks a suffix against the rule and against every name it takes part in.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn parse(given: &str) -> Result<Self, SuffixError> {
        match Self::objection(given) {
            Some(reason) => Err(SuffixError { given: given.to_owned(), reason }),
            None => Ok(Self(given.to_owned())),
        }
    }

    fn objection(given: &str) -> Option<String> {
        let first = given.chars().next();
        if first.is_none() {
            return Some("it is empty".to_owned());
        }
        if let Some(odd) = given.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Some(format!("{odd:?} cannot stand in a name"));
        }
        if first.is_some_and(|c| !c.is_ascii_lowercase()) {
            return Some("it does not begin with a letter".to_owned());
        }
        if given.len() > Self::LONGEST {
            return Some(format!("it has {} characters", given.len()));
        }
        Kind::ALL.iter().find_map(|kind| kind.objection(&format!("{}-{given}", kind.prefix())))
    }

    /// Gives the suffix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Suffix {
    type Err = SuffixError;

    fn from_str(given: &str) -> Result<Self, SuffixError> {
        Self::parse(given)
    }
}

/// Builds the names of one stack.
#[derive(Clone, Debug)]
pub struct Names {
    suffix: Suffix,
    account: String,
}

impl Names {
    /// Builds names for the stack `suffix` in `account` (twelve digits).
    pub fn new(suffix: Suffix, account: impl Into<String>) -> Self {
        Self { suffix, account: account.into() }
    }

    /// Gives the suffix.
    pub const fn suffix(&self) -> &Suffix {
        &self.suffix
    }

    /// Gives the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Names the only one of its kind: `vpc-prod`.
    pub fn only(&self, kind: Kind) -> String {
        self.join(kind, kind.prefix())
    }

    /// Names one of several: `subnet-private-a-prod`, `s3-archive-123456789012-prod`.
    ///
    /// `role` is at most [`Kind::role_room`] long. Within a kind no role may be another one plus a
    /// hyphen and more: `x` and `x-y` would let the stacks `y-z` and `z` meet.
    pub fn of(&self, kind: Kind, role: &str) -> String {
        debug_assert!(role.len() <= kind.role_room(), "role `{role}` is too long for {kind:?}");
        self.join(kind, &format!("{}-{role}", kind.prefix()))
    }

    fn join(&self, kind: Kind, base: &str) -> String {
        if kind.global() {
            format!("{base}-{}-{}", self.account, self.suffix)
        } else {
            format!("{base}-{}", self.suffix)
        }
    }

    /// Names a parameter: `/payments/prod/database/writer-endpoint`.
    pub fn parameter(&self, path: &str) -> String {
        format!("{}{path}", self.parameter_root())
    }

    /// Gives the path all parameters stand under: `/payments/prod/`.
    pub fn parameter_root(&self) -> String {
        format!("/payments/{}/", self.suffix)
    }

    /// Gives the key's alias: `alias/kms-prod`.
    pub fn key_alias(&self) -> String {
        format!("alias/{}", self.only(Kind::Key))
    }

    /// Gives the log group Lambda writes to for a function's name.
    pub fn function_log_group(&self, function: &str) -> String {
        format!("/aws/lambda/{}", self.of(Kind::Function, function))
    }

    /// Gives the log group RDS exports the cluster's PostgreSQL log to.
    pub fn database_log_group(&self) -> String {
        format!("/aws/rds/cluster/{}/postgresql", self.only(Kind::DbCluster))
    }

    /// Gives the log group the database proxy writes to.
    pub fn proxy_log_group(&self) -> String {
        format!("/aws/rds/proxy/{}", self.only(Kind::DbProxy))
    }
}

#[cfg(test)]
mod tests;
