//! The web ACL in front of the stage (`docs/requirements.md`, A6).

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Need};
use payinfra_steps::api::{BLOCK, GROUP, Stage, WebAcl, WebAclAssociation, WebRule, WebStatement};

use super::super::blueprint::Blueprint;

pub(super) fn add(stack: &mut Blueprint, stage: Handle<Stage>) {
    // WAF writes only to log groups whose names begin like this.
    let log_group =
        stack.log_group("web_acl", Need::Ready, |design, _| format!("aws-waf-logs-{}", design.names.suffix()));
    let web_acl = stack.add("api", move |design, scope| {
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
    });
    stack.add("stage", move |_, scope| WebAclAssociation {
        stage_arn: scope.ready(stage, |stage| stage.arn.clone()),
        web_acl_arn: scope.ready(web_acl, |acl| acl.arn.clone()),
    });
}

/// The rule of the common group that refuses bodies above 8 KB with 403. The API documents 16 KiB, and refuses larger ones
/// with 413 itself (docs/aws-behaviour.md, "WAF: web ACLs").
const LARGE_BODIES: &str = "SizeRestrictions_BODY";

/// The flood rule is the cheapest, so it comes first.
fn rules(rate_limit: i64) -> Vec<WebRule> {
    let managed = |name: &str, priority: i32, group: &str, counted: &[&str]| WebRule {
        name: name.to_owned(),
        priority,
        action: GROUP.to_owned(),
        statement: WebStatement::Managed {
            group: group.to_owned(),
            exceptions: counted.iter().map(|rule| (*rule).to_owned()).collect(),
        },
    };
    let rate = WebRule {
        name: "rate-per-address".to_owned(),
        priority: 0,
        action: BLOCK.to_owned(),
        statement: WebStatement::Rate { limit: rate_limit, window_seconds: 300 },
    };
    vec![
        rate,
        managed("common", 1, "AWSManagedRulesCommonRuleSet", &[LARGE_BODIES]),
        managed("known-bad-inputs", 2, "AWSManagedRulesKnownBadInputsRuleSet", &[]),
    ]
}
