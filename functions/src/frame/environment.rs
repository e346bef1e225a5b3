//! The function's environment variables.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::frame::observation::Level;

/// The settings of one function; each field names its variable.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the function's full name, set by Lambda.
    pub function_name: Option<String>,
    /// `PAYMENTS_LOG_LEVEL`: `debug`, `info`, `warn`, or `error`; `info` for anything else.
    pub log_level: Level,
    /// `PAYMENTS_PARAMETER_PATH`: the path of the configuration in Parameter Store, without a trailing slash.
    pub parameter_path: String,
    /// `PAYMENTS_CONFIGURATION_MAX_AGE_SECONDS`: the maximum age of a cached configuration; 30 s by
    /// default.
    pub configuration_max_age: Duration,
    /// `AWS_REGION`; `us-east-1` by default.
    pub region: String,
    /// `AWS_ENDPOINT_URL`: another endpoint for all AWS services, such as the sandbox's.
    pub endpoint_url: Option<String>,
    /// `PAYMENTS_DATABASE_ADDRESS`: the address to connect to instead of resolving the database's host name. The name
    /// is still verified, as with libpq's `hostaddr`.
    pub database_address: Option<SocketAddr>,
    /// `PAYMENTS_DATABASE_CA_FILE`: the certificate authorities to trust instead of Amazon's.
    pub database_ca_file: Option<PathBuf>,
    /// `PAYMENTS_DATABASE_MASTER_USER`: the user to run migrations as, with an IAM token instead of the managed secret.
    pub database_master_user: Option<String>,
    /// `PAYMENTS_WEBHOOK_ALLOW_LOOPBACK_CA`: allow webhooks to 127.0.0.1 if this authority issued the certificate. The
    /// variable is ignored unless all AWS services are emulated on this machine, so it has no effect in AWS.
    pub webhook_loopback_ca: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of the process.
    pub fn read() -> Self {
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let seconds = text("PAYMENTS_CONFIGURATION_MAX_AGE_SECONDS").and_then(|v| v.parse().ok());
        let endpoint_url = text("AWS_ENDPOINT_URL");
        let is_local = endpoint_url.as_deref().is_some_and(is_loopback);
        Self {
            function_name: text("AWS_LAMBDA_FUNCTION_NAME"),
            log_level: text("PAYMENTS_LOG_LEVEL").and_then(|name| Level::from_name(&name)).unwrap_or(Level::Info),
            parameter_path: text("PAYMENTS_PARAMETER_PATH").unwrap_or_default().trim_end_matches('/').to_owned(),
            configuration_max_age: Duration::from_secs(seconds.unwrap_or(30)),
            region: text("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint_url,
            database_address: text("PAYMENTS_DATABASE_ADDRESS").and_then(|v| v.parse().ok()),
            database_ca_file: text("PAYMENTS_DATABASE_CA_FILE").map(PathBuf::from),
            database_master_user: text("PAYMENTS_DATABASE_MASTER_USER"),
            webhook_loopback_ca: text("PAYMENTS_WEBHOOK_ALLOW_LOOPBACK_CA").filter(|_| is_local).map(PathBuf::from),
        }
    }
}

/// Reports whether an endpoint is exactly `http://127.0.0.1:<port>`, with or without a trailing slash.
fn is_loopback(endpoint: &str) -> bool {
    let authority = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    authority.and_then(|authority| authority.parse::<SocketAddr>().ok()).is_some_and(|a| a.ip() == Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_emulator_on_this_machine_is_local() {
        assert!(is_loopback("http://127.0.0.1:4566") && is_loopback("http://127.0.0.1:4566/"));
        for endpoint in [
            "https://sns.us-east-1.amazonaws.com",
            "http://127.0.0.1.example.com:80",
            "http://127.0.0.1:80@example.com",
            "http://10.0.0.1:4566",
            "https://127.0.0.1:4566",
            "",
        ] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }
}
