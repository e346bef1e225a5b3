//! The PostgreSQL client: TLS with verified names, an IAM token as the password, one connection per execution
//! environment that is reopened when it breaks, and a limited number of retries.
//!
//! Statements are unnamed and typed (`query_typed`): each takes one round trip, and none is prepared or sets a session
//! variable, so RDS Proxy can multiplex its connections.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html>

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::frame::causes::chain;
use crate::frame::environment::Environment;
use crate::frame::observation::{Observation, Part};
use crate::frame::rejection::Rejection;
use crate::rules::redaction::Secret;
use crate::stores::configuration::{Configuration, ConfigurationError};
use crate::stores::iam_token::{self, TokenError};

/// The certificate authorities of Amazon RDS in us-east-1 and of RDS Proxy.
const AUTHORITIES: &[u8] = include_bytes!("../../rds-ca-bundle.pem");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the role's statement timeout (3 s), because it detects a connection that died silently.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4500);
/// The maximum number of attempts at a unit of work.
const ATTEMPTS: u32 = 6;
/// The pause before the first retry, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// The application role, unless the parameter `database/user` names another one.
pub const APPLICATION_ROLE: &str = "payments_app";

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database's location is not configured.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The trusted certificate authorities could not be read.
    #[error("cannot read the database's certificate authorities: {0}")]
    Authorities(String),
    /// The password could not be created.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// The database rejected a statement. Only the code is shown, because the server's messages may quote values.
    #[error("the database rejected the statement (SQLSTATE {code}{})", constraint.as_deref().map(|c| format!(", {c}")).unwrap_or_default())]
    Rejected {
        /// The SQLSTATE.
        code: String,
        /// The violated constraint, if any.
        constraint: Option<String>,
    },
    /// The connection could not be opened, or it broke.
    #[error("the connection to the database failed: {0}")]
    Broken(String),
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        error.as_db_error().map_or_else(
            || Self::Broken(chain(&error)),
            |rejection| Self::Rejected {
                code: rejection.code().code().to_owned(),
                constraint: rejection.constraint().map(str::to_owned),
            },
        )
    }
}

impl From<DatabaseError> for Rejection {
    /// A missing parameter is a failure of the configuration, even if the database client finds it.
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Configuration(error) => error.into(),
            error => Self::unavailable("database_unavailable", &error),
        }
    }
}

impl DatabaseError {
    /// Reports whether the statement exceeded the role's `statement_timeout`.
    pub fn is_statement_timeout(&self) -> bool {
        matches!(self, Self::Rejected { code, .. } if code == SqlState::QUERY_CANCELED.code())
    }

    /// Reports whether the same work may be retried. All of the functions' work is idempotent, so a lost answer may be
    /// retried as well.
    fn is_transient(&self) -> bool {
        match self {
            Self::Timeout | Self::Broken(_) => true,
            Self::Rejected { code, .. } => {
                let transient = [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::LOCK_NOT_AVAILABLE,
                    // After a failover, the name resolves to another instance.
                    SqlState::READ_ONLY_SQL_TRANSACTION,
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::TOO_MANY_CONNECTIONS,
                ];
                transient.iter().any(|state| state.code() == code) || code.starts_with("08")
            }
            _ => false,
        }
    }

    /// Reports whether the connection can no longer be used.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::Timeout | Self::Broken(_) => true,
            Self::Rejected { code, .. } => {
                code.starts_with("57P") || code.starts_with("08") || code == SqlState::READ_ONLY_SQL_TRANSACTION.code()
            }
            _ => false,
        }
    }

    /// Returns the SQLSTATE, if the server rejected a statement.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Rejected { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// The server, database, and role of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host name that is resolved and verified.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database's name.
    pub name: String,
    /// The role.
    pub user: String,
}

impl Target {
    /// The parameters that say where the database is.
    pub const PARAMETERS: [&str; 5] =
        ["database/name", "database/port", "database/proxy-endpoint", "database/user", "database/writer-endpoint"];

    /// Returns the application's target: the proxy if there is one, and otherwise the writer.
    pub fn application(configuration: &Configuration) -> Result<Self, ConfigurationError> {
        let host = match configuration.optional("database/proxy-endpoint") {
            Some(proxy) => proxy,
            None => configuration.required("database/writer-endpoint")?,
        };
        let user = configuration.optional("database/user").unwrap_or(APPLICATION_ROLE);
        Self::at(configuration, host, user)
    }

    /// Returns the migrations' target, which is always the writer itself.
    pub fn writer(configuration: &Configuration, user: &str) -> Result<Self, ConfigurationError> {
        Self::at(configuration, configuration.required("database/writer-endpoint")?, user)
    }

    fn at(configuration: &Configuration, host: &str, user: &str) -> Result<Self, ConfigurationError> {
        let port = u16::try_from(configuration.number("database/port")?)
            .map_err(|_| ConfigurationError::Malformed("database/port"))?;
        let name = configuration.required("database/name")?.to_owned();
        Ok(Self { host: host.to_owned(), port, name, user: user.to_owned() })
    }
}

/// The database connection of one execution environment.
pub struct Database {
    tls: MakeRustlsConnect,
    environment: Environment,
    credentials: Credentials,
    connection: Mutex<Option<(Target, Arc<Client>)>>,
}

