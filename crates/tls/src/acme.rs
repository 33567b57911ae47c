//! Certificates from an authority that speaks ACME (RFC 8555), such as Let's Encrypt.
//!
//! The authority checks a domain by a handshake with the server's own port, which it reaches as port 443 (TLS-ALPN-01, RFC 8737).
//! The account's key and the certificate are kept in a folder, for the owner only.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::StreamExt;
use rustls::{ClientConfig, crypto::CryptoProvider, server::ResolvesServerCert};
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventError};

use crate::{Error, certificate::Certificate, current::Current, private_file};

/// The ALPN name of the authority's check (RFC 8737, section 6.2).
pub(crate) const PROTOCOL: &str = "acme-tls/1";
/// Bytes of the hash in a file's name.
const NAME_BYTES: usize = 8;

/// What is asked of the authority.
#[derive(Clone, Debug)]
pub struct Acme {
    /// The DNS names of the certificate.
    pub domains: Vec<String>,
    /// Where the authority reaches the operator, as URLs such as `mailto:operator@example.org`.
    pub contact: Vec<String>,
    /// The URL of the authority's directory.
    pub directory: String,
    /// The folder for certificate and account key; it is created if it is missing.
    pub folder: PathBuf,
    /// What the connection to the authority trusts.
    pub client: Arc<ClientConfig>,
}

/// The orders of a port.
pub(crate) struct Orders {
    state: AcmeState<Error>,
    file: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Orders {
    /// Nothing is sent before [`Orders::run`].
    ///
    /// # Errors
    /// Names the folder that cannot be created.
    pub(crate) fn new(acme: Acme, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let Acme { domains, contact, directory, folder, client } = acme;
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let kept = Kept { folder };
        let file = kept.certificate(&domains, &directory);
        let config = AcmeConfig::new_with_client_config(domains, client)
            .cache(kept)
            .contact(contact)
            .directory(directory);
        Ok(Self { state: config.state(), file, provider })
    }

    /// Presents the certificate, or the proof that the authority checks.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.state.resolver()
    }

    /// The file of certificate and key. It does not exist before the first order has succeeded.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The certificate that an earlier run left.
    pub(crate) fn kept(&self) -> Option<Certificate> {
        Certificate::read(&self.file, &self.file, &self.provider).ok()
    }

    /// Orders certificates and renews them when a third of their time is left. Runs until dropped.
    pub(crate) async fn run(mut self, current: &Current) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(_) => self.note(current),
                Err(EventError::Order(error)) => {
                    tracing::error!(%error, "the ACME authority issued no certificate; trying again");
                }
                Err(error) => tracing::error!(%error, "cannot keep or read what the ACME authority issued"),
            }
        }
    }

    /// Notes the certificate that is presented from now on.
    fn note(&self, current: &Current) {
        let Some(certificate) = self.kept() else { return };
        if current.get().is_none_or(|current| current.fingerprint != certificate.fingerprint) {
            tracing::info!(fingerprint = %certificate.fingerprint, "the ACME authority issued a certificate");
            current.replace(certificate);
        }
    }
}

/// The folder with what lasts.
struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Another directory or other domains are another file.
    fn path(&self, kind: &str, names: &[String], directory: &str) -> PathBuf {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        for part in names.iter().map(String::as_str).chain([directory]) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut name = format!("acme-{kind}-");
        for byte in hash.finish().as_ref().iter().take(NAME_BYTES) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        self.folder.join(format!("{name}.pem"))
    }

    fn certificate(&self, domains: &[String], directory: &str) -> PathBuf {
        self.path("certificate", domains, directory)
    }

    fn account(&self, contact: &[String], directory: &str) -> PathBuf {
        self.path("account", contact, directory)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(Error::file(path)),
    }
}

#[async_trait::async_trait]
impl CertCache for Kept {
    type EC = Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> Result<Option<Vec<u8>>, Error> {
        read(&self.certificate(domains, directory))
    }

    async fn store_cert(&self, domains: &[String], directory: &str, cert: &[u8]) -> Result<(), Error> {
        private_file::replace(&self.certificate(domains, directory), cert)
    }
}

#[async_trait::async_trait]
impl AccountCache for Kept {
    type EA = Error;

    async fn load_account(&self, contact: &[String], directory: &str) -> Result<Option<Vec<u8>>, Error> {
        read(&self.account(contact, directory))
    }

    async fn store_account(&self, contact: &[String], directory: &str, account: &[u8]) -> Result<(), Error> {
        private_file::replace(&self.account(contact, directory), account)
    }
}
