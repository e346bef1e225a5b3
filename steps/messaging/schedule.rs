//! An EventBridge rule that invokes a function every few minutes (docs/requirements.md, C3).

use aws_sdk_eventbridge::types::{Rule, RuleState, Tag, Target};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, following, own_tags, refused, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use crate::{Cloud, Context};

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The rule's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How often, `rate(1 minute)`.
    pub expression: String,
    /// Whether it runs.
    pub enabled: bool,
    /// What it invokes: the ARN of an alias. Only a rule that was changed by hand has none or several.
    pub targets: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The rule's ARN.
    pub arn: String,
}

impl Schedule {
    /// Every so many minutes, in EventBridge's grammar.
    pub fn every(minutes: u32) -> String {
        if minutes == 1 { "rate(1 minute)".to_owned() } else { format!("rate({minutes} minutes)") }
    }
}

impl Resource for Schedule {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "schedule";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let rules = rules(cloud).await?.into_iter().filter(|rule| {
            let name = rule.name().unwrap_or_default();
            match select {
                Select::Owned => cloud.names.is_ours(Kind::Rule, name),
                Select::Ids(ids) => ids.iter().any(|id| id == name),
            }
        });
        let live = try_join_all(rules.map(|rule| live(cloud, rule))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // Putting a rule overwrites one of the same name, whoever owns it.
        let there = cx.eventbridge.describe_rule().name(&self.name).send().await.map_err(error("DescribeRule"));
        if unless(Class::Absent, there)?.is_some() {
            return Err(Error::new(Class::Exists, "PutRule", format!("there is a rule {} already", self.name)));
        }
        let request = self.rule(cx).set_tags(Some(tags(&self.tags)?));
        let arn = request.send().await.map_err(error("PutRule"))?.rule_arn.unwrap_or_default();
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.iter().any(|name| !matches!(*name, "targets" | "tags")) {
            self.rule(cx).send().await.map_err(error("PutRule"))?;
        }
        if changed.contains(&"targets") {
            self.aim(cx).await?;
        }
        if changed.contains(&"tags") {
            let (arn, change) = (&live.outputs.arn, TagChange::between(&live.spec.tags, &self.tags));
            if !change.remove.is_empty() {
                let request = cx.eventbridge.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagResource"))?;
            }
            if !change.set.is_empty() {
                let request = cx.eventbridge.tag_resource().resource_arn(arn).set_tags(Some(tags(&change.set)?));
                request.send().await.map_err(error("TagResource"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if !live.spec.targets.is_empty() {
            // A rule with targets cannot be deleted.
            let ids = targets(cx, &live.id).await?.into_iter().map(|target| target.id).collect();
            take_away(cx, &live.id, ids).await?;
            return Ok(Progress::More);
        }
        cx.eventbridge.delete_rule().name(&live.id).send().await.map_err(error("DeleteRule"))?;
        Ok(Progress::Going)
    }
}

impl Schedule {
    fn rule(&self, cloud: &Cloud) -> aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder {
        let state = if self.enabled { RuleState::Enabled } else { RuleState::Disabled };
        let request = cloud.eventbridge.put_rule().name(&self.name).description(&self.description);
        request.schedule_expression(&self.expression).state(state)
    }

    /// Makes the targets exactly these.
    async fn aim(&self, cloud: &Cloud) -> Result<(), Error> {
        let wanted: Vec<Target> = self
            .targets
            .iter()
            .enumerate()
            .map(|(index, arn)| Target::builder().id(format!("target-{index}")).arn(arn).build())
            .collect::<Result<_, _>>()
            .map_err(|missing| Error::new(Class::Invalid, "PutTargets", missing.to_string()))?;
        let present = targets(cloud, &self.name).await?.into_iter().map(|target| target.id);
        let surplus: Vec<String> = present.filter(|id| !wanted.iter().any(|target| target.id == *id)).collect();
        if !surplus.is_empty() {
            take_away(cloud, &self.name, surplus).await?;
        }
        let request = cloud.eventbridge.put_targets().rule(&self.name).set_targets(Some(wanted));
        let answer = request.send().await.map_err(error("PutTargets"))?;
        match answer.failed_entries().first() {
            Some(failed) => Err(refused("PutTargets", failed.error_code(), failed.error_message())),
            None => Ok(()),
        }
    }
}

async fn take_away(cloud: &Cloud, rule: &str, ids: Vec<String>) -> Result<(), Error> {
    let request = cloud.eventbridge.remove_targets().rule(rule).set_ids(Some(ids));
    let answer = request.send().await.map_err(error("RemoveTargets"))?;
    match answer.failed_entries().first() {
        Some(failed) => Err(refused("RemoveTargets", failed.error_code(), failed.error_message())),
        None => Ok(()),
    }
}

/// Lists the rules named like ours.
async fn rules(cloud: &Cloud) -> Result<Vec<Rule>, Error> {
    let (mut rules, mut next) = (Vec::new(), None);
    loop {
        let request = cloud.eventbridge.list_rules().name_prefix("rule-").set_next_token(next.clone());
        let page = request.send().await.map_err(error("ListRules"))?;
        next = following(next, page.next_token());
        rules.extend(page.rules.unwrap_or_default());
        if next.is_none() {
            return Ok(rules);
        }
    }
}

/// Reads a rule's targets; AWS takes at most five.
async fn targets(cloud: &Cloud, rule: &str) -> Result<Vec<Target>, Error> {
    let request = cloud.eventbridge.list_targets_by_rule().rule(rule);
    let found = request.send().await.map_err(error("ListTargetsByRule"))?;
    Ok(found.targets.unwrap_or_default())
}

/// Reads a rule with targets and tags; nothing if it has gone meanwhile.
async fn live(cloud: &Cloud, rule: Rule) -> Result<Option<Live<Schedule>>, Error> {
    let name = rule.name.unwrap_or_default();
    let arn = rule.arn.unwrap_or_default();
    let tags = async {
        let request = cloud.eventbridge.list_tags_for_resource().resource_arn(&arn);
        unless(Class::Absent, request.send().await.map_err(error("ListTagsForResource")))
    };
    let targets = async { unless(Class::Absent, targets(cloud, &name).await) };
    let (Some(tags), Some(targets)) = tokio::try_join!(tags, targets)? else { return Ok(None) };
    let tags = own_tags(tags.tags().iter().map(|tag| (tag.key(), tag.value())));
    let mut targets: Vec<String> = targets.into_iter().map(|target| target.arn).collect();
    targets.sort_unstable();
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        spec: Schedule {
            name,
            description: rule.description.unwrap_or_default(),
            expression: rule.schedule_expression.unwrap_or_default(),
            enabled: rule.state == Some(RuleState::Enabled),
            targets,
            tags,
        },
        outputs: Outputs { arn },
        status: Status::Ready,
    }))
}

fn tags(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|missing| Error::new(Class::Invalid, "PutRule", missing.to_string()))
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const RULES: &str = r#"{"Rules": [{"Name": "rule-sweep-prod", "Arn": "arn:rule", "State": "ENABLED",
        "ScheduleExpression": "rate(1 minute)"}, {"Name": "rule-sweep-test", "Arn": "arn:other"}]}"#;
    const TAGS: &str = r#"{"Tags": [{"Key": "payinfra:stack", "Value": "prod"},
        {"Key": "payinfra:address", "Value": "schedule.sweep"}]}"#;
    const TARGETS: &str = r#"{"Targets": [{"Id": "target-0", "Arn": "arn:f:live"}]}"#;

    #[tokio::test]
    async fn targets_go_before_the_rule_and_a_refused_one_is_an_error() {
        let (cloud, _) = Cloud::replaying([(200, RULES), (200, TAGS), (200, TARGETS)]);
        let mut live = Schedule::list(&cloud, Select::Owned).await.expect("the answers are good").remove(0);
        let failed = r#"{"FailedEntryCount": 1, "FailedEntries": [{"ErrorCode": "ConcurrentModificationException"}]}"#;
        let (cloud, replay) = Cloud::replaying([(200, TARGETS), (200, failed), (200, TARGETS), (200, "{}"), (200, "")]);
        let address = Address::new("schedule", "sweep");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        assert_eq!(Schedule::delete(&cx, &live).await.expect_err("one was refused").class, Class::InUse);
        assert_eq!(Schedule::delete(&cx, &live).await.expect("it works"), Progress::More);
        live.spec.targets.clear();
        assert_eq!(Schedule::delete(&cx, &live).await.expect("it works"), Progress::Going);
        assert!(replay.sent()[4].has("DeleteRule"));
    }

    #[tokio::test]
    async fn carries_its_tags_and_never_takes_over_a_name() {
        let absent = r#"{"__type": "ResourceNotFoundException"}"#;
        let (cloud, replay) = Cloud::replaying([(400, absent), (200, r#"{"RuleArn": "arn:rule"}"#), (200, "{}")]);
        let schedule = Schedule {
            name: "rule-sweep-prod".to_owned(),
            description: String::new(),
            expression: Schedule::every(5),
            enabled: true,
            targets: Vec::new(),
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        };
        let address = Address::new("schedule", "sweep");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        assert_eq!(schedule.create(&cx).await.expect("the name is free").id, "rule-sweep-prod");
        assert!(replay.sent()[1].has("payinfra:stack") && replay.sent()[1].has("rate(5 minutes)"));
        assert_eq!(schedule.create(&cx).await.expect_err("the name is taken").class, Class::Exists);
    }
}
