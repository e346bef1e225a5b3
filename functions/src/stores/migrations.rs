//! The schema's versions: SQL files in order, applied forward only, each in a transaction of its own
//! under one advisory lock, recorded with the checksum of its text.

use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::frame::environment::Environment;
use crate::frame::observation::Observation;
use crate::frame::refusal;
use crate::rules::identifiers::hexadecimal;
use crate::rules::redaction::Secret;
use crate::stores::configuration::Configuration;
use crate::stores::database::{APPLICATION_ROLE, Database, DatabaseError, Target};

/// One version of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub version: i32,
    /// What it brings.
    pub name: String,
    /// SHA-256 of its text, hexadecimal.
    pub checksum: String,
}

/// What the database has had and what it lacks.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Recorded in the database.
    pub applied: Vec<Migration>,
    /// In this binary only.
    pub pending: Vec<Migration>,
}

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// An applied migration's text has changed since.
    #[error("migration {0} was changed after it had been applied")]
    Changed(i32),
    /// The database is ahead of this binary.
    #[error("the database has migration {0}, which this version does not know")]
    Unknown(i32),
    /// The role's name could not be put into SQL.
    #[error("the user name of the parameter database/user is not a plain SQL name")]
    UserName,
    /// The master user's secret could not be read.
    #[error("cannot read the master user's secret: {0}")]
    Secret(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<tokio_postgres::Error> for MigrationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

const FILES: [(&str, &str); 3] = [
    ("ledger", include_str!("../../migrations/0001_ledger.sql")),
    ("outbox", include_str!("../../migrations/0002_outbox.sql")),
    ("booking", include_str!("../../migrations/0003_booking.sql")),
];
const ROLES: &str = include_str!("../../migrations/roles.sql");
const HISTORY: &str = include_str!("../../migrations/history.sql");
/// What is made belongs to the owner, so that the next run needs no particular master user.
const AS_OWNER: &str = "set local role payments_owner";
/// Any fixed number nobody else locks.
const LOCK: &str = "select pg_advisory_xact_lock(72304)";

/// Gives the migrations of this binary.
pub fn known() -> Vec<Migration> {
    (1..)
        .zip(FILES)
        .map(|(version, (name, sql))| Migration {
            version,
            name: name.to_owned(),
            checksum: hexadecimal(ring::digest::digest(&ring::digest::SHA256, sql.as_bytes()).as_ref()),
        })
        .collect()
}

/// Says what has been applied, as the application role. A database without the role or the schema has
/// had nothing.
pub async fn status(
    database: &Database,
    configuration: &Configuration,
    observation: &Observation,
) -> Result<Status, MigrationError> {
    match database.run(configuration, observation, async |client| history(client).await).await {
        Ok(applied) => compare(applied),
        Err(error) if error.code().is_some_and(is_before_first) => compare(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Before the first migration the application role cannot log in, or finds no schema or table.
fn is_before_first(code: &str) -> bool {
    [
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::UNDEFINED_TABLE,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .iter()
    .any(|state| state.code() == code)
}

/// Applies what is pending, as the master user on the writer. The password is fetched for this call and
/// dropped with it: RDS rotates it.
pub async fn apply(
    database: &Database,
    environment: &Environment,
    configuration: &Configuration,
    secrets: &aws_sdk_secretsmanager::Client,
) -> Result<Status, MigrationError> {
    let (target, password) = match &environment.database_master_user {
        Some(user) => {
            let target = Target::writer(configuration, user).map_err(DatabaseError::from)?;
            let token = database.token(&target).map_err(DatabaseError::from)?;
            (target, token)
        }
        None => {
            let (user, password) = master(configuration, secrets).await?;
            (Target::writer(configuration, &user).map_err(DatabaseError::from)?, password)
        }
    };
    let mut client = database.connect(&target, &password).await?;
    let user = configuration.optional("database/user").unwrap_or(APPLICATION_ROLE);
    prepare(&mut client, user).await?;
    loop {
        let transaction = client.transaction().await?;
        transaction.batch_execute(LOCK).await?;
        transaction.batch_execute(AS_OWNER).await?;
        let status = compare(history(transaction.client()).await?)?;
        let Some(next) = status.pending.first() else {
            transaction.commit().await?;
            return Ok(status);
        };
        let file = usize::try_from(next.version - 1).ok().and_then(|index| FILES.get(index));
        let (_, sql) = file.ok_or(MigrationError::Unknown(next.version))?;
        transaction.batch_execute(sql).await?;
        transaction
            .execute_typed(
                "insert into payments.migrations (version, name, checksum) values ($1, $2, $3)",
                &[(&next.version, Type::INT4), (&next.name, Type::TEXT), (&next.checksum, Type::TEXT)],
            )
            .await?;
        transaction.commit().await?;
    }
}

/// Makes roles, schema and history table.
async fn prepare(client: &mut Client, user: &str) -> Result<(), MigrationError> {
    let plain = user.starts_with(|c: char| c.is_ascii_lowercase())
        && user.len() <= 63
        && user.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain {
        return Err(MigrationError::UserName);
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(ROLES).await?;
    if user != APPLICATION_ROLE {
        // The same once more for the configured user, who then has the application role's rights.
        let (for_user, _) = ROLES.split_once("create schema").unwrap_or((ROLES, ""));
        transaction.batch_execute(&for_user.replace(APPLICATION_ROLE, user)).await?;
        transaction.batch_execute(&format!("grant {APPLICATION_ROLE} to {user}")).await?;
    }
    transaction.batch_execute(AS_OWNER).await?;
    transaction.batch_execute(HISTORY).await?;
    transaction.commit().await?;
    Ok(())
}

async fn history(client: &Client) -> Result<Vec<Migration>, tokio_postgres::Error> {
    let sql = "select version, name, checksum from payments.migrations order by version";
    let rows = client.query_typed(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(Migration { version: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? }))
        .collect()
}

/// Holds what the database has had against what this binary knows.
fn compare(applied: Vec<Migration>) -> Result<Status, MigrationError> {
    let known = known();
    for migration in &applied {
        match known.iter().find(|k| k.version == migration.version) {
            None => return Err(MigrationError::Unknown(migration.version)),
            Some(k) if k.checksum != migration.checksum => {
                return Err(MigrationError::Changed(migration.version));
            }
            Some(_) => {}
        }
    }
    let pending =
        known.into_iter().filter(|k| !applied.iter().any(|migration| migration.version == k.version)).collect();
    Ok(Status { applied, pending })
}

/// Reads the secret RDS manages: `{"username": …, "password": …}`.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html>
async fn master(
    configuration: &Configuration,
    secrets: &aws_sdk_secretsmanager::Client,
) -> Result<(String, Secret<String>), MigrationError> {
    let arn = configuration.required("database/master-secret-arn").map_err(DatabaseError::from)?;
    let answer = secrets
        .get_secret_value()
        .secret_id(arn)
        .send()
        .await
        .map_err(|error| MigrationError::Secret(refusal::chain(&error)))?;
    let fields: Value = serde_json::from_str(answer.secret_string().unwrap_or(""))
        .map_err(|_| MigrationError::Secret("it is not JSON".to_owned()))?;
    match (fields["username"].as_str(), fields["password"].as_str()) {
        (Some(user), Some(password)) => Ok((user.to_owned(), Secret::new(password.to_owned()))),
        _ => Err(MigrationError::Secret("it lacks username or password".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_files_on_disk_are_the_ones_built_in() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut found: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        found.sort();
        let built_in: Vec<String> = known().iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
        assert_eq!(found, built_in);
    }

    #[test]
    fn a_changed_or_unknown_migration_is_an_error() {
        let known = known();
        assert_eq!(compare(Vec::new()).unwrap().pending, known);
        assert_eq!(compare(known.clone()).unwrap().pending, []);
        let mut changed = known.clone();
        changed[0].checksum = "0".repeat(64);
        assert!(matches!(compare(changed), Err(MigrationError::Changed(1))));
        let ahead = vec![Migration { version: 99, ..known[0].clone() }];
        assert!(matches!(compare(ahead), Err(MigrationError::Unknown(99))));
    }
}
