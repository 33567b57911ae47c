//! A private certificate authority for tests, with what it issues as PEM files in a folder that is removed in the end; a port
//! with TLS, and HTTP clients.

mod front;

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

pub use front::Front;

/// How long certificates are valid.
const VALID: Duration = Duration::days(30);

/// Authorities made so far: each has a name of its own.
static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);

/// An authority of its own.
pub struct Authority {
    issuer: rcgen::Certificate,
    key: KeyPair,
    written: AtomicUsize,
    folder: TempDir,
}

/// The files of a certificate, for servers and clients alike.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = format!("Undead test authority {}", AUTHORITIES.fetch_add(1, Relaxed));
        let mut params = params(&[], OffsetDateTime::now_utc(), &name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = params.self_signed(&key).map_err(io::Error::other)?;
        let authority = Self { issuer, key, written: AtomicUsize::new(0), folder };
        std::fs::write(authority.file(), authority.issuer.pem())?;
        Ok(authority)
    }

    /// The file with the authority's own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    /// The folder with everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for `names`, which may be IP addresses.
    ///
    /// # Errors
    /// If a name is invalid or a file cannot be written.
    pub fn issue(&self, names: &[&str]) -> io::Result<Certificate> {
        self.issue_from(names, OffsetDateTime::now_utc())
    }

    /// The same, that expired yesterday.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_expired(&self, names: &[&str]) -> io::Result<Certificate> {
        self.issue_from(names, OffsetDateTime::now_utc() - VALID - Duration::days(1))
    }

    /// A certificate that no authority has signed, kept beside the authority's.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn self_signed(&self, names: &[&str]) -> io::Result<Certificate> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = params(names, OffsetDateTime::now_utc(), "self-signed")?;
        self.write(&params.self_signed(&key).map_err(io::Error::other)?, &key)
    }

    fn issue_from(&self, names: &[&str], now: OffsetDateTime) -> io::Result<Certificate> {
        let mut params = params(names, now, "issued")?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        self.write(&params.signed_by(&key, &self.issuer, &self.key).map_err(io::Error::other)?, &key)
    }

    fn write(&self, cert: &rcgen::Certificate, key: &KeyPair) -> io::Result<Certificate> {
        let number = self.written.fetch_add(1, Relaxed);
        let file = |kind: &str| self.folder().join(format!("{number}.{kind}.pem"));
        let files = Certificate { cert: file("cert"), key: file("key") };
        std::fs::write(&files.cert, cert.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }
}

/// A builder of HTTP clients that trust the system's authorities, follow redirects and ask no proxy.
pub fn client_builder() -> reqwest::ClientBuilder {
    tls::http_client().redirect(reqwest::redirect::Policy::default()).no_proxy()
}

/// An HTTP client of that kind.
pub fn client() -> reqwest::Client {
    client_builder().build().expect("rustls needs nothing of the system")
}

/// A `GET` request of a client of its own.
///
/// # Errors
/// Those of [`reqwest::get`].
pub async fn get(url: impl reqwest::IntoUrl) -> reqwest::Result<reqwest::Response> {
    client().get(url).send().await
}

fn params(names: &[&str], now: OffsetDateTime, name: &str) -> io::Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // An hour, because clocks differ.
    params.not_before = now - Duration::HOUR;
    params.not_after = now + VALID;
    Ok(params)
}
