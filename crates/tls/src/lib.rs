//! TLS with rustls and its `ring` provider, for every port and every outgoing connection of Undead.
//!
//! [`Server`] is the TLS of one port: a configuration for rustls that always presents the current certificate, and
//! [`Server::run`], which replaces that certificate while the port serves. Where certificates come from is [`Mode`].
//! [`Trust`] says which certificates outgoing connections accept; nothing turns verification off.
//! Nothing here opens a socket.

mod acme;
mod certificate;
mod client;
mod current;
mod error;
mod files;
mod machine;
mod name;
mod private_file;
mod reason;
mod self_signed;
mod server;

pub use acme::Acme;
pub use certificate::Fingerprint;
pub use client::{ClientStream, Identity, Trust, http_client};
pub use error::Error;
pub use name::Name;
pub use reason::reason;
pub use rustls::ClientConfig;
pub use server::{Mode, Presented, Server};
