//! TLS with rustls and its `ring` provider, for every port of Undead.
//!
//! [`Server`] is the TLS of one port: a configuration for rustls that always presents the current certificate, and
//! [`Server::run`], which replaces that certificate while the port serves. Where certificates come from is [`Mode`].
//! Nothing here opens a socket.

mod certificate;
mod current;
mod error;
mod files;
mod machine;
mod name;
mod private_file;
mod self_signed;
mod server;

pub use certificate::Fingerprint;
pub use error::Error;
pub use name::Name;
pub use server::{Mode, Presented, Server};
