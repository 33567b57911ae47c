//! Adapters between the hub and the networks.

pub(crate) mod socketio;
