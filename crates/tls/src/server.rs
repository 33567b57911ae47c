//! The TLS of a port: where its certificate comes from, and the configuration for rustls.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{NoServerSessionStorage, ResolvesServerCert},
    version::{TLS12, TLS13},
};
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    Acme, Error, Fingerprint, Name,
    acme::{self, Orders},
    certificate::Certificate,
    current::Current,
    files::Files,
    self_signed::{self, SelfSigned},
};

/// Time between two checks of certificate files.
const FILES_INTERVAL: Duration = Duration::from_secs(2);
/// Time between two checks whether the machine has new names or the certificate expires.
const NAMES_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// From then on an expiring certificate is warned of when the server starts.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Session tickets in a TLS 1.3 handshake: one resumption for each is enough, browsers get a new one each time.
const TICKETS: usize = 1;

/// Where the certificate of a port comes from.
#[derive(Clone, Debug)]
pub enum Mode {
    /// From files in PEM form, which may be the same. Changed files are read while the port serves.
    Files {
        /// The chain, the server's own certificate first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made by this server, and kept in a folder.
    SelfSigned {
        /// The folder; it is created if it is missing.
        folder: PathBuf,
        /// Names and addresses that it covers beside those of the machine.
        names: Vec<Name>,
    },
    /// From an authority that speaks ACME. There is none until the first order has succeeded; handshakes fail until then.
    Acme(Acme),
}

/// The TLS of a port.
pub struct Server {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    source: Source,
    files: (PathBuf, PathBuf),
    public_name: Option<Name>,
}

enum Source {
    Files(Files),
    SelfSigned(SelfSigned),
    Acme(Box<Orders>),
}

/// The part of a server's TLS that tells about its certificate.
#[derive(Clone, Debug)]
pub struct Presented(Arc<Current>);

impl Presented {
    /// The names and addresses for which the certificate is valid; none before there is one.
    pub fn names(&self) -> Vec<Name> {
        self.0.get().map_or_else(Vec::new, |certificate| certificate.names)
    }

    /// The certificate's fingerprint, if there is one yet.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.get().map(|certificate| certificate.fingerprint)
    }

    /// When the certificate expires, in seconds since 1970, if there is one yet.
    pub fn expires_s(&self) -> Option<u64> {
        self.0.expires_s()
    }
}

impl Server {
    /// Reads or makes the certificate. `protocols` are the ALPN names that clients may choose from (RFC 7301), the preferred
    /// one first.
    ///
    /// # Errors
    /// Says which file is missing, or cannot be used or written, and why.
    pub fn open(mode: Mode, protocols: &[&str]) -> Result<Self, Error> {
        let provider = provider();
        let (source, certificate, files, public_name) = match mode {
            Mode::Files { cert, key } => {
                let paths = (cert.clone(), key.clone());
                let (files, certificate) = Files::open(cert, key, provider.clone())?;
                let name = public_name(&certificate.names);
                (Source::Files(files), Some(certificate), paths, name)
            }
            Mode::SelfSigned { folder, names } => {
                let (path, name) = (self_signed::file(&folder), public_name(&names));
                let (source, certificate) = SelfSigned::open(folder, names, provider.clone())?;
                (Source::SelfSigned(source), Some(certificate), (path.clone(), path), name)
            }
            Mode::Acme(acme) => {
                let name = acme.domains.first().cloned().map(Name::Dns);
                let orders = Orders::new(acme, provider.clone())?;
                let (kept, path) = (orders.kept(), orders.file().to_owned());
                (Source::Acme(Box::new(orders)), kept, (path.clone(), path), name)
            }
        };
        if let Some(certificate) = &certificate {
            warn_of_expiry(certificate.expires, SystemTime::now());
        }
        let current = Current::new(certificate);
        let (resolver, further): (Arc<dyn ResolvesServerCert>, _) = match &source {
            Source::Acme(orders) => (orders.resolver(), Some(acme::PROTOCOL)),
            Source::Files(_) | Source::SelfSigned(_) => (current.clone(), None),
        };
        let protocols: Vec<_> = protocols.iter().copied().chain(further).collect();
        let config = Arc::new(config(provider, resolver, &protocols)?);
        Ok(Self { config, current, source, files, public_name })
    }

    /// The configuration of every connection to the port.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// What tells about the certificate, now and after it was replaced.
    pub fn presented(&self) -> Presented {
        Presented(self.current.clone())
    }

    /// The name by which the operator wants the server to be reached: the first of the certificate, or of the names that were
    /// given for a self-signed one.
    pub fn public_name(&self) -> Option<Name> {
        self.public_name.clone()
    }

    /// The files of certificate and key, with which other processes of this machine may serve.
    pub fn files(&self) -> (&Path, &Path) {
        (&self.files.0, &self.files.1)
    }

    /// Replaces the certificate when its files have changed, when it expires, or when the machine has new names. Runs until
    /// dropped. A certificate that cannot be used is logged, and the present one stays.
    pub async fn run(self) {
        let Self { current, source, .. } = self;
        match source {
            Source::Acme(orders) => orders.run(&current).await,
            Source::Files(mut files) => every(FILES_INTERVAL, current, move |_| files.check()).await,
            Source::SelfSigned(source) => {
                let renew = move |current: &Current| match current.get() {
                    Some(kept) => source.renew(&kept, SystemTime::now()),
                    None => Ok(None),
                };
                every(NAMES_INTERVAL, current, renew).await;
            }
        }
    }
}

/// Replaces the certificate by what `check` finds, on a thread that may wait for files.
async fn every<F>(interval: Duration, current: Arc<Current>, mut check: F)
where
    F: FnMut(&Current) -> Result<Option<Certificate>, Error> + Send + 'static,
{
    loop {
        sleep(interval).await;
        let presented = current.clone();
        let checked = spawn_blocking(move || {
            let checked = check(&presented);
            (check, checked)
        });
        // The thread ends early only if it panics, or with the runtime.
        let Ok((after, checked)) = checked.await else { return };
        check = after;
        match checked {
            Ok(None) => {}
            Ok(Some(certificate)) => {
                tracing::info!(fingerprint = %certificate.fingerprint, "the TLS certificate was replaced");
                current.replace(certificate);
            }
            Err(error) => {
                tracing::error!(%error, "cannot use the new TLS certificate; the present one stays");
            }
        }
    }
}

/// The first DNS name, or else the first address. A wildcard is no name of a server.
fn public_name(names: &[Name]) -> Option<Name> {
    let is_dns = |name: &&Name| matches!(name, Name::Dns(name) if !name.starts_with('*'));
    names.iter().find(is_dns).or_else(|| names.iter().find(|name| matches!(name, Name::Ip(_)))).cloned()
}

fn warn_of_expiry(expires: SystemTime, now: SystemTime) {
    if expires < now {
        tracing::warn!("the TLS certificate has expired; clients refuse it");
    } else if expires < now + EXPIRES_SOON {
        tracing::warn!("the TLS certificate expires in less than 7 days");
    }
}

/// The one provider of cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// TLS 1.2 and 1.3 without client certificates. Sessions are resumed with tickets, which cost the server no memory.
fn config(
    provider: Arc<CryptoProvider>,
    resolver: Arc<dyn ResolvesServerCert>,
    protocols: &[&str],
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}
