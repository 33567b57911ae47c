//! Serves a router over HTTP/1.1, or HTTP/2 with TLS, on one port, for every part of Undead that listens.
//!
//! `axum::serve` waits for ever for a request that never arrives completely, and accepts connections until the process is out of file
//! descriptors. Here every wait has a time-out (see [`Limits`]), and connections that cost a client nothing share a limited
//! part of the descriptors: the oldest idle one is closed for a new one. A connection that was upgraded to a WebSocket is no
//! longer under these time-outs, and has left that share once the application keeps it (see [`Client`]); long polls and event
//! streams are responses in progress, which have no time limit. A TLS handshake has the time of a request head and counts as
//! idle.
//!
//! A connection answers requests for files itself if nothing has to be waited for (see [`AtOnce`]); hyper and the router answer all others.
//!
//! How a client reached the port, by way of a proxy or directly, is decided here once for all handlers (see [`Forwarded`]).

mod app;
mod bodies;
mod connection;
mod direct;
mod files;
mod forwarded;
mod head_timer;
mod http2;
mod limits;
mod places;
mod reader;
mod redirect;
mod requests;
mod server;
mod shortage;
mod tls;

pub use app::{App, Asked, AtOnce, FileAnswer};
pub use connection::Connection;
pub use files::{FileSender, Loading, MAX_PIECE_BYTES, SendableFile};
#[cfg(feature = "fuzzing")]
pub use forwarded::fuzz_forwarded;
pub use forwarded::{Forwarded, Network, Prefix, Proxies};
pub use http2::{
    HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_STREAM_WINDOW_BYTES, MAX_HTTP2_HEAD_BYTES, MAX_HTTP2_REQUESTS,
    MAX_HTTP2_RESETS,
};
pub use limits::{Limits, files_to_send};
pub use places::Client;
pub use redirect::redirect_to_https;
pub use requests::{REQUEST_BURST_S, RequestRates};
pub use server::{Listener, MAX_HEAD_BYTES, MAX_HEAD_FIELDS, serve};
pub use tls::{Handshakes, TlsConnection};
