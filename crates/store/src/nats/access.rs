//! How NATS servers are reached: addresses, trust, and what this side shows to be let in.

use std::{fmt, sync::Arc};

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use tls::{Identity, Trust};

const WRONG: &str = "an address of a NATS server looks like tls://host:port, nats://host:port or nats://user:password@host:port";

/// The address of a NATS server. It prints as host and port, without user and password.
#[derive(Clone)]
pub struct NatsServer {
    /// Without user and password, which the client would log.
    address: ServerAddr,
    /// Host and port as they were given.
    shown: String,
    user: Option<User>,
}

#[derive(Clone, PartialEq, Eq)]
struct User {
    name: String,
    password: Option<String>,
}

impl NatsServer {
    /// `nats://host:port`, or `tls://host:port` for TLS alone, with `user:password@` before the host if need be. A server at a
    /// `nats` address may demand TLS as well.
    ///
    /// # Errors
    /// Says what an address looks like, and never shows this one.
    pub fn new(url: &str) -> Result<Self, String> {
        let (_, authority) = url.split_once("://").filter(|_| Self::has_scheme(url)).ok_or(WRONG)?;
        let host = authority.rsplit('@').next().unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(WRONG.into());
        }
        let mut url = url.parse::<ServerAddr>().map_err(|_| WRONG)?.into_inner();
        let user = (!url.username().is_empty())
            .then(|| User { name: decoded(url.username()), password: url.password().map(decoded) });
        let is_stripped = url.set_username("").and_then(|()| url.set_password(None)).is_ok();
        let address = ServerAddr::from_url(url).ok().filter(|_| is_stripped).ok_or(WRONG)?;
        Ok(Self { address, shown: host.to_owned(), user })
    }

    /// Whether `text` begins as an address does.
    pub(crate) fn has_scheme(text: &str) -> bool {
        text.starts_with("nats://") || text.starts_with("tls://")
    }
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsServer({self})")
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What connections to NATS servers accept and show. Its `Debug` form has no secret.
#[derive(Clone, Default)]
pub struct NatsAccess {
    trust: Trust,
    identity: Option<Arc<Identity>>,
    credentials: Option<String>,
}

impl NatsAccess {
    /// Accepts servers with certificates of `trust`; shows them the client certificate and the text of a credentials file
    /// (`.creds`: a JWT and a seed), where there is one.
    ///
    /// # Errors
    /// Says what is wrong with certificate or credentials, without the latter.
    pub fn new(
        trust: Trust,
        identity: Option<Identity>,
        credentials: Option<String>,
    ) -> Result<Self, String> {
        let access = Self { trust, identity: identity.map(Arc::new), credentials };
        access.tls_config().and_then(|_| access.with_credentials(ConnectOptions::new())).map(|_| access)
    }

    /// The options of a connection to any of `servers`, and their addresses.
    ///
    /// # Errors
    /// Where the addresses have different users.
    pub(super) fn options(
        &self,
        servers: &[NatsServer],
    ) -> Result<(ConnectOptions, Vec<ServerAddr>), String> {
        let addresses: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
        // The client connects to servers that others name, too: to none of them without TLS where TLS is meant.
        let needs_tls = self.identity.is_some() || addresses.iter().any(ServerAddr::tls_required);
        let options = ConnectOptions::new().require_tls(needs_tls).tls_client_config(self.tls_config()?);
        let options = self.with_credentials(options)?;
        Ok((with_user(options, servers)?, addresses))
    }

    fn tls_config(&self) -> Result<tls::ClientConfig, String> {
        let Some(identity) = &self.identity else { return Ok(self.trust.client_config()) };
        self.trust.client_config_with(identity).map_err(|error| error.to_string())
    }

    fn with_credentials(&self, options: ConnectOptions) -> Result<ConnectOptions, String> {
        let Some(credentials) = &self.credentials else { return Ok(options) };
        // The error of the client may quote what it could not read.
        let wrong =
            |_| "no NATS credentials: expected a JWT and a seed between BEGIN and END lines".to_owned();
        options.credentials(credentials).map_err(wrong)
    }
}

impl fmt::Debug for NatsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust, identity, credentials } = self;
        let credentials = credentials.as_ref().map(|_| "…");
        write!(f, "NatsAccess({trust:?}, {identity:?}, credentials: {credentials:?})")
    }
}

/// NATS takes one user for all servers of a cluster. A name without a password is a token.
fn with_user(options: ConnectOptions, servers: &[NatsServer]) -> Result<ConnectOptions, String> {
    let mut users = servers.iter().filter_map(|server| server.user.as_ref());
    let Some(user) = users.next() else { return Ok(options) };
    if users.any(|other| other != user) {
        return Err("the addresses of NATS servers have different users; a cluster takes the same one".into());
    }
    Ok(match user.password.clone() {
        Some(password) => options.user_and_password(user.name.clone(), password),
        None => options.token(user.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_passwords_are_taken_out_of_the_addresses_that_the_client_logs() {
        let server = NatsServer::new("tls://me:hun%40ter2@a:4222").unwrap();
        assert!(!format!("{:?}", server.address).contains("ter2"));
        let user = server.user.unwrap();
        assert_eq!((user.name.as_str(), user.password.as_deref()), ("me", Some("hun@ter2")));
        assert!(NatsServer::new("nats://a").unwrap().user.is_none());
    }

    #[test]
    fn servers_with_different_users_are_refused() {
        let servers = |urls: [&str; 2]| urls.map(|url| NatsServer::new(url).unwrap());
        let access = NatsAccess::default();
        assert!(access.options(&servers(["nats://u:p@a", "nats://u:p@b"])).is_ok());
        assert!(access.options(&servers(["nats://u:p@a", "nats://b"])).is_ok());
        let refused = access.options(&servers(["nats://u:hunter2@a", "nats://v:p@b"])).err().unwrap();
        assert!(refused.contains("different users") && !refused.contains("hunter2"));
    }

    #[test]
    fn credentials_that_cannot_be_read_are_refused_without_showing_them() {
        for text in ["", "hunter2", "-----BEGIN X-----\nhunter2\n------END X------\n"] {
            let refused = NatsAccess::new(Trust::default(), None, Some(text.to_owned())).unwrap_err();
            assert!(refused.contains("no NATS credentials") && !refused.contains("hunter2"), "{refused}");
        }
    }
}
