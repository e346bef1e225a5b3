//! One rule of a web ACL.

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types::{
    BlockAction, CountAction, ManagedRuleGroupStatement, NoneAction, OverrideAction, RateBasedStatement,
    RateBasedStatementAggregateKeyType, Rule, RuleAction, RuleActionOverride, Statement, VisibilityConfig,
};
use payinfra_engine::{Class, Error};
use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebRule {
    /// Its name, which is the name of its metric too.
    pub name: String,
    /// Its place; the lowest comes first.
    pub priority: i32,
    /// What happens to a matching request: [`BLOCK`], [`GROUP`], or another action that was set by hand.
    pub action: String,
    /// What it matches.
    pub statement: WebStatement,
}

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebStatement {
    /// What a rule group of AWS matches.
    Managed {
        /// The group.
        group: String,
        /// The rules of the group that only count, in alphabetical order; with another action that was set by hand, it
        /// follows the name.
        exceptions: Vec<String>,
    },
    /// Every request of an address above a rate.
    Rate {
        /// Requests in the window.
        limit: i64,
        /// The window, in seconds.
        window_seconds: i64,
    },
    /// Something that this stack does not use, as text.
    Other(String),
}

/// The action of a rule of our own.
pub const BLOCK: &str = "block";

/// The action of a rule that leaves it to its group.
pub const GROUP: &str = "as the group says";

/// The vendor of AWS's own rule groups.
const AWS: &str = "AWS";

impl WebRule {
    pub(super) fn to_waf(&self) -> Result<Rule, Error> {
        let rule = Rule::builder().name(&self.name).priority(self.priority).visibility_config(visible(&self.name)?);
        let rule = match &self.statement {
            WebStatement::Managed { group, exceptions } => {
                let count = RuleAction::builder().count(CountAction::builder().build()).build();
                let counts =
                    |name: &String| RuleActionOverride::builder().name(name).action_to_use(count.clone()).build();
                let overrides = exceptions.iter().map(counts).collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
                let managed = ManagedRuleGroupStatement::builder().vendor_name(AWS).name(group);
                let managed = managed.set_rule_action_overrides((!overrides.is_empty()).then_some(overrides));
                let managed = managed.build().map_err(incomplete)?;
                let none = OverrideAction::builder().none(NoneAction::builder().build()).build();
                let statement = Statement::builder().managed_rule_group_statement(managed).build();
                rule.statement(statement).override_action(none)
            }
            WebStatement::Rate { limit, window_seconds } => {
                let rate = RateBasedStatement::builder().limit(*limit).evaluation_window_sec(*window_seconds);
                let rate = rate.aggregate_key_type(RateBasedStatementAggregateKeyType::Ip).build();
                let block = RuleAction::builder().block(BlockAction::builder().build()).build();
                let statement = Statement::builder().rate_based_statement(rate.map_err(incomplete)?).build();
                rule.statement(statement).action(block)
            }
            WebStatement::Other(what) => {
                return Err(Error::new(Class::Invalid, "UpdateWebACL", format!("no rule can be made of {what}")));
            }
        };
        rule.build().map_err(incomplete)
    }
}

impl From<&Rule> for WebRule {
    fn from(rule: &Rule) -> Self {
        let seen = rule.visibility_config().is_some_and(|config| config.cloud_watch_metrics_enabled());
        let action = match (rule.action(), rule.override_action()) {
            (Some(action), _) if action.block().is_some() => BLOCK.to_owned(),
            (Some(action), _) => format!("{action:?}"),
            (None, Some(action)) if action.none().is_some() => GROUP.to_owned(),
            (None, action) => format!("{action:?}"),
        };
        Self {
            name: rule.name().to_owned(),
            priority: rule.priority(),
            action: if seen { action } else { format!("{action}, without metrics") },
            statement: rule.statement().map_or(WebStatement::Other(String::new()), WebStatement::from),
        }
    }
}

impl From<&Statement> for WebStatement {
    fn from(statement: &Statement) -> Self {
        let by_address = &RateBasedStatementAggregateKeyType::Ip;
        match (statement.managed_rule_group_statement(), statement.rate_based_statement()) {
            (Some(managed), _) if managed.vendor_name() == AWS && managed.scope_down_statement().is_none() => {
                let overrides = managed.rule_action_overrides().iter().map(|rule| match rule.action_to_use() {
                    Some(action) if action.count().is_some() => rule.name().to_owned(),
                    action => format!("{}: {action:?}", rule.name()),
                });
                // The older form of the same: such rules count.
                let excluded = managed.excluded_rules().iter().map(|rule| rule.name().to_owned());
                let mut exceptions: Vec<String> = overrides.chain(excluded).collect();
                exceptions.sort_unstable();
                Self::Managed { group: managed.name().to_owned(), exceptions }
            }
            (_, Some(rate)) if rate.aggregate_key_type() == by_address && rate.scope_down_statement().is_none() => {
                // Five minutes is what AWS takes for a window that is left out.
                let window_seconds = if rate.evaluation_window_sec() == 0 { 300 } else { rate.evaluation_window_sec() };
                Self::Rate { limit: rate.limit(), window_seconds }
            }
            _ => Self::Other(format!("{statement:?}")),
        }
    }
}

/// Metrics and sampled requests, under this name.
pub(super) fn visible(metric: &str) -> Result<VisibilityConfig, Error> {
    let visibility = VisibilityConfig::builder().cloud_watch_metrics_enabled(true).sampled_requests_enabled(true);
    visibility.metric_name(metric).build().map_err(incomplete)
}

pub(super) fn incomplete(error: BuildError) -> Error {
    Error::new(Class::Invalid, "UpdateWebACL", error.to_string())
}
