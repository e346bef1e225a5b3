//! The sandbox's own certificate authority and the database's certificate.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::cache::replace_private;

/// Names that the certificate always covers. The names that the emulator gives to clusters and proxies have a random
/// part and one label too many for the wildcard, so they are added once they are known.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "*.us-east-1.rds.amazonaws.com"];

/// The files of the authority and of the server, all in one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Names the folder, which must exist; nothing is read or written yet.
    pub fn within(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The authority's certificate, for clients.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate.
    pub fn server(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.folder.join("server-key.pem")
    }

    /// Creates what is missing, and a new server certificate (from the same authority) if it does not cover `names` yet.
    /// Returns whether the server's files changed.
    pub fn cover(&self, names: &[String]) -> Result<bool> {
        let listed = std::fs::read_to_string(self.folder.join("names")).unwrap_or_default();
        let former: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        let mut wanted = former.clone();
        wanted.extend(NAMES.iter().map(|name| (*name).to_owned()));
        wanted.extend(names.iter().cloned());
        let complete = [self.authority(), self.server(), self.server_key()].iter().all(|file| file.exists());
        if complete && wanted == former {
            return Ok(false);
        }
        let issuer = self.issuer()?;
        let key = KeyPair::generate().context("cannot create the database's key")?;
        let list: Vec<String> = wanted.into_iter().collect();
        let mut params = CertificateParams::new(list.clone()).context("cannot create the database's certificate")?;
        params.distinguished_name = named("payinfra sandbox database");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &issuer).context("cannot sign the database's certificate")?;
        replace_private(&self.server_key(), key.serialize_pem().as_bytes())?;
        replace_private(&self.server(), certificate.pem().as_bytes())?;
        replace_private(&self.folder.join("names"), list.join("\n").as_bytes())?;
        Ok(true)
    }

    /// A certificate for 127.0.0.1 and its key, as PEM, for a listener that lives as long as one command; nothing if
    /// the authority does not exist yet.
    pub fn listener(&self) -> Result<Option<(String, String)>> {
        if !self.authority().exists() {
            return Ok(None);
        }
        let key = KeyPair::generate().context("cannot create the listener's key")?;
        let names = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).context("cannot create the listener's certificate")?;
        params.distinguished_name = named("payinfra verify");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer()?).context("cannot sign the listener's certificate")?;
        Ok(Some((certificate.pem(), key.serialize_pem())))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>> {
        let key_file = self.folder.join("ca-key.pem");
        let mut params = CertificateParams::default();
        params.distinguished_name = named("payinfra sandbox authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        if self.authority().exists()
            && let Ok(text) = std::fs::read_to_string(&key_file)
            && let Ok(key) = KeyPair::from_pem(&text)
        {
            return Ok(Issuer::new(params, key));
        }
        let key = KeyPair::generate().context("cannot create the sandbox's authority")?;
        let certificate = params.self_signed(&key).context("cannot create the sandbox's authority")?;
        replace_private(&key_file, key.serialize_pem().as_bytes())?;
        publish(&self.authority(), certificate.pem().as_bytes())?;
        Ok(Issuer::new(params, key))
    }
}

/// Clients may run as another user than the one who created the authority.
fn publish(path: &Path, text: &[u8]) -> Result<()> {
    replace_private(path, text)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
        .with_context(|| format!("cannot make {} readable", path.display()))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_new_name_needs_a_new_certificate_from_the_same_authority() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::within(folder.path().to_owned());
        assert!(certificates.cover(&[]).unwrap());
        let authority = std::fs::read(certificates.authority()).unwrap();
        let server = std::fs::read(certificates.server()).unwrap();
        assert!(!certificates.cover(&[]).unwrap());
        assert!(certificates.cover(&["a.cluster-1.us-east-1.rds.amazonaws.com".into()]).unwrap());
        assert!(!certificates.cover(&["a.cluster-1.us-east-1.rds.amazonaws.com".into()]).unwrap());
        assert_eq!(std::fs::read(certificates.authority()).unwrap(), authority);
        assert_ne!(std::fs::read(certificates.server()).unwrap(), server);
    }
}
