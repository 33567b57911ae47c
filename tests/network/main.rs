//! Servers on networks that are not one machine's loopback: IPv6 alone, and parts that share no loopback.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod apart;
mod ipv6;
mod namespace;
mod parts;
mod server;
mod socketio;
