//! TLS of the port, for every command that serves.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};
use tls::{Acme, Mode, Name, Trust};

use super::Contradiction;
use crate::address;

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMode {
    /// No TLS: plain HTTP
    Off,
    /// A certificate from the files tls_cert and tls_key
    Files,
    /// A certificate that this server makes for this machine
    SelfSigned,
    /// A certificate from an authority that speaks ACME, such as Let's Encrypt
    Acme,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsOptions {
    /// TLS of the port: none, with the certificate in tls_cert, with one that the server makes itself, or with one that it orders
    #[arg(long, value_name = "MODE", value_enum, default_value_t = TlsMode::Off)]
    pub(crate) tls: TlsMode,
    /// Certificate chain in PEM form, for tls = files; a changed file is read without a restart
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of that certificate in PEM form; it may be in the same file
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Further names and addresses of a self-signed certificate, beside those of the machine
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) tls_names: Vec<Name>,
    /// Folder for certificates that the server makes or fetches; tls in the data folder if not set, data/tls for a node
    #[arg(long, value_name = "FOLDER")]
    pub(crate) tls_dir: Option<PathBuf>,
    /// DNS name of a certificate for tls = acme; several may be given, separated by commas or by repeating the flag. The authority
    /// has to reach the port as port 443 of this name
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = domain)]
    pub(crate) acme_domain: Vec<String>,
    /// E-mail address that the ACME authority may write to
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = contact)]
    pub(crate) acme_contact: Vec<String>,
    /// Directory of the ACME authority
    #[arg(long, value_name = "URL", default_value = LETS_ENCRYPT, value_parser = directory)]
    pub(crate) acme_directory: String,
    /// Further port, for plain HTTP, that sends browsers to the one with TLS
    #[arg(long, value_name = "ADDRESS", value_parser = address::listen)]
    pub(crate) redirect_listen: Option<SocketAddr>,
}

impl TlsOptions {
    /// Checks the rules between options.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        let (cert, key) = (given(&self.tls_cert), given(&self.tls_key));
        Contradiction::unless(
            self.tls != TlsMode::Files || (cert.is_some() && key.is_some()),
            &["tls", "tls_cert", "tls_key"],
            "tls = files needs tls_cert and tls_key",
        )?;
        Contradiction::unless(
            self.tls != TlsMode::Off || (cert.is_none() && key.is_none()),
            &["tls", "tls_cert", "tls_key"],
            "tls_cert and tls_key have no effect without TLS; set tls = files",
        )?;
        Contradiction::unless(
            match self.tls {
                TlsMode::Off => self.acme_domain.is_empty(),
                TlsMode::Acme => !self.acme_domain.is_empty(),
                TlsMode::Files | TlsMode::SelfSigned => true,
            },
            &["tls", "acme_domain"],
            "tls = acme and acme_domain need each other",
        )?;
        Contradiction::unless(
            self.tls != TlsMode::Off || self.redirect_listen.is_none(),
            &["tls", "redirect_listen"],
            "redirect_listen needs a port with TLS; set tls",
        )
    }

    /// Whether browsers that came over TLS once may be told to come in no other way. Not where people accept the certificate by
    /// hand: with that, browsers would let them accept no later one.
    pub(crate) fn is_strict(&self) -> bool {
        !matches!(self.tls, TlsMode::Off | TlsMode::SelfSigned)
    }

    /// The TLS of the port, if it has any. Certificates are kept in `folder` unless the options name another; `trust` is for
    /// the ACME authority.
    pub(crate) fn mode(&self, folder: &Path, trust: &Trust) -> Option<Mode> {
        match self.tls {
            TlsMode::Off => None,
            TlsMode::Files => Some(Mode::Files {
                cert: self.tls_cert.clone().unwrap_or_default(),
                key: self.tls_key.clone().unwrap_or_default(),
            }),
            TlsMode::SelfSigned => Some(Mode::SelfSigned {
                folder: given(&self.tls_dir).unwrap_or(folder).to_owned(),
                names: self.tls_names.clone(),
            }),
            TlsMode::Acme => Some(Mode::Acme(Acme {
                domains: self.acme_domain.clone(),
                contact: self.acme_contact.clone(),
                directory: self.acme_directory.clone(),
                folder: given(&self.tls_dir).unwrap_or(folder).to_owned(),
                client: Arc::new(trust.client_config()),
            })),
        }
    }
}

/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

fn domain(text: &str) -> Result<String, String> {
    match text.parse() {
        Ok(Name::Dns(name)) if !name.starts_with('*') => Ok(name),
        _ => Err("expected a DNS name without wildcard, for example example.org".to_owned()),
    }
}

/// An address as the URL that ACME wants (RFC 8555, section 7.3).
fn contact(text: &str) -> Result<String, String> {
    match text.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() && !text.contains([' ', ',', ':']) => {
            Ok(format!("mailto:{text}"))
        }
        _ => Err("expected an e-mail address".to_owned()),
    }
}

fn directory(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Ok(text.to_owned()),
        _ => Err("expected an https URL".to_owned()),
    }
}

/// A path; an empty one counts as not given.
fn given(path: &Option<PathBuf>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}
