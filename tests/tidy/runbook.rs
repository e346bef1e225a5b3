//! The monitoring runbook has a section for each alarm of the graph, and an alarm for each section.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use payinfra_aws::names::{Names, Suffix};
use payinfra_stack::graph::{Design, graph};
use payinfra_stack::settings::Settings;
use payinfra_steps::Cloud;
use payinfra_steps::functions::Artifacts;

use super::tree::File;

const RUNBOOK: &str = "docs/monitoring.md";

/// Sections that are about no single alarm.
const GENERAL: [&str; 1] = ["When a notification does not arrive"];

/// Returns alarms without a section, and sections without an alarm.
pub fn differences(files: &[File]) -> Vec<String> {
    let runbook = &files.iter().find(|file| file.path == RUNBOOK).unwrap().text;
    let sections: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|heading| !GENERAL.contains(heading))
        .flat_map(|heading| heading.split(',').map(|role| role.trim().replace('\\', "")))
        .collect();
    let alarms = alarms();
    let without_section =
        alarms.difference(&sections).map(|role| format!("{RUNBOOK}: no section for the alarm {role}"));
    let without_alarm = sections.difference(&alarms).map(|role| format!("{RUNBOOK}: no alarm for the section {role}"));
    without_section.chain(without_alarm).collect()
}

/// The roles of all alarms of a stack with the default settings; `<n>` stands for a number or a zone's letter.
fn alarms() -> BTreeSet<String> {
    let (cloud, _) = Cloud::replaying([]);
    let design = Design {
        settings: Settings::default(),
        names: Names::new(Suffix::parse("prod").unwrap(), "123456789012".to_owned()),
        zones: ["us-east-1a", "us-east-1b", "us-east-1c"].map(str::to_owned).to_vec(),
        artifacts: Artifacts::none(),
        foreign_log_role: None,
        sandbox_environment: BTreeMap::new(),
    };
    let graph = graph(&Arc::new(design), &cloud);
    let alarms = graph.addresses().iter().filter(|address| address.kind() == "alarm");
    alarms
        .map(|address| {
            let name = graph.wanted(address).unwrap()["name"].as_str().unwrap().to_owned();
            let role = name.strip_prefix("alarm-").and_then(|name| name.strip_suffix("-prod")).unwrap();
            match role.rsplit_once('-') {
                Some((role, number)) if number.len() == 1 => format!("{role}-<n>"),
                _ => role.to_owned(),
            }
        })
        .collect()
}
