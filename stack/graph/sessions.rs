//! The table of sessions.

use payinfra_aws::names::Kind;
use payinfra_engine::Handle;
use payinfra_steps::database::{Table, WarmThroughput};

use super::blueprint::Blueprint;

pub(super) fn add(stack: &mut Blueprint) -> Handle<Table> {
    let key = stack.key;
    stack.add("sessions", move |design, scope| {
        let name = design.names.of(Kind::Table, "sessions");
        let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let warm = design.settings.sessions.warm_throughput;
        Table {
            key: "session_id".to_owned(),
            billing: "PAY_PER_REQUEST".to_owned(),
            key_arn: scope.ready(key, |key| key.arn.clone()),
            expiry_attribute: "expires_at".to_owned(),
            point_in_time_recovery: true,
            deletion_protection: false,
            warm_throughput: warm
                .map(|warm| WarmThroughput { read: units(warm.read_units), write: units(warm.write_units) }),
            tags: design.tags(scope, &name),
            name,
        }
    })
}
