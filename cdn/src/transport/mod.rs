//! Adapters between the hub and the networks.

mod connections;
mod handshake;
mod refusal;
pub(crate) mod socketio;
pub(crate) mod ws;

pub(crate) use connections::{Connections, Counted, Transport};
