//! The database and the table of sessions.

use std::sync::Arc;

use payinfra_engine::{Graph, Handle};

use super::Design;
use crate::aws::Aws;
use crate::data::{Table, WarmThroughput};
use crate::names::Kind;
use crate::security::Key;

/// The data stores' resources.
pub(super) struct Data {
    pub table: Handle<Table>,
}

pub(super) fn add(graph: &mut Graph<Aws>, design: &Arc<Design>, key: Handle<Key>) -> Data {
    let table = {
        let design = Arc::clone(design);
        graph.add("sessions", move |scope| {
            let name = design.names.of(Kind::Table, "sessions");
            let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
            Table {
                key: "session_id".to_owned(),
                billing: "PAY_PER_REQUEST".to_owned(),
                key_arn: scope.get(key, |key| key.arn.clone()),
                expiry_attribute: "expires_at".to_owned(),
                point_in_time_recovery: true,
                deletion_protection: false,
                warm_throughput: design
                    .settings
                    .sessions
                    .warm_throughput
                    .map(|warm| WarmThroughput { read: units(warm.read_units), write: units(warm.write_units) }),
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    Data { table }
}
