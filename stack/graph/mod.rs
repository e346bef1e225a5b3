//! The stack as a graph: what stands where, and what uses what. The diagram as code.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Names;
use payinfra_aws::{ADDRESS, NOT_KEPT, STACK, Tags};
use payinfra_engine::{Graph, Resource, Scope};
use payinfra_state::Stack;

use crate::settings::Settings;
use payinfra_steps::Cloud;
use payinfra_steps::functions::Artifacts;
use payinfra_steps::kinds::kinds;
use payinfra_steps::parameters::Parameter;

mod api;
mod database;
mod functions;
mod monitoring;
mod network;
mod parameters;
mod policy;
mod security;
mod storage;

/// Everything that the graph is a function of.
#[derive(Debug, Clone)]
pub struct Design {
    /// The configuration.
    pub settings: Settings,
    /// The names of this stack in this account.
    pub names: Names,
    /// The three zones, `us-east-1a` and so on: discovered once, then kept.
    pub zones: Vec<String>,
    /// The functions' code.
    pub artifacts: Artifacts,
    /// The role under which API Gateway writes logs for this account, where it is somebody else's: then it stays so
    /// ([`payinfra_steps::api::foreign_log_role`]).
    pub foreign_log_role: Option<String>,
    /// What only the sandbox's functions get in their environment (the way to the emulator and its database).
    pub sandbox_environment: BTreeMap<String, String>,
}

impl Design {
    /// The account id.
    pub fn account(&self) -> &str {
        self.names.account()
    }

    /// The tags of a resource: the user's own, then ours, then the owner marks.
    pub fn tags(&self, scope: &Scope<'_>, name: &str) -> Tags {
        let mut tags = self.settings.tags.clone();
        tags.insert("Name".to_owned(), name.to_owned());
        tags.insert("Project".to_owned(), self.settings.project.clone());
        tags.insert("Environment".to_owned(), self.names.suffix().to_string());
        tags.insert(STACK.to_owned(), self.names.suffix().to_string());
        tags.insert(ADDRESS.to_owned(), scope.address().to_string());
        tags
    }

    /// The ARN of something in this account and region: `arn:aws:<service>:us-east-1:<account>:<rest>`.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:us-east-1:{}:{rest}", self.account())
    }
}

/// Builds the graph of a stack.
pub fn graph(design: &Arc<Design>, cloud: &Cloud) -> Graph<Cloud> {
    let mut graph = Graph::new(kinds());
    for not_kept in NOT_KEPT.iter().filter(|not_kept| cloud.emulator == Some(not_kept.emulator)) {
        graph.do_not_compare(not_kept.kind, not_kept.attribute);
    }
    let key = security::add(&mut graph, design);
    let topics = monitoring::add_topics(&mut graph, design, key);
    let network = network::add(&mut graph, design, key);
    let storage = storage::add(&mut graph, design, key);
    let data = database::add(&mut graph, design, key, &network);
    let functions = functions::add(&mut graph, design, key, &network, &data, &topics);
    let api = api::add(&mut graph, design, key, &functions);
    let told = parameters::Told { data: &data, storage: &storage, topics: &topics, functions: &functions, api: &api };
    let parameters = parameters::add(&mut graph, design, key, &told);
    database::add_schema(&mut graph, &data, &network, &functions, &parameters);
    monitoring::add(&mut graph, design, &topics, &network, &data);
    graph
}

/// Gives the addresses and names of a deployed stack: what its functions read, as `database/writer-endpoint` and so on.
pub fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let root = format!("/payments/{}/", stack.suffix);
    let parameters = stack.records.iter().filter(|(address, _)| address.kind() == Parameter::KIND);
    parameters
        .filter_map(|(_, record)| {
            let name = record.spec["name"].as_str()?.strip_prefix(&root)?;
            Some((name.to_owned(), record.spec["value"].as_str()?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
