//! A certificate that this server signs itself, kept in a folder.
//!
//! `self-signed.pem` holds the key and the certificate, for the owner only; `certificate.pem` holds the certificate alone, for
//! clients that should trust it. A renewed certificate keeps its key, so that clients that trust the key go on doing so.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::crypto::CryptoProvider;

use crate::{Error, Name, certificate::Certificate, machine, private_file};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Apple's systems accept no server certificate of more than 825 days.
const VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// It is renewed this long before it expires.
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Key and certificate.
pub(crate) const FILE: &str = "self-signed.pem";
/// The certificate alone.
const PUBLIC_FILE: &str = "certificate.pem";

pub(crate) struct SelfSigned {
    folder: PathBuf,
    further: Vec<Name>,
    provider: Arc<CryptoProvider>,
}

/// Why a certificate is made anew.
#[derive(Debug, PartialEq, Eq)]
enum Renewal {
    Expires,
    Lacks(Name),
}

impl SelfSigned {
    /// The certificate of `folder`, made or renewed if need be. It covers the machine's names and the `further` ones.
    ///
    /// # Errors
    /// Names the file that cannot be used, read or written.
    pub(crate) fn open(
        folder: PathBuf,
        further: Vec<Name>,
        provider: Arc<CryptoProvider>,
    ) -> Result<(Self, Certificate), Error> {
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let this = Self { folder, further, provider };
        let path = this.path();
        let certificate = if path.try_exists().map_err(Error::file(&path))? {
            let kept = Certificate::read(&path, &path, &this.provider)?;
            this.renew(&kept, SystemTime::now())?.unwrap_or(kept)
        } else {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_make)?;
            this.make(&key, &this.names(), SystemTime::now())?
        };
        Ok((this, certificate))
    }

    /// The renewed certificate, if `kept` expires or lacks a name of the machine.
    ///
    /// # Errors
    /// Names the file that cannot be read or written.
    pub(crate) fn renew(&self, kept: &Certificate, now: SystemTime) -> Result<Option<Certificate>, Error> {
        let names = self.names();
        let Some(renewal) = renewal(kept, &names, now) else { return Ok(None) };
        let path = self.path();
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let unusable = |error: rcgen::Error| Error::Unusable { path, reason: error.to_string() };
        let certificate = self.make(&KeyPair::from_pem(&text).map_err(unusable)?, &names, now)?;
        let why = match renewal {
            Renewal::Expires => "it expires soon".to_owned(),
            Renewal::Lacks(name) => format!("it does not cover {name}, a name of this machine"),
        };
        tracing::warn!(
            fingerprint = %certificate.fingerprint,
            "renewed the self-signed certificate, because {why}; browsers that trusted the old one ask again"
        );
        Ok(Some(certificate))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn names(&self) -> Vec<Name> {
        let mut names = machine::names();
        names.extend(self.further.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
        names
    }

    fn make(&self, key: &KeyPair, names: &[Name], now: SystemTime) -> Result<Certificate, Error> {
        let certificate = params(names, now).self_signed(key).map_err(cannot_make)?;
        private_file::replace(
            &self.path(),
            format!("{}{}", key.serialize_pem(), certificate.pem()).as_bytes(),
        )?;
        let public = self.folder.join(PUBLIC_FILE);
        fs::write(&public, certificate.pem()).map_err(Error::file(&public))?;
        Certificate::read(&self.path(), &self.path(), &self.provider)
    }
}

fn cannot_make(error: rcgen::Error) -> Error {
    Error::Make(error.to_string())
}

fn renewal(kept: &Certificate, names: &[Name], now: SystemTime) -> Option<Renewal> {
    if kept.expires < now + RENEWED_BEFORE {
        return Some(Renewal::Expires);
    }
    names.iter().find(|name| !kept.covers(name)).map(|name| Renewal::Lacks(name.clone()))
}

fn params(names: &[Name], now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.iter().filter_map(alternative).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Undead, self-signed");
    // From yesterday on: clocks of clients may be behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now + VALID).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn alternative(name: &Name) -> Option<SanType> {
    match name {
        Name::Dns(name) => name.as_str().try_into().ok().map(SanType::DnsName),
        Name::Ip(ip) => Some(SanType::IpAddress(*ip)),
    }
}

/// The file of key and certificate in `folder`: other processes of this machine may serve with it.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use crate::server::provider;

    use super::*;

    fn open(folder: &Path, further: &[&str]) -> (SelfSigned, Certificate) {
        let further = further.iter().map(|name| name.parse().unwrap()).collect();
        SelfSigned::open(folder.to_owned(), further, provider()).unwrap()
    }

    #[test]
    fn the_certificate_covers_the_machine_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let (_, made) = open(&folder, &["stream.example.org", "192.0.2.7"]);
        let wanted = ["localhost", "127.0.0.1", "::1", "stream.example.org", "192.0.2.7"];
        for name in wanted.map(|name| name.parse().unwrap()).into_iter().chain(machine::names()) {
            assert!(made.covers(&name), "{name}");
        }
        let (_, again) = open(&folder, &["stream.example.org"]);
        assert_eq!(made.fingerprint, again.fingerprint, "one name less is no reason to renew it");
        let (_, renewed) = open(&folder, &["other.example.org"]);
        assert_ne!(made.fingerprint, renewed.fingerprint);
        assert!(renewed.covers(&"other.example.org".parse().unwrap()));
        let spki = |certificate: &Certificate| certificate.key.key.public_key().unwrap().to_vec();
        assert_eq!(spki(&made), spki(&renewed), "the key stays");
        assert!(!fs::read_to_string(folder.join(PUBLIC_FILE)).unwrap().contains("PRIVATE"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn it_is_renewed_a_month_before_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let (source, made) = open(folder.path(), &[]);
        let now = SystemTime::now();
        assert!(source.renew(&made, now + VALID - RENEWED_BEFORE - DAY).unwrap().is_none());
        let renewed = source.renew(&made, now + VALID - RENEWED_BEFORE + DAY).unwrap().unwrap();
        assert!(renewed.expires > made.expires);
        assert_eq!(open(folder.path(), &[]).1.fingerprint, renewed.fingerprint, "it is kept");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "damaged").unwrap();
        let error = SelfSigned::open(folder.path().to_owned(), Vec::new(), provider()).err().unwrap();
        assert!(error.to_string().contains("self-signed.pem: no certificate"), "{error}");
    }
}
