//! The database schema: brought up to date by the function that owns it, inside the VPC.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::timeout::TimeoutConfig;
use futures::future::try_join_all;
use payinfra_aws::fingerprint::fingerprint;
use payinfra_aws::names::Kind;
use payinfra_aws::{error, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::functions::{FunctionName, LIVE};
use crate::{Cloud, Context};

/// The schema of the payments database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The cluster's resource id: another cluster has another, empty database.
    pub cluster: String,
    /// What the database has had, oldest first.
    pub migrations: Vec<Migration>,
}

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Counts from 1.
    pub version: u32,
    /// What it brings.
    pub name: String,
    /// The SHA-256 of its text, in hexadecimal.
    pub checksum: String,
}

/// What others use of a schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The newest version applied.
    pub version: String,
}

/// A little more than a function can run (AWS: Lambda quotas): Lambda is silent until it has ended.
const LONGEST_RUN: Duration = Duration::from_secs(910);

// The migrations that the transaction-processing function contains.
#[path = "../../../functions/migrations/list.rs"]
mod list;

impl Schema {
    /// The migrations of this version of payinfra.
    pub fn migrations() -> Vec<Migration> {
        let migration = |(version, (name, text)): (u32, (&str, &str))| Migration {
            version,
            name: name.to_owned(),
            checksum: fingerprint(text.as_bytes(), 32),
        };
        (1..).zip(list::MIGRATIONS).map(migration).collect()
    }
}

impl Resource for Schema {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "schema";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(10, 1, 600);
    // It ends with the cluster and the function.
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let ids = match select {
            Select::Ids(ids) => ids.to_vec(),
            Select::Owned => vec![function(cloud)],
        };
        let found = try_join_all(ids.iter().map(|id| look(cloud, id))).await?.into_iter().flatten();
        // A schema that nobody has recorded and that cannot be asked for may never have been made, for example where the
        // first run ended while the cluster was being created. It counts as absent: making it again changes nothing.
        let known = |live: &Live<Self>| live.status == Status::Ready || select != Select::Owned;
        Ok(found.filter(known).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let id = function(cx);
        migrate(cx, &id).await?;
        Ok(Created { id, outputs: None })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        migrate(cx, &live.id).await
    }

    async fn delete(_: &Context<'_>, _: &Live<Self>) -> Result<Progress, Error> {
        // Nothing is dropped: it ends with its cluster.
        Ok(Progress::Gone)
    }
}

/// The function with its live alias. The schema has no tags: it belongs to the stack whose function it answers to.
fn function(cloud: &Cloud) -> String {
    format!("{}:{LIVE}", cloud.names.of(Kind::Function, FunctionName::TransactionProcessing.name()))
}

async fn look(cloud: &Cloud, id: &str) -> Result<Option<Live<Schema>>, Error> {
    let Some(cluster) = cluster(cloud).await? else { return Ok(None) };
    let (migrations, status) = if cloud.options.has_database {
        match unless(Class::Absent, invoke(cloud, id, "migrations").await) {
            Ok(Some(applied)) if !applied.is_empty() => (applied, Status::Ready),
            Ok(_) => return Ok(None),
            // The function reaches the database through the proxy, which may be slower to let it in than the cluster.
            Err(error) if error.class == Class::NotYet => (Vec::new(), Status::Pending(error.message)),
            Err(error) => return Err(error),
        }
    } else if is_deployed(cloud, id).await? {
        // Nothing to migrate behind this emulator: the schema counts as up to date once its function is deployed.
        (Schema::migrations(), Status::Ready)
    } else {
        return Ok(None);
    };
    let version = migrations.last().map(|migration| migration.version.to_string()).unwrap_or_default();
    Ok(Some(Live {
        address: Some(Address::new(Schema::KIND, "main")),
        id: id.to_owned(),
        outputs: Outputs { version },
        status,
        spec: Schema { cluster, migrations },
    }))
}

/// The resource id of the stack's cluster.
async fn cluster(cloud: &Cloud) -> Result<Option<String>, Error> {
    let name = cloud.names.only(Kind::DbCluster);
    let request = cloud.rds.describe_db_clusters().db_cluster_identifier(name);
    let found = unless(Class::Absent, request.send().await.map_err(error("DescribeDBClusters")))?;
    let cluster = found.as_ref().and_then(|found| found.db_clusters().first());
    Ok(cluster.and_then(|cluster| cluster.db_cluster_resource_id()).map(ToOwned::to_owned))
}

async fn is_deployed(cloud: &Cloud, id: &str) -> Result<bool, Error> {
    let (function, alias) = id.split_once(':').unwrap_or((id, LIVE));
    let answer = cloud.lambda.get_alias().function_name(function).name(alias).send().await;
    Ok(unless(Class::Absent, answer.map_err(error("GetAlias")))?.is_some())
}

async fn migrate(cloud: &Cloud, id: &str) -> Result<(), Error> {
    if cloud.options.has_database {
        invoke(cloud, id, "migrate").await?;
    }
    Ok(())
}

/// Lets the function do something with the schema, and gives what is applied.
async fn invoke(cloud: &Cloud, id: &str, action: &str) -> Result<Vec<Migration>, Error> {
    let event = json!({ "payinfra": { "action": action } }).to_string();
    let request = cloud.lambda.invoke().function_name(id).payload(Blob::new(event)).customize();
    let timeouts = TimeoutConfig::builder().read_timeout(LONGEST_RUN).operation_attempt_timeout(LONGEST_RUN).build();
    let request = request.config_override(aws_sdk_lambda::config::Builder::new().timeout_config(timeouts));
    let answer = request.send().await.map_err(error("Invoke"))?;
    let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
    applied(answer.function_error().is_some(), payload)
}

/// Reads what the function answered, or why it failed.
fn applied(failed: bool, payload: &[u8]) -> Result<Vec<Migration>, Error> {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    if failed {
        let text = |field: &str| answer[field].as_str().map(ToOwned::to_owned);
        // The database may be seconds old, and so may its name, its roles and the parameters that the function reads.
        let message = text("errorMessage").unwrap_or_else(|| "the function failed without a word".to_owned());
        return Err(Error { code: text("errorType"), ..Error::new(Class::NotYet, "Invoke", message) });
    }
    serde_json::from_value(answer["applied"].clone())
        .map_err(|error| Error::new(Class::Invalid, "Invoke", format!("the function's answer is unknown: {error}")))
}

#[cfg(test)]
mod tests;
