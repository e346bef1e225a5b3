//! The graph of the stack: which resources there are, and what each uses of the others. The diagram as code.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::NOT_KEPT;
use payinfra_aws::names::parameter_root;
use payinfra_engine::{Graph, Resource};
use payinfra_state::Stack;
use payinfra_steps::Cloud;
use payinfra_steps::kinds::kinds;
use payinfra_steps::parameters::Parameter;

mod alarms;
mod api;
mod blueprint;
mod dashboard;
mod database;
mod design;
mod functions;
mod key;
mod network;
mod parameters;
mod policy;
mod schema;
mod sessions;
mod storage;
mod topics;

pub use design::Design;
pub(crate) use topics::NOTIFICATIONS;

/// Builds the graph of a stack.
pub fn graph(design: &Arc<Design>, cloud: &Cloud) -> Graph<Cloud> {
    let mut graph = Graph::new(kinds());
    for not_kept in NOT_KEPT.iter().filter(|not_kept| cloud.emulator == Some(not_kept.emulator)) {
        graph.do_not_compare(not_kept.kind, not_kept.attribute);
    }
    let key = key::add(&mut graph, design);
    let mut stack = blueprint::Blueprint::new(graph, design, key);
    let topics = topics::add(&mut stack);
    let network = network::add(&mut stack);
    let archive = storage::add(&mut stack);
    let database = database::add(&mut stack, &network);
    let sessions = sessions::add(&mut stack);
    let functions = functions::add(&mut stack, &network, &database, &topics);
    let api = api::add(&mut stack, &functions);
    let sources = parameters::Sources {
        database: &database,
        sessions,
        archive,
        topics: &topics,
        dead_letters: functions.dead_letters,
        api: &api,
    };
    let parameters = parameters::add(&mut stack, &sources);
    let schema = schema::add(&mut stack, &network, &database, &functions, &parameters);
    functions::sweep(&mut stack, &functions, schema);
    let alarms = alarms::add(&mut stack, &topics, &network, &database);
    dashboard::add(&mut stack, &network, &database, alarms);
    stack.into_graph()
}

/// Returns the addresses and names of a deployed stack that its functions read, such as `database/writer-endpoint`.
pub fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let root = parameter_root(&stack.suffix);
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
