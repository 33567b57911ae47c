//! A certificate with its key, as files hold it (RFC 7468), and what it says about itself (RFC 5280).

use std::{fmt, fs, net::IpAddr, path::Path, sync::Arc, time::SystemTime};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use crate::{Error, Name};

/// Largest file that is read, in bytes: a chain has a few kilobytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The SHA-256 hash of a certificate. Its text form is the one that browsers show: bytes in hexadecimal, with colons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        Self(std::array::from_fn(|at| digest.as_ref().get(at).copied().unwrap_or_default()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A chain with its private key, ready for handshakes.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    /// The names and addresses for which it is valid.
    pub(crate) names: Vec<Name>,
    pub(crate) expires: SystemTime,
    pub(crate) fingerprint: Fingerprint,
}

impl Certificate {
    /// Reads a chain, the server's own certificate first, and its key. One file may hold both.
    ///
    /// # Errors
    /// Names the file that is missing or cannot be used.
    pub(crate) fn read(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<Self, Error> {
        let unusable = |path: &Path, reason: String| Error::Unusable { path: path.to_owned(), reason };
        let text = read(cert)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| unusable(cert, error.to_string()))?;
        let Some(first) = chain.first() else { return Err(Error::NoCertificate(cert.to_owned())) };
        let fingerprint = Fingerprint::of(first);
        let (names, expires) = facts(first).map_err(|reason| unusable(cert, reason))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => Error::NoKey(key.to_owned()),
            error => unusable(key, error.to_string()),
        })?;
        let certified = CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                Error::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            error => unusable(key, error.to_string()),
        })?;
        Ok(Self { key: Arc::new(certified), names, expires, fingerprint })
    }

    /// Whether the certificate is valid for `name`, without regard to wildcards.
    pub(crate) fn covers(&self, name: &Name) -> bool {
        self.names.contains(name)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(path).map_err(Error::file(path))?.len();
    if size > MAX_FILE_BYTES {
        let reason = format!("larger than {MAX_FILE_BYTES} bytes");
        return Err(Error::Unusable { path: path.to_owned(), reason });
    }
    fs::read(path).map_err(Error::file(path))
}

/// The names of a certificate, and when it expires.
fn facts(certificate: &CertificateDer<'_>) -> Result<(Vec<Name>, SystemTime), String> {
    let (_, read) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let names =
        read.subject_alternative_name().map_err(|error| format!("its names cannot be read: {error}"))?;
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect();
    Ok((names, read.validity().not_after.to_datetime().into()))
}

fn name(name: &GeneralName<'_>) -> Option<Name> {
    match name {
        GeneralName::DNSName(name) => Some(Name::Dns(name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            ip.ok().map(Name::Ip)
        }
        _ => None,
    }
}