impl Database {
    /// Reads the certificate authorities and creates the TLS client. Opens no connection.
    pub fn new(environment: Environment, credentials: Credentials) -> Result<Self, DatabaseError> {
        let tls = MakeRustlsConnect::new(tls_client(&environment)?);
        Ok(Self { tls, environment, credentials, connection: Mutex::new(None) })
    }

    /// Connects before the first request. A failure is ignored, because that request connects again.
    pub async fn warm_up(&self, configuration: &Configuration) {
        if let Ok(target) = Target::application(configuration) {
            let _ = timeout(CONNECT_TIMEOUT, self.client(&target)).await;
        }
    }

    /// Runs a unit of idempotent work on the environment's connection, and retries it after a transient failure.
    pub async fn run<T>(
        &self,
        configuration: &Configuration,
        observation: &Observation,
        work: impl AsyncFn(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let target = Target::application(configuration)?;
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let error = match self.attempt(&target, observation, &work).await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            if error.is_connection_lost() {
                *self.connection.lock().await = None;
            }
            let time_left = observation.remaining() > pause + ANSWER_TIMEOUT;
            if !error.is_transient() || attempt >= ATTEMPTS || !time_left {
                return Err(error);
            }
            observation.number("database_attempts", u64::from(attempt) + 1);
            observation.time(Part::Connect, sleep(pause)).await;
            pause *= 2;
        }
        Err(DatabaseError::Timeout)
    }

    async fn attempt<T>(
        &self,
        target: &Target,
        observation: &Observation,
        work: &impl AsyncFn(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let client = observation.time(Part::Connect, self.client(target)).await?;
        match observation.time(Part::Database, timeout(ANSWER_TIMEOUT, work(&client))).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(DatabaseError::Timeout),
        }
    }

    /// Returns the open connection to this target, or opens a new one.
    async fn client(&self, target: &Target) -> Result<Arc<Client>, DatabaseError> {
        let mut connection = self.connection.lock().await;
        if let Some((open_target, client)) = connection.as_ref()
            && open_target == target
            && !client.is_closed()
        {
            return Ok(Arc::clone(client));
        }
        let token = self.token(target)?;
        let client = Arc::new(self.connect(target, &token).await?);
        *connection = Some((target.clone(), Arc::clone(&client)));
        Ok(client)
    }

    /// Creates the IAM token for a target.
    pub fn token(&self, target: &Target) -> Result<Secret<String>, TokenError> {
        iam_token::token(
            &self.credentials,
            &self.environment.region,
            &target.host,
            target.port,
            &target.user,
            SystemTime::now(),
        )
    }

    /// Opens a connection that is not shared.
    pub async fn connect(&self, target: &Target, password: &Secret<String>) -> Result<Client, DatabaseError> {
        let mut config = Config::new();
        if let Some(address) = self.environment.database_address {
            config.hostaddr(address.ip());
        }
        config
            .host(&target.host)
            .port(self.environment.database_address.map_or(target.port, |address| address.port()))
            .dbname(&target.name)
            .user(&target.user)
            .password(password.expose())
            .application_name("payments")
            .ssl_mode(SslMode::Require)
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(30));
        let opening = timeout(CONNECT_TIMEOUT, config.connect(self.tls.clone()));
        let (client, connection) = opening.await.map_err(|_| DatabaseError::Timeout)??;
        // The task ends when the client is dropped or the connection breaks, which the client reports.
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Creates the TLS client. It verifies the chain and the name, as libpq does with `sslmode=verify-full`.
fn tls_client(environment: &Environment) -> Result<ClientConfig, DatabaseError> {
    let unreadable = |error: &dyn std::error::Error| DatabaseError::Authorities(error.to_string());
    let file = match &environment.database_ca_file {
        Some(path) => Some(std::fs::read(path).map_err(|error| unreadable(&error))?),
        None => None,
    };
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(file.as_deref().unwrap_or(AUTHORITIES)) {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        authorities.add(certificate).map_err(|error| unreadable(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(&error))?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_embedded_authorities_can_be_read() {
        let environment = Environment { database_ca_file: None, ..Environment::read() };
        assert!(tls_client(&environment).is_ok());
        assert_eq!(CertificateDer::pem_slice_iter(AUTHORITIES).filter(Result::is_ok).count(), 8);
    }

    /// Fails a year before the first authority expires, so that the bundle is renewed in time.
    #[test]
    fn no_embedded_authority_expires_soon() {
        use x509_cert::der::Decode;
        let in_a_year = SystemTime::now() + Duration::from_secs(365 * 24 * 3600);
        for certificate in CertificateDer::pem_slice_iter(AUTHORITIES) {
            let certificate = x509_cert::Certificate::from_der(&certificate.unwrap()).unwrap();
            let end = certificate.tbs_certificate.validity.not_after.to_system_time();
            assert!(end > in_a_year, "{}", certificate.tbs_certificate.subject);
        }
    }

    #[test]
    fn the_proxy_is_preferred_and_a_missing_endpoint_is_reported() {
        let mut parameters =
            vec![("database/writer-endpoint", "writer"), ("database/port", "5432"), ("database/name", "payments")];
        let read = |parameters: &[(&str, &str)]| {
            let pairs = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            Target::application(&Configuration::from_parameters(pairs))
        };
        assert_eq!(read(&parameters).unwrap().host, "writer");
        parameters.push(("database/proxy-endpoint", "proxy"));
        assert_eq!(read(&parameters).unwrap().host, "proxy");
        assert!(matches!(read(&[]), Err(ConfigurationError::Missing("database/writer-endpoint"))));
    }
}
