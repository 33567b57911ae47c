//! Servers on networks other than plain connections on one machine's loopback: IPv6 alone, parts that share no loopback, TLS.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod apart;
mod ipv6;
mod namespace;
mod parts;
mod recording;
mod server;
mod socketio;
mod tls;
