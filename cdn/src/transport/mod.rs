//! Adapters between the hub and the networks.

mod connections;
mod handshake;
pub(crate) mod socketio;
pub(crate) mod ws;

pub(crate) use connections::{Connections, Counted, Transport};
