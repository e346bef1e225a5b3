//! The queue for the events that notifications cannot deliver (`docs/requirements.md`, C4).

use payinfra_aws::names::Kind;
use payinfra_engine::Handle;
use payinfra_steps::messaging::Queue;

use super::super::blueprint::{Blueprint, node};
use super::super::design::Design;
use super::super::topics::{EVENTS, fed_by_topic};

/// The last part of the queue's name.
pub(in super::super) const DEAD_LETTERS: &str = "notifications-dlq";

/// The queue's ARN, which follows from its name.
pub(super) fn arn(design: &Design) -> String {
    design.names.arn("sqs", &design.names.of(Kind::Queue, DEAD_LETTERS))
}

pub(super) fn add(stack: &mut Blueprint) -> Handle<Queue> {
    let key = stack.key;
    stack.add(&node(DEAD_LETTERS), move |design, scope| {
        let name = design.names.of(Kind::Queue, DEAD_LETTERS);
        Queue {
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy: fed_by_topic(design, "EventsThatNoFunctionTook", &arn(design), EVENTS),
            retention_seconds: design.settings.functions.dead_letter_retention_days * 86_400,
            tags: design.tags(scope, &name),
            name,
        }
    })
}
