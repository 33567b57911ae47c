//! Serves a router over HTTP/1.1 on one port, for every part of Undead that listens.
//!
//! `axum::serve` waits for ever for a request that never comes whole, and takes connections until the process is out of file
//! descriptors. Here every wait has a time-out (see [`Limits`]), and connections that cost a client nothing are bounded to a
//! share of the descriptors: the oldest idle one is closed to make room. A connection that was upgraded to a WebSocket is no
//! longer under these time-outs, and has left that share once the application keeps it (see [`Client`]); long polls and event
//! streams are answers under way, which may take as long as they like.

mod bodies;
mod connection;
mod limits;
mod places;
mod server;
mod shortage;

pub use connection::Connection;
pub use limits::Limits;
pub use places::Client;
pub use server::serve;
