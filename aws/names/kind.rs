//! The kinds of names: one row of a table for each.

/// What kind of object a name is for; it decides the resource type in the name and the limits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A REST API. Its name is a metric dimension, so it must be unique in the region.
    Api,
    /// A key for the API.
    ApiKey,
    /// A CloudWatch alarm.
    Alarm,
    /// An S3 bucket; its name is global, so it contains the account.
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

/// Where a name must be unique.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Scope {
    /// In one account.
    Account,
    /// Across all accounts.
    World,
}

/// The kind, the resource type that its names begin with, the longest name that AWS accepts, and where it must be
/// unique; in the order of the enum. The comment names the source of the length: the API reference of the create call,
/// unless it says otherwise.
#[rustfmt::skip]
const TABLE: [(Kind, &str, usize, Scope); 32] = [
    (Kind::Api, "api", 128, Scope::Account), // API Gateway publishes no limit
    (Kind::ApiKey, "api-key", 128, Scope::Account), // API Gateway publishes no limit
    (Kind::Alarm, "alarm", 255, Scope::Account), // PutMetricAlarm
    (Kind::Bucket, "s3", 63, Scope::World), // S3, "General purpose bucket naming rules"
    (Kind::Certificate, "certificate", 256, Scope::Account), // the value of a tag
    (Kind::Dashboard, "dashboard", 255, Scope::Account), // PutDashboard
    (Kind::DbCluster, "aurora", 63, Scope::Account), // CreateDBCluster
    (Kind::DbInstance, "aurora", 63, Scope::Account), // CreateDBInstance
    (Kind::DbParameterGroup, "db-parameter-group", 255, Scope::Account), // CreateDBClusterParameterGroup
    (Kind::DbProxy, "rds-proxy", 60, Scope::Account), // the user guide; the API model of CreateDBProxy allows 63
    (Kind::DbSubnetGroup, "db-subnet-group", 255, Scope::Account), // CreateDBSubnetGroup
    (Kind::ElasticIp, "eip", 256, Scope::Account), // the value of a tag
    (Kind::FlowLog, "flow-log", 256, Scope::Account), // the value of a tag
    (Kind::Function, "lambda", 64, Scope::Account), // CreateFunction, without the ARN
    (Kind::InternetGateway, "internet-gateway", 256, Scope::Account), // the value of a tag
    (Kind::Key, "kms", 256 - "alias/".len(), Scope::Account), // CreateAlias, including `alias/`
    (Kind::LogGroup, "log-group", 512, Scope::Account), // CreateLogGroup
    (Kind::NatGateway, "nat-gateway", 256, Scope::Account), // the value of a tag
    (Kind::Policy, "policy", 128, Scope::Account), // PutRolePolicy
    (Kind::Queue, "sqs", 80, Scope::Account), // CreateQueue
    (Kind::Role, "role", 64, Scope::Account), // CreateRole
    (Kind::RouteTable, "route-table", 256, Scope::Account), // the value of a tag
    (Kind::Rule, "rule", 64, Scope::Account), // PutRule
    (Kind::SecurityGroup, "security-group", 255, Scope::Account), // CreateSecurityGroup; no name may begin with `sg-`
    (Kind::Subnet, "subnet", 256, Scope::Account), // the value of a tag
    (Kind::Table, "dynamodb", 255, Scope::Account), // CreateTable
    (Kind::Topic, "sns", 256, Scope::Account), // CreateTopic
    (Kind::Trail, "trail", 128, Scope::Account), // CreateTrail
    (Kind::UsagePlan, "usage-plan", 128, Scope::Account), // API Gateway publishes no limit
    (Kind::Vpc, "vpc", 256, Scope::Account), // the value of a tag
    (Kind::VpcEndpoint, "vpc-endpoint", 256, Scope::Account), // the value of a tag
    (Kind::WebAcl, "waf", 128, Scope::Account), // CreateWebACL
];

/// Every kind has its row, at the place that its number names.
const _: () = {
    let mut row = 0;
    while row < TABLE.len() {
        assert!(TABLE[row].0 as usize == row);
        row += 1;
    }
};

/// The longest suffix.
pub(super) const SUFFIX: usize = 16;

/// The length of an account id.
const ACCOUNT: usize = 12;

impl Kind {
    /// Every kind of name.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Api; TABLE.len()];
        let mut row = 0;
        while row < TABLE.len() {
            all[row] = TABLE[row].0;
            row += 1;
        }
        all
    };

    const fn row(self) -> (Self, &'static str, usize, Scope) {
        TABLE[self as usize]
    }

    /// The resource type that a name begins with.
    pub const fn prefix(self) -> &'static str {
        self.row().1
    }

    /// What every name with a role begins with, for requests that filter by it: `alarm-`.
    pub fn beginning(self) -> String {
        format!("{}-", self.prefix())
    }

    /// The longest name that AWS accepts.
    pub const fn longest(self) -> usize {
        self.row().2
    }

    /// Whether the name must be unique across all accounts.
    pub const fn global(self) -> bool {
        matches!(self.row().3, Scope::World)
    }

    /// How long a role may be so that the name fits with every suffix.
    pub const fn role_room(self) -> usize {
        let account = if self.global() { ACCOUNT + 1 } else { 0 };
        self.longest() - self.prefix().len() - 1 - account - 1 - SUFFIX
    }

    /// What AWS would reject in `name`, if anything.
    ///
    /// Names here consist of lower-case letters, digits and hyphens, which every kind accepts; what differs is the
    /// length and where a hyphen may be.
    pub fn objection(self, name: &str) -> Option<String> {
        if name.len() > self.longest() {
            return Some(format!("`{name}` is longer than the {} characters AWS takes", self.longest()));
        }
        // RDS identifiers, proxies and trails: no hyphen at the end, no two in a row. The other kinds would accept
        // them, but a suffix is part of all names.
        if name.ends_with('-') || name.contains("--") {
            return Some(format!("`{name}` has a hyphen at the end or two in a row"));
        }
        // S3 "General purpose bucket naming rules": endings reserved for access points and other buckets.
        if self == Self::Bucket && ["-s3alias", "--ol-s3", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end))
        {
            return Some(format!("`{name}` has an ending S3 keeps for itself"));
        }
        None
    }
}
