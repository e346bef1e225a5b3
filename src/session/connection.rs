//! Where a command's calls go: to AWS, to an emulator, or to the sandbox, which is started if it does not run.

use std::collections::BTreeMap;

use payinfra_aws::{Connection, without_user};

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;
use crate::sandbox::{Options, Running, Sandbox};

/// A connection, and the sandbox if that is what answers.
pub struct Endpoint {
    pub connection: Connection,
    pub sandbox: Option<Running>,
}

impl Endpoint {
    /// The endpoint that the command line names; nothing is called yet.
    ///
    /// # Errors
    /// Where the sandbox does not start, or the address given for an emulator is not a URL.
    pub async fn of(global: &Global, screen: &Screen) -> Result<Self, CommandError> {
        let sandbox = if global.sandbox { Some(start_sandbox(screen).await?) } else { None };
        let endpoint = sandbox.as_ref().map(|running| running.endpoint.clone());
        let connection = Connection {
            profile: global.profile.clone(),
            endpoint_url: endpoint.or_else(|| global.endpoint_url.clone()),
            ..Connection::default()
        };
        let named = match &global.endpoint_url {
            Some(url) => Some(("--endpoint-url", url.clone())),
            None => connection.emulator_endpoint().map(|url| ("AWS_ENDPOINT_URL", url)),
        };
        match named {
            Some((source, url)) if !is_url(&url) => {
                let error = format!("{source}: `{}` is not the URL of an emulator", without_user(&url));
                Err(CommandError::new(Exit::Usage, error)
                    .hint("Nothing was changed. Write it with its scheme, such as http://127.0.0.1:4566."))
            }
            _ => Ok(Self { connection, sandbox }),
        }
    }

    /// Whether a database is known to be behind the emulator.
    pub fn has_database(&self) -> bool {
        self.sandbox.as_ref().is_some_and(|running| running.postgres.is_some())
    }

    /// Where that is, for people; `account` is the one that answered.
    pub fn place(&self, account: &str) -> String {
        match self.connection.shown_endpoint() {
            Some(endpoint) if self.sandbox.is_some() => format!("the sandbox at {endpoint}"),
            Some(endpoint) => format!("the emulator at {endpoint}"),
            None => format!("AWS account {account}, us-east-1"),
        }
    }

    /// What the sandbox's functions need to find the emulator and, instead of the Aurora endpoint that it only pretends
    /// to have, a database. Empty outside the sandbox.
    pub fn function_environment(&self) -> BTreeMap<String, String> {
        let Some(running) = &self.sandbox else { return BTreeMap::new() };
        let mut environment = BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), running.endpoint.clone())]);
        if let Some(database) = &running.postgres {
            let authority = database.ca_file.display().to_string();
            environment.insert("PAYMENTS_DATABASE_ADDRESS".to_owned(), database.address.clone());
            environment.insert("PAYMENTS_DATABASE_CA_FILE".to_owned(), authority.clone());
            environment.insert("PAYMENTS_DATABASE_MASTER_USER".to_owned(), database.master_user.to_owned());
            environment.insert("PAYMENTS_WEBHOOK_ALLOW_LOOPBACK_CA".to_owned(), authority);
        }
        environment
    }
}

/// Whether a text has a scheme, HTTP or HTTPS, and a host.
fn is_url(text: &str) -> bool {
    let Ok(url) = text.parse::<hyper::Uri>() else { return false };
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}

async fn start_sandbox(screen: &Screen) -> Result<Running, CommandError> {
    let mut notice = |text: &str| screen.note(text);
    Ok(Sandbox::locate()?.ensure(&Options { postgres: true, ..Options::default() }, &mut notice).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_needs_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:4566", "https://localhost/", "http://me:secret@[::1]:4566"] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["", "localhost:4566", "127.0.0.1", "http://", "ftp://localhost", "http://a b"] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
