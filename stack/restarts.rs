//! Whether the database still runs with older parameters.

use payinfra_engine::{Plan, Resource};
use payinfra_steps::database::DbCluster;

/// Names the instances that must be restarted before the cluster's parameter group is in force on them, among it that
/// connections must use TLS. payinfra does not restart them: when they are interrupted is for a person to decide.
pub fn pending(plan: &Plan) -> Option<String> {
    let clusters = plan.changes.iter().filter(|change| change.address.kind() == DbCluster::KIND);
    let lists = clusters.filter_map(|change| change.live.as_ref()?.outputs["restarts_pending"].as_array());
    let instances: Vec<&str> = lists.flatten().filter_map(|instance| instance.as_str()).collect();
    let first = instances.first()?;
    Some(format!(
        "the parameters of the database are in force on {} only after a restart: aws rds reboot-db-instance \
         --db-instance-identifier {first}",
        instances.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use payinfra_engine::{Action, Change, LiveValue, Purpose, Reason, Status};
    use payinfra_state::Address;
    use serde_json::json;

    use super::*;

    #[test]
    fn instances_with_older_parameters_are_named() {
        let plan = |instances: &[&str]| {
            let live = LiveValue {
                address: None,
                id: "aurora-prod".to_owned(),
                spec: json!({}),
                outputs: json!({"restarts_pending": instances}),
                status: Status::Ready,
            };
            let change = Change {
                address: Address::new("db_cluster", "main"),
                action: Action::NoOp,
                because: Reason::New,
                attributes: Vec::new(),
                live: Some(live),
                deps: Vec::new(),
            };
            Plan { purpose: Purpose::Up, changes: vec![change] }
        };
        assert_eq!(pending(&plan(&[])), None);
        let note = pending(&plan(&["aurora-1-prod", "aurora-2-prod"])).unwrap();
        assert!(note.contains("on aurora-1-prod, aurora-2-prod only after a restart"), "{note}");
    }
}
