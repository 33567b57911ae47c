//! HTTP clients with time limits.

use std::time::Duration;

use url::{Host, Url};

use crate::Error;

/// Longest wait for a connection, and for bytes of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A client for servers at `urls`. What is on this machine is asked directly, whatever proxy the environment names.
///
/// # Errors
/// [`Error::Location`] if no client can be made.
pub(crate) fn client<'a>(
    trust: &tls::Trust,
    mut urls: impl Iterator<Item = &'a str>,
) -> Result<reqwest::Client, Error> {
    let client = trust.http_client().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    let client = if urls.all(is_local) { client.no_proxy() } else { client };
    client.build().map_err(|error| Error::Location(error.to_string()))
}

fn is_local(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    })
}
