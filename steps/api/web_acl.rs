//! What WAF rejects before API Gateway sees it (docs/requirements.md, A6).

use aws_sdk_wafv2::types::{
    AllowAction, DefaultAction, FieldToMatch, LoggingConfiguration, Scope, SingleHeader, Tag, WebAcl as LiveAcl,
};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, following, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::web_acl_rule::{WebRule, incomplete, visible};
use crate::{Cloud, Context};

/// A web ACL for regional services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebAcl {
    /// Its name, which is the name of its metric too.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What happens to a request that no rule is about: `allow`.
    pub default_action: String,
    /// Its rules in the order of their priority.
    pub rules: Vec<WebRule>,
    /// The log group of what it decides; empty for none. Its name begins with `aws-waf-logs-`.
    pub log_group_arn: String,
    /// The headers whose values are left out of that log, sorted.
    pub redacted_headers: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a web ACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its ARN.
    pub arn: String,
    /// Its name, as its metrics have it.
    pub name: String,
}

impl Resource for WebAcl {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "web_acl";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "default_action"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(5, 10, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let arns = match select {
            Select::Owned => candidates(cloud).await?,
            Select::Ids(ids) => ids.to_vec(),
        };
        let reads = arns.iter().map(|arn| async { unless(Class::Absent, read(cloud, arn).await) });
        let found = try_join_all(reads).await?.into_iter().flatten().flatten();
        Ok(found.filter(|live| live.address.is_some() || select != Select::Owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let rules = self.rules.iter().map(WebRule::to_waf).collect::<Result<_, _>>()?;
        let request = cx.waf.create_web_acl().name(&self.name).scope(Scope::Regional).description(&self.description);
        let request = request.default_action(allow()).set_rules(Some(rules)).visibility_config(visible(&self.name)?);
        let created = request.set_tags(to_waf(&self.tags)).send().await.map_err(error("CreateWebACL"))?;
        let arn = created.summary().and_then(|summary| summary.arn()).unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { arn: arn.clone(), name: self.name.clone() }), id: arn })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"rules") || changed.contains(&"description") {
            let (name, id) = name_and_id(&live.id);
            let rules = self.rules.iter().map(WebRule::to_waf).collect::<Result<_, _>>()?;
            let request = cx.waf.update_web_acl().name(name).id(id).scope(Scope::Regional);
            let request = request.description(&self.description).default_action(allow()).set_rules(Some(rules));
            let request = request.visibility_config(visible(&self.name)?).lock_token(lock(cx, &live.id).await?);
            request.send().await.map_err(error("UpdateWebACL"))?;
        }
        if changed.contains(&"log_group_arn") || changed.contains(&"redacted_headers") {
            self.log(cx, &live.id).await?;
        }
        if changed.contains(&"tags") {
            let change = TagChange::between(&live.spec.tags, &self.tags);
            if !change.remove.is_empty() {
                let request = cx.waf.untag_resource().resource_arn(&live.id).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagResource"))?;
            }
            if !change.set.is_empty() {
                let request = cx.waf.tag_resource().resource_arn(&live.id).set_tags(to_waf(&change.set));
                request.send().await.map_err(error("TagResource"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let (name, id) = name_and_id(&live.id);
        let request = cx.waf.delete_web_acl().name(name).id(id).scope(Scope::Regional);
        request.lock_token(lock(cx, &live.id).await?).send().await.map_err(error("DeleteWebACL"))?;
        Ok(Progress::Going)
    }
}

impl WebAcl {
    async fn log(&self, cloud: &Cloud, arn: &str) -> Result<(), Error> {
        if self.log_group_arn.is_empty() {
            let request = cloud.waf.delete_logging_configuration().resource_arn(arn);
            unless(Class::Absent, request.send().await.map_err(error("DeleteLoggingConfiguration")))?;
            return Ok(());
        }
        let redacted = self.redacted_headers.iter().map(|name| {
            let header = SingleHeader::builder().name(name).build().map_err(incomplete)?;
            Ok(FieldToMatch::builder().single_header(header).build())
        });
        let logging = LoggingConfiguration::builder().resource_arn(arn).log_destination_configs(&self.log_group_arn);
        let logging = logging.set_redacted_fields(Some(redacted.collect::<Result<_, Error>>()?));
        let request = cloud.waf.put_logging_configuration();
        let request = request.logging_configuration(logging.build().map_err(incomplete)?);
        request.send().await.map_err(error("PutLoggingConfiguration"))?;
        Ok(())
    }
}

fn allow() -> DefaultAction {
    DefaultAction::builder().allow(AllowAction::builder().build()).build()
}

fn to_waf(tags: &Tags) -> Option<Vec<Tag>> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// Name and id, which every call wants besides: `…:regional/webacl/<name>/<id>`.
fn name_and_id(arn: &str) -> (&str, &str) {
    let mut steps = arn.rsplit('/');
    let id = steps.next().unwrap_or_default();
    (steps.next().unwrap_or_default(), id)
}

/// The token that a change must carry: it changes with each of them.
async fn lock(cloud: &Cloud, arn: &str) -> Result<String, Error> {
    let (name, id) = name_and_id(arn);
    let request = cloud.waf.get_web_acl().name(name).id(id).scope(Scope::Regional);
    let found = request.send().await.map_err(error("GetWebACL"))?;
    Ok(found.lock_token().unwrap_or_default().to_owned())
}

/// The ARNs of the web ACLs whose names have our shape.
async fn candidates(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let mut arns = Vec::new();
    let mut marker = None;
    loop {
        let request = cloud.waf.list_web_acls().scope(Scope::Regional).limit(100).set_next_marker(marker.clone());
        let found = request.send().await.map_err(error("ListWebACLs"))?;
        let ours = found
            .web_acls()
            .iter()
            .filter(|acl| acl.name().is_some_and(|name| cloud.names.is_ours(Kind::WebAcl, name)));
        arns.extend(ours.filter_map(|acl| acl.arn().map(ToOwned::to_owned)));
        marker = following(marker, found.next_marker().filter(|_| !found.web_acls().is_empty()));
        if marker.is_none() {
            return Ok(arns);
        }
    }
}

async fn read(cloud: &Cloud, arn: &str) -> Result<Option<Live<WebAcl>>, Error> {
    let (name, id) = name_and_id(arn);
    let acl = async {
        let request = cloud.waf.get_web_acl().name(name).id(id).scope(Scope::Regional);
        request.send().await.map_err(error("GetWebACL"))
    };
    let tags = async {
        let request = cloud.waf.list_tags_for_resource().resource_arn(arn);
        request.send().await.map_err(error("ListTagsForResource"))
    };
    let logging = async {
        let request = cloud.waf.get_logging_configuration().resource_arn(arn);
        unless(Class::Absent, request.send().await.map_err(error("GetLoggingConfiguration")))
    };
    let (acl, tags, logging) = tokio::try_join!(acl, tags, logging)?;
    let tags = tags.tag_info_for_resource().map(|info| info.tag_list()).unwrap_or_default().iter();
    let tags = own_tags(tags.map(|tag| (tag.key(), tag.value())));
    let logging = logging.as_ref().and_then(|found| found.logging_configuration());
    Ok(acl.web_acl().map(|acl| live(cloud, acl, tags, logging)))
}

fn live(cloud: &Cloud, acl: &LiveAcl, tags: Tags, logging: Option<&LoggingConfiguration>) -> Live<WebAcl> {
    let arn = acl.arn().to_owned();
    let allows = acl.default_action().is_some_and(|action| action.allow().is_some());
    let mut rules: Vec<WebRule> = acl.rules().iter().map(WebRule::from).collect();
    rules.sort_by_key(|rule| rule.priority);
    let redacted = logging.map(LoggingConfiguration::redacted_fields).unwrap_or_default().iter();
    let mut redacted_headers: Vec<String> =
        redacted.filter_map(|field| field.single_header().map(|header| header.name().to_lowercase())).collect();
    redacted_headers.sort_unstable();
    let log_group = logging.and_then(|logging| logging.log_destination_configs().first());
    Live {
        address: tags.address_in(cloud.stack()),
        outputs: Outputs { arn: arn.clone(), name: acl.name().to_owned() },
        id: arn,
        status: Status::Ready,
        spec: WebAcl {
            name: acl.name().to_owned(),
            description: acl.description().unwrap_or_default().to_owned(),
            default_action: if allows { "allow" } else { "block" }.to_owned(),
            rules,
            log_group_arn: log_group.map(|arn| arn.trim_end_matches(":*").to_owned()).unwrap_or_default(),
            redacted_headers,
            tags,
        },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;
    use crate::api::web_acl_rule::WebStatement;

    const ARN: &str = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/waf-prod/id-1";
    const ACL: &str = r#"{"LockToken":"t1","WebACL":{"Name":"waf-prod","Id":"id-1",
        "ARN":"arn:aws:wafv2:us-east-1:123456789012:regional/webacl/waf-prod/id-1","DefaultAction":{"Allow":{}},
        "VisibilityConfig":{"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"waf-prod"},
        "Rules":[{"Name":"rate","Priority":2,"Action":{"Block":{}},
          "Statement":{"RateBasedStatement":{"Limit":1000,"EvaluationWindowSec":300,"AggregateKeyType":"IP"}},
          "VisibilityConfig":{"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"rate"}},
         {"Name":"common","Priority":0,"OverrideAction":{"None":{}},
          "Statement":{"ManagedRuleGroupStatement":{"VendorName":"AWS","Name":"AWSManagedRulesCommonRuleSet",
            "RuleActionOverrides":[{"Name":"SizeRestrictions_BODY","ActionToUse":{"Count":{}}},
              {"Name":"NoUserAgent_HEADER","ActionToUse":{"Allow":{}}}]}},
          "VisibilityConfig":{"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"common"}}]}}"#;
    const TAGS: &str = r#"{"TagInfoForResource":{"ResourceARN":"x","TagList":[
        {"Key":"payinfra:stack","Value":"prod"},{"Key":"payinfra:address","Value":"web_acl.api"}]}}"#;
    const NO_LOG: &str = r#"{"__type":"WAFNonexistentItemException","Message":"x"}"#;

    async fn found(cloud: &Cloud) -> Live<WebAcl> {
        WebAcl::list(cloud, Select::Ids(&[ARN.to_owned()])).await.expect("the answers are good").remove(0)
    }

    #[tokio::test]
    async fn is_read_in_the_shape_of_its_spec() {
        let (cloud, replay) = Cloud::replaying([(200, ACL), (200, TAGS), (400, NO_LOG)]);
        let live = found(&cloud).await;
        assert_eq!(live.address, Some(Address::new("web_acl", "api")));
        assert_eq!((live.spec.default_action.as_str(), live.spec.log_group_arn.as_str()), ("allow", ""));
        let rules: Vec<_> = live.spec.rules.iter().map(|rule| (rule.name.as_str(), rule.action.as_str())).collect();
        assert_eq!(rules, [("common", "as the group says"), ("rate", "block")]);
        assert!(matches!(live.spec.rules[1].statement, WebStatement::Rate { limit: 1000, .. }));
        let WebStatement::Managed { exceptions, .. } = &live.spec.rules[0].statement else { panic!("{live:?}") };
        assert_eq!(exceptions[1], "SizeRestrictions_BODY", "it only counts");
        assert!(exceptions[0].starts_with("NoUserAgent_HEADER: "), "allowing is another exception: {}", exceptions[0]);
        assert!(replay.sent()[0].has(r#""Name":"waf-prod""#) && replay.sent()[0].has(r#""Id":"id-1""#));
    }

    #[tokio::test]
    async fn an_absent_web_acl_is_left_out_and_a_change_carries_a_new_lock_token() {
        let (cloud, _) = Cloud::replaying([(400, NO_LOG), (400, NO_LOG), (400, NO_LOG)]);
        assert!(WebAcl::list(&cloud, Select::Ids(&[ARN.to_owned()])).await.expect("absence is no error").is_empty());
        let stale = r#"{"__type":"WAFOptimisticLockException","Message":"x"}"#;
        let (cloud, replay) = Cloud::replaying([(200, ACL), (200, TAGS), (400, NO_LOG), (200, ACL), (400, stale)]);
        let live = found(&cloud).await;
        let address = Address::new("web_acl", "api");
        let cx = Context { cloud: &cloud, address: &address, token: "t" };
        let counted = WebStatement::Managed {
            group: "AWSManagedRulesCommonRuleSet".to_owned(),
            exceptions: vec!["SizeRestrictions_BODY".to_owned()],
        };
        let mut spec = live.spec.clone();
        spec.rules[0].statement = counted;
        let refused = spec.update(&cx, &live, &["rules"]).await;
        assert_eq!(refused.expect_err("the lock is stale").class, Class::InUse);
        let count = r#""RuleActionOverrides":[{"Name":"SizeRestrictions_BODY","ActionToUse":{"Count":{}}}]"#;
        for part in [r#""LockToken":"t1""#, count] {
            assert!(replay.sent()[4].has(part), "{:?}", replay.sent());
        }
    }
}
