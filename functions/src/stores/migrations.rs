//! The versions of the database schema: SQL files that are applied in order and never rolled back. Each runs in its own
//! transaction under an advisory lock and is recorded with the checksum of its text.

use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::frame::causes::chain;
use crate::frame::environment::Environment;
use crate::frame::observation::Observation;
use crate::frame::rejection::Rejection;
use crate::rules::identifiers::hexadecimal;
use crate::rules::redaction::Secret;
use crate::stores::configuration::Configuration;
use crate::stores::database::{APPLICATION_ROLE, Database, DatabaseError, Target};

#[path = "../../migrations/list.rs"]
mod list;

/// One version of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The number, counted from 1 without gaps.
    pub version: i32,
    /// What it adds.
    pub name: String,
    /// The SHA-256 hash of its text, in hexadecimal.
    pub checksum: String,
}

/// The applied and the pending migrations.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The migrations that the database has recorded.
    pub applied: Vec<Migration>,
    /// The migrations that only this binary contains.
    pub pending: Vec<Migration>,
}

/// The schema could not be read or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The text of an applied migration has changed.
    #[error("migration {0} was changed after it had been applied")]
    Changed(i32),
    /// The database is newer than this binary.
    #[error("the database has migration {0}, which this version does not contain")]
    Unknown(i32),
    /// The role's name cannot be used in SQL.
    #[error("the user name of the parameter database/user is not a plain SQL name")]
    UserName,
    /// The master user's secret could not be read.
    #[error("cannot read the master user's secret: {0}")]
    Secret(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<MigrationError> for Rejection {
    fn from(error: MigrationError) -> Self {
        Self::new(500, "migration_failed", "the schema is not up to date").with_cause(chain(&error))
    }
}

impl From<tokio_postgres::Error> for MigrationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

const ROLES: &str = include_str!("../../migrations/roles.sql");
const HISTORY: &str = include_str!("../../migrations/history.sql");
/// All objects belong to the owner role, so that the next run may use any master user.
const AS_OWNER: &str = "set local role payments_owner";
/// The number is arbitrary; nothing else locks it.
const LOCK: &str = "select pg_advisory_xact_lock(72304)";

/// Returns the migrations of this binary.
pub fn known() -> Vec<Migration> {
    (1..)
        .zip(list::MIGRATIONS)
        .map(|(version, (name, sql))| Migration {
            version,
            name: name.to_owned(),
            checksum: hexadecimal(ring::digest::digest(&ring::digest::SHA256, sql.as_bytes()).as_ref()),
        })
        .collect()
}

/// Returns the applied and the pending migrations, as the application role sees them. If the role or the schema is
/// missing, none has been applied.
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

/// Reports whether an SQLSTATE means that no migration has been applied: the application role cannot log in, or there
/// is no schema or table.
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

/// Applies the pending migrations, as the master user on the writer. The password is fetched for each call and not
/// kept, because RDS rotates it.
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
        let file = usize::try_from(next.version - 1).ok().and_then(|index| list::MIGRATIONS.get(index));
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

/// Creates the roles, the schema, and the history table.
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
        // Repeated for the configured user, which then gets the application role's rights.
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

/// Compares the applied migrations with those of this binary.
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

/// Reads the secret that RDS manages: `{"username": …, "password": …}`.
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
        .map_err(|error| MigrationError::Secret(chain(&error)))?;
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
    fn the_list_contains_every_file_on_disk() {
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
