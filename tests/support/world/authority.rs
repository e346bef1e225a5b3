//! The certificate authority of one world, and a certificate for AWS's endpoints from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What the endpoints in us-east-1 are called: each star is one label (RFC 9525, section 6.3).
const NAMES: [&str; 7] = [
    "*.amazonaws.com",
    "*.us-east-1.amazonaws.com",
    "*.s3.us-east-1.amazonaws.com",
    "*.s3.amazonaws.com",
    "*.ddb.us-east-1.amazonaws.com",
    "*.execute-api.us-east-1.amazonaws.com",
    "*.us-east-1.api.aws",
];

/// The authority.
pub struct Authority {
    file: PathBuf,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes one whose certificate is in this folder; its key is thrown away.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        // Another name than the certificates' own default: one that names itself as its issuer counts as self-signed.
        params.distinguished_name.push(DnType::CommonName, "payinfra test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let file = folder.join("authority.pem");
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let names = NAMES.map(ToOwned::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        // Python's strict checks ask for it.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self { file, acceptor: Arc::new(config).into() }
    }

    /// The file with the authority's certificate, for `SSL_CERT_FILE`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What a server that is taken for AWS accepts connections with.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}
