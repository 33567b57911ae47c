//! The audit log: who signed in, failed to, or changed accounts, keys or streams, and from which address.
//!
//! Its lines have the target `audit` and never contain secrets.

use std::{fmt, net::IpAddr};

/// Logs who did what, from where.
pub(crate) fn log(name: &str, address: Option<IpAddr>, what: &str) {
    let from = From(address);
    tracing::info!(target: "audit", account = name, %from, "{name} {what}, from {from}");
}

/// An address in a log line.
struct From(Option<IpAddr>);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("this machine"),
        }
    }
}
