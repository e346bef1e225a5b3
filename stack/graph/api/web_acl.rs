//! The web ACL in front of the stage (A6).

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};

use super::super::Design;
use payinfra_steps::Cloud;
use payinfra_steps::api::{BLOCK, GROUP, Stage, WebAcl, WebAclAssociation, WebRule, WebStatement};
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::security::Key;

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, stage: Handle<Stage>) {
    let log_group = {
        let design = Arc::clone(design);
        graph.add("web_acl", move |scope| {
            // WAF writes only to groups whose names begin like this.
            let name = format!("aws-waf-logs-{}", design.names.suffix());
            LogGroup {
                retention_days: design.settings.logs.retention_days,
                key_arn: scope.ready(key, |key| key.arn.clone()),
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    let web_acl = {
        let design = Arc::clone(design);
        graph.add("api", move |scope| {
            let name = design.names.only(Kind::WebAcl);
            WebAcl {
                description: "Refuses known attacks and floods before the payment API".to_owned(),
                default_action: "allow".to_owned(),
                rules: rules(i64::from(design.settings.api.waf_rate_limit)),
                log_group_arn: scope.ready(log_group, |group| group.arn.clone()),
                redacted_headers: vec!["authorization".to_owned(), "x-api-key".to_owned()],
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    graph.add("stage", move |scope| WebAclAssociation {
        stage_arn: scope.ready(stage, |stage| stage.arn.clone()),
        web_acl_arn: scope.ready(web_acl, |acl| acl.arn.clone()),
    });
}

/// The flood rule is the cheapest, so it comes first.
fn rules(rate_limit: i64) -> Vec<WebRule> {
    let managed = |name: &str, priority: i32, group: &str| WebRule {
        name: name.to_owned(),
        priority,
        action: GROUP.to_owned(),
        statement: WebStatement::Managed { group: group.to_owned(), exceptions: Vec::new() },
    };
    let rate = WebRule {
        name: "rate-per-address".to_owned(),
        priority: 0,
        action: BLOCK.to_owned(),
        statement: WebStatement::Rate { limit: rate_limit, window_seconds: 300 },
    };
    vec![
        rate,
        managed("common", 1, "AWSManagedRulesCommonRuleSet"),
        managed("known-bad-inputs", 2, "AWSManagedRulesKnownBadInputsRuleSet"),
    ]
}
