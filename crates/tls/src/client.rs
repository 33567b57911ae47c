//! Outgoing TLS connections: the one place that makes their configuration.
//!
//! Certificates are verified with the system's authorities and those of one further file. The system's are read once in a
//! process, when the first [`Trust`] is made.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Error;

/// An outgoing TLS connection.
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

/// The certificates that outgoing connections accept. Clones share them.
#[derive(Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The system's authorities, and those in `ca_files`, each of which has at least one certificate in PEM form. A server's own
    /// certificate may be among them.
    ///
    /// # Errors
    /// Those of [`Error`] about a file. A system without authorities is no error.
    pub fn load<F: AsRef<Path>>(ca_files: impl IntoIterator<Item = F>) -> Result<Self, Error> {
        let mut roots = SYSTEM.clone();
        for file in ca_files {
            let file = file.as_ref();
            for (index, certificate) in certificates(file)?.into_iter().enumerate() {
                let failed = |error| unusable(file, format!("certificate {}: {error}", index + 1));
                roots.add(certificate).map_err(failed)?;
            }
        }
        Ok(Self::of(roots))
    }

    fn of(roots: RootCertStore) -> Self {
        let roots = Arc::new(roots);
        let config = builder().with_root_certificates(roots.clone()).with_no_client_auth();
        Self { roots, config: Arc::new(config) }
    }

    /// The configuration of a connection.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::clone(&self.config)
    }

    /// The same of a connection on which this side shows a certificate, too.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if certificate and key do not belong together, [`Error::Rustls`] if they cannot be used.
    pub fn client_config_with(&self, identity: &Identity) -> Result<ClientConfig, Error> {
        let Identity { cert, key, chain, private_key } = identity;
        builder()
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(chain.clone(), private_key.clone_key())
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    Error::Mismatch { cert: cert.clone(), key: key.clone() }
                }
                error => Error::Rustls(error),
            })
    }

    /// A builder of HTTP clients. They do not follow redirects: what they send is meant for the server that they were given.
    pub fn http_client(&self) -> reqwest::ClientBuilder {
        #[expect(clippy::disallowed_methods, reason = "here it gets its TLS")]
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.client_config())
            .redirect(reqwest::redirect::Policy::none())
    }

    /// Makes TLS of a connection to the server called `host`, a name or an IP address. Nothing of the caller's is sent before the
    /// certificate has been verified.
    ///
    /// # Errors
    /// Whatever ends the handshake; see [`reason`](crate::reason).
    pub async fn connect(&self, host: &str, socket: TcpStream) -> io::Result<ClientStream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.config.clone()).connect(name, socket).await
    }
}

impl Default for Trust {
    /// The system's authorities.
    fn default() -> Self {
        Self::of(SYSTEM.clone())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} authorities)", self.roots.len())
    }
}

/// A certificate with its private key. Its `Debug` form does not show the key.
pub struct Identity {
    cert: PathBuf,
    key: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    private_key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate, with its chain, and its private key, both in PEM form.
    ///
    /// # Errors
    /// Those of [`Error`] that name one of the files.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, Error> {
        let private_key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => Error::NoKey(key.to_owned()),
            error => unusable(key, error.to_string()),
        })?;
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), chain: certificates(cert)?, private_key })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.cert.display())
    }
}

/// A builder of HTTP clients that trust the system's authorities.
pub fn http_client() -> reqwest::ClientBuilder {
    Trust::default().http_client()
}

static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!("some of the system's certificate authorities cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
});

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let all = all.map_err(|error| unusable(file, error.to_string()))?;
    if all.is_empty() { Err(Error::NoCertificate(file.to_owned())) } else { Ok(all) }
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(Error::file(file))
}

fn unusable(path: &Path, reason: String) -> Error {
    Error::Unusable { path: path.to_owned(), reason }
}
