//! The database's schema.

use payinfra_engine::Handle;
use payinfra_steps::database::Schema;
use payinfra_steps::functions::FunctionName;
use payinfra_steps::parameters::Parameter;

use super::blueprint::Blueprint;
use super::database::Database;
use super::functions::Functions;
use super::network::Network;

/// Adds the schema. The function that migrates it needs the database, the parameters that contain its address, and a
/// way out of the VPC to the secret of the master user.
pub(super) fn add(
    stack: &mut Blueprint,
    network: &Network,
    database: &Database,
    functions: &Functions,
    parameters: &[Handle<Parameter>],
) -> Handle<Schema> {
    let cluster = database.cluster;
    let schema = stack.add("main", move |_, scope| Schema {
        cluster: scope.ready(cluster, |cluster| cluster.resource_id.clone()),
        migrations: Schema::migrations(),
    });
    stack.after(schema, functions.alias(FunctionName::TransactionProcessing));
    database.instances.iter().for_each(|instance| stack.after(schema, *instance));
    database.proxy.iter().for_each(|proxy| stack.after(schema, *proxy));
    network.egress.iter().for_each(|table| stack.after(schema, *table));
    network.rules.iter().for_each(|rules| stack.after(schema, *rules));
    parameters.iter().for_each(|parameter| stack.after(schema, *parameter));
    schema
}
