//! Names: `<resource-type>[-<role>]-<suffix>` (docs/requirements.md, R2), and the limits that AWS sets them.
//!
//! Only this module builds or recognizes names, so that two stacks with different suffixes cannot meet (docs/requirements.md, R9) and a suffix
//! that would break one of AWS's limits is rejected before the first call.

mod kind;
mod suffix;

pub use kind::Kind;
pub use suffix::{Suffix, SuffixError};

use crate::REGION;

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

    /// The suffix.
    pub const fn suffix(&self) -> &Suffix {
        &self.suffix
    }

    /// The account id.
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

    /// Whether a name has the form of this stack's names of one kind.
    ///
    /// So do some names of a stack whose suffix ends with a hyphen and this stack's: `sqs-eu-prod` may be the queue `eu`
    /// of `prod` or the only one of `eu-prod`. Only ownership tags decide; names choose which objects to ask for them.
    pub fn is_ours(&self, kind: Kind, name: &str) -> bool {
        name == self.only(kind) || self.role_of(kind, name).is_some()
    }

    /// The role in a name of this stack's form, as [`Names::of`] builds it.
    pub fn role_of<'a>(&self, kind: Kind, name: &'a str) -> Option<&'a str> {
        let role = name.strip_prefix(kind.prefix())?.strip_prefix('-')?.strip_suffix(&self.ending(kind))?;
        Some(role).filter(|role| !role.is_empty())
    }

    fn join(&self, kind: Kind, base: &str) -> String {
        format!("{base}{}", self.ending(kind))
    }

    fn ending(&self, kind: Kind) -> String {
        if kind.global() { format!("-{}-{}", self.account, self.suffix) } else { format!("-{}", self.suffix) }
    }

    /// Names a parameter: `/payments/prod/database/writer-endpoint`.
    pub fn parameter(&self, path: &str) -> String {
        format!("{}{path}", self.parameter_root())
    }

    /// The path of all parameters: `/payments/prod/`.
    pub fn parameter_root(&self) -> String {
        parameter_root(self.suffix.as_str())
    }

    /// The path of all roles: `/payinfra/prod/`.
    pub fn role_path(&self) -> String {
        format!("/payinfra/{}/", self.suffix)
    }

    /// The alias of the key: `alias/kms-prod`.
    pub fn key_alias(&self) -> String {
        format!("alias/{}", self.only(Kind::Key))
    }

    /// The log group that Lambda writes a function's log to.
    pub fn function_log_group(&self, function: &str) -> String {
        format!("/aws/lambda/{}", self.of(Kind::Function, function))
    }

    /// The log group that RDS exports the cluster's PostgreSQL log to.
    pub fn database_log_group(&self) -> String {
        format!("/aws/rds/cluster/{}/postgresql", self.only(Kind::DbCluster))
    }

    /// The log group that the database proxy writes to.
    pub fn proxy_log_group(&self) -> String {
        format!("/aws/rds/proxy/{}", self.only(Kind::DbProxy))
    }

    /// A text that all of this stack's log groups have in their names: `-prod`. The execution log of API Gateway is an
    /// exception: its name contains the API's id instead.
    pub fn log_group_pattern(&self) -> String {
        format!("-{}", self.suffix)
    }

    /// Whether a log group's name has the form of one of this stack's, with the same exception.
    pub fn is_our_log_group(&self, name: &str) -> bool {
        let pattern = self.log_group_pattern();
        name.ends_with(&pattern) || name.contains(&format!("{pattern}/"))
    }

    /// The ARN of something in this account and region: `arn:aws:sqs:us-east-1:123456789012:sqs-x-prod`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{REGION}:{}:{resource}", self.account)
    }

    /// The ARN of one of this stack's roles: `arn:aws:iam::123456789012:role/payinfra/prod/role-x-prod`.
    pub fn role_arn(&self, role: &str) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.role_path(), self.of(Kind::Role, role))
    }
}

/// The path of all parameters of the stack `suffix`: `/payments/prod/`.
pub fn parameter_root(suffix: &str) -> String {
    format!("/payments/{suffix}/")
}

/// The ARN of a bucket, or of objects in it as in `archive/*`.
pub fn bucket_arn(name: &str) -> String {
    format!("arn:aws:s3:::{name}")
}

#[cfg(test)]
mod tests;
