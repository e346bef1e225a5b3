//! A sandbox of a test's own, and its database.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, Payinfra, artifacts};

/// A sandbox of the test's own; the installed packages are the shared ones.
pub struct Own {
    /// The binary, at work on this sandbox.
    pub payinfra: Payinfra,
    /// The folder it lives in.
    pub cache: TempDir,
}

impl Own {
    /// Makes the folder; nothing is started yet.
    pub fn new() -> Self {
        let cache = TempDir::new().unwrap();
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/setup");
        let made = Command::new(setup).arg("ministack").stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success());
        let interpreter = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let environment = interpreter.parent().unwrap().parent().unwrap();
        let place = cache.path().join("sandbox");
        std::fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink(environment, place.join(environment.file_name().unwrap())).unwrap();
        let payinfra = Payinfra::alone().variable("PAYINFRA_CACHE", cache.path().to_str().unwrap());
        Self { payinfra, cache }
    }

    /// Runs `payinfra sandbox …`.
    pub fn sandbox(&self, arguments: &[&str]) -> Finished {
        self.payinfra.run(["sandbox"].iter().chain(arguments))
    }

    /// The `running` part of the answer; null if nothing runs.
    pub fn running(&self, arguments: &[&str]) -> Value {
        let finished = self.payinfra.run(["--json", "sandbox"].iter().chain(arguments)).expect(0);
        serde_json::from_str::<Value>(&finished.out).unwrap()["running"].take()
    }

    /// Writes the configuration; the functions' code is this checkout's.
    pub fn configure(&self, text: &str) {
        let artifacts = artifacts();
        self.payinfra.configure(&text.replace("[functions]", &format!("[functions]\nartifacts = {artifacts:?}")));
    }

    /// Runs a command on the sandbox's stack.
    pub fn stack(&self, arguments: &[&str]) -> Finished {
        self.payinfra.run(arguments.iter().chain(&["--sandbox"]))
    }

    /// The emulator's address.
    pub fn endpoint(&self) -> String {
        self.running(&["status"])["endpoint"].as_str().unwrap().to_owned()
    }

    /// One of the stack's addresses or names.
    pub fn output(&self, name: &str) -> String {
        self.stack(&["outputs", name]).expect(0).out.trim().to_owned()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.sandbox(&["reset"]);
    }
}

/// A connection as a function makes it: certificate and name verified, any token as the password.
pub async fn database(running: &Value, name: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let database = &running["postgres"];
    let (host, port) = database["address"].as_str().unwrap().split_once(':').unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(database["ca_file"].as_str().unwrap()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let (client, connection) = tokio_postgres::Config::new()
        .host(name)
        .hostaddr(host.parse().unwrap())
        .port(port.parse().unwrap())
        .user(database["master_user"].as_str().unwrap())
        .password("any token")
        .dbname(database["database"].as_str().unwrap())
        .ssl_mode(tokio_postgres::config::SslMode::Require)
        .connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls))
        .await?;
    tokio::spawn(connection);
    Ok(client)
}
