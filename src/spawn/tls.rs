//! TLS of spawned nodes: they serve with the certificate of this process, and trust it if it is self-signed.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::{
    address::{self, Scheme},
    failure::Failure,
    options::{TlsMode, TlsOptions, TrustOptions},
    port::Port,
};

/// See the [module](self).
pub(crate) struct NodeTls {
    pub(crate) scheme: Scheme,
    /// Certificate and key of this process.
    files: Option<(PathBuf, PathBuf)>,
    /// The certificate, if it is its own authority.
    authority: Option<PathBuf>,
}

impl NodeTls {
    /// The same TLS as that of `port`, which has these options.
    pub(crate) fn of(port: &Port, options: &TlsOptions) -> Self {
        let files = port.tls.as_ref().map(|tls| (tls.files().0.to_owned(), tls.files().1.to_owned()));
        let scheme = if files.is_some() { Scheme::Https } else { Scheme::Http };
        let is_own = options.tls == TlsMode::SelfSigned;
        let authority = files.as_ref().filter(|_| is_own).map(|(cert, _)| cert.clone());
        Self { scheme, files, authority }
    }

    /// The flags of a node.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let flag = |name: &str, path: &PathBuf| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(path);
            flag
        };
        let Some((cert, key)) = &self.files else { return vec!["--tls=off".into()] };
        let mut flags = vec!["--tls=files".into(), flag("tls-cert", cert), flag("tls-key", key)];
        flags.extend(self.authority.as_ref().map(|cert| flag("ca-file", cert)));
        flags
    }

    /// A client for nodes called `host` on this machine, which listen on `listen`.
    ///
    /// # Errors
    /// A CA file cannot be used.
    pub(crate) fn client(
        &self,
        trust: &TrustOptions,
        host: &str,
        listen: IpAddr,
    ) -> Result<reqwest::Client, Failure> {
        let client = trust.load_with(self.authority.as_deref())?.http_client();
        // Without the proxy of the environment, and not by way of another machine that has the name as well.
        let client = client.no_proxy().resolve(host, SocketAddr::new(address::ip_here(listen), 0));
        client.build().map_err(Failure::run("cannot create the HTTP client"))
    }
}
