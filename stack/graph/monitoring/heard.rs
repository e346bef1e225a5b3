//! The queue that hears every alarm, so that `payinfra verify` can see that one is told.

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Scope};

use super::super::Design;
use super::super::policy::fed_by_topic;
use super::ALARMS;
use crate::evidence::HEARD;
use payinfra_steps::Cloud;
use payinfra_steps::messaging::Queue;
use payinfra_steps::messaging::{Subscription, Topic};
use payinfra_steps::security::Key;

/// Notifications nobody waits for any more are forgotten within the hour.
const RETENTION_SECONDS: u32 = 3600;

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, alarms: Handle<Topic>) {
    let name = design.names.of(Kind::Queue, HEARD);
    let arn = design.arn("sqs", &name);
    let queue = {
        let (design, arn) = (Arc::clone(design), arn.clone());
        graph.add("alarms_heard", move |scope: &Scope<'_>| Queue {
            name: name.clone(),
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy: fed_by_topic(&design, "AlarmsOfThisStack", &arn, ALARMS),
            retention_seconds: RETENTION_SECONDS,
            tags: design.tags(scope, &name),
        })
    };
    let subscription = graph.add(&Subscription::name(ALARMS, "sqs", &arn), move |scope| Subscription {
        topic_arn: scope.get(alarms, |topic| topic.arn.clone()),
        protocol: "sqs".to_owned(),
        endpoint: arn.clone(),
        dead_letter_arn: None,
    });
    graph.after(subscription, queue);
}
