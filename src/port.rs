//! The port of a server: plain HTTP or TLS, and the URLs at which it is reached.
//!
//! With TLS, the parts of `undead up` talk to each other over a second port for plain HTTP, on loopback only: they need no
//! certificate that covers loopback and no encryption there.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use main_server::Secret;
use tls::{Name, Trust};
use tokio::net::TcpListener;

use crate::{
    address::{self, Scheme},
    failure::Failure,
    options::TlsOptions,
};

/// ALPN names (RFC 7301), the preferred one first.
const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// An open port.
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// None for plain HTTP.
    pub(crate) tls: Option<tls::Server>,
    /// Whether browsers are told to use TLS from then on: with a certificate that they trust without being asked.
    pub(crate) is_strict: bool,
    /// A port that sends browsers to this one.
    pub(crate) redirect: Option<TcpListener>,
    /// Plain HTTP for the parts of this process.
    pub(crate) inner: Option<TcpListener>,
    /// The token of the link that makes the first operator, while there is none.
    pub(crate) setup: Option<Secret>,
}

impl Port {
    /// Opens the port at `address`.
    ///
    /// # Errors
    /// [`Failure::Run`] if the address cannot be listened on.
    pub(crate) fn listen(address: SocketAddr) -> Result<Self, Failure> {
        let listener = listen(address)?;
        let address = listener.local_addr().map_err(Failure::run("cannot read the listening address"))?;
        Ok(Self { listener, address, tls: None, is_strict: false, redirect: None, inner: None, setup: None })
    }

    /// Turns TLS on if the options ask for it. Certificates are kept in `folder` unless the options name another; `trust` is for
    /// an ACME authority.
    ///
    /// # Errors
    /// [`Failure::Config`] if the certificate cannot be used or made, [`Failure::Run`] if the redirecting port cannot be opened.
    pub(crate) fn secure(
        &mut self,
        options: &TlsOptions,
        folder: &Path,
        trust: &Trust,
    ) -> Result<(), Failure> {
        let Some(mode) = options.mode(folder, trust) else { return Ok(()) };
        self.tls = Some(tls::Server::open(mode, &PROTOCOLS).map_err(Failure::config("TLS cannot start"))?);
        self.is_strict = options.is_strict();
        self.redirect = options.redirect_listen.map(listen).transpose()?;
        Ok(())
    }

    /// The URL at which other parts of this process reach the server.
    ///
    /// # Errors
    /// [`Failure::Run`] if no port can be opened on loopback.
    pub(crate) fn inner_url(&mut self) -> Result<String, Failure> {
        if self.tls.is_none() {
            return Ok(address::url_here(Scheme::Http, self.address));
        }
        let on = |ip: IpAddr| listen(SocketAddr::new(ip, 0));
        let inner = on(Ipv4Addr::LOCALHOST.into()).or_else(|_| on(Ipv6Addr::LOCALHOST.into()))?;
        let address = inner.local_addr().map_err(Failure::run("cannot read the listening address"))?;
        self.inner = Some(inner);
        Ok(address::url_here(Scheme::Http, address))
    }

    /// The URL for a browser. With TLS it is one that other machines reach too, if there is one.
    pub(crate) fn browser_url(&self) -> String {
        match &self.tls {
            None => address::browser_url(self.address),
            Some(tls) => {
                let host = tls.public_name().unwrap_or_else(|| host(self.address));
                url(&host, self.address.port())
            }
        }
    }

    /// What is printed on standard output: the URL first, then the link that makes the first operator, which is a secret and not
    /// for logs, the certificate's fingerprint and further URLs.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.browser_url()];
        let setup = self.setup.as_ref();
        lines.extend(setup.map(|token| format!("setup_url: {}/admin#setup={}", lines[0], token.reveal())));
        let Some(tls) = &self.tls else { return lines };
        let presented = tls.presented();
        if let Some(fingerprint) = presented.fingerprint() {
            lines.push(format!("certificate fingerprint (SHA-256): {fingerprint}"));
        }
        let urls = further(&presented.names(), self.address).map(|name| url(&name, self.address.port()));
        let urls: Vec<_> = urls.filter(|url| !lines.contains(url)).collect();
        if !urls.is_empty() {
            lines.push(format!("also at {}", urls.join(" ")));
        }
        lines
    }
}

/// Opens a port.
fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = Failure::run(format!("cannot listen on {address}"));
    address::bind(address).and_then(TcpListener::from_std).map_err(failed)
}

fn url(host: &Name, port: u16) -> String {
    address::url_of(Scheme::Https, &host.to_string(), port)
}

/// The host by which other machines reach a server that listens on `address`, or this one at least.
fn host(address: SocketAddr) -> Name {
    match address.ip().to_canonical() {
        ip if ip.is_loopback() => Name::Dns("localhost".to_owned()),
        ip if !ip.is_unspecified() => Name::Ip(ip),
        _ => address::outgoing().map_or_else(|| Name::Dns("localhost".to_owned()), Name::Ip),
    }
}

/// The names of a certificate by which browsers may reach a server that listens on `address`.
fn further(names: &[Name], address: SocketAddr) -> impl Iterator<Item = Name> + use<> {
    let ip = address.ip().to_canonical();
    let is_reached = move |name: &Name| match name {
        Name::Dns(name) => !name.starts_with('*'),
        Name::Ip(own) => own.is_ipv4() == ip.is_ipv4() || ip.is_ipv6() && ip.is_unspecified(),
    };
    let names = if ip.is_unspecified() { names.to_vec() } else { Vec::new() };
    names.into_iter().filter(is_reached)
}
