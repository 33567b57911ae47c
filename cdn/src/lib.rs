//! The data plane of Undead: one node, which takes streams in and fans them out.

pub mod hub;
mod lock;
