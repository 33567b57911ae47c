//! A real server on a port of its own, spoken to over HTTP.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod accounts;
mod blobs;
mod browser;
mod description;
mod events;
mod hostile;
mod invitations;
mod nodes;
mod pages;
mod placement;
mod proxied;
mod recording;
mod recordings;
mod renewal;
mod restart;
mod scaling;
mod server;
mod stream_keys;
mod streams;
mod visibility;
