//! Adapters between the hub and the networks. A transport is a folder here and one line in [`ALL`].
//!
//! A transport implements [`Encoder`](crate::egress::Encoder) (encode once) and
//! [`ViewerConnection`](crate::egress::ViewerConnection) (offer without waiting), reads what its clients ask
//! for, and hands it on: viewers and relays to [`Admission`], segments to [`Ingest`](crate::ingest::Ingest). When it starts it registers its name for
//! the metrics with [`Connections`](crate::connections::Connections); it gives its routes and how its connections are closed. How much may be on
//! the way to one of its viewers is its own [`Delivery`](crate::egress::Delivery). The rest of the node knows none of them.

mod address;
mod admission;
mod context;
mod errors;
mod handshake;
mod held_grant;
mod socketio;
mod ws;

pub use self::socketio::{MAX_REFUSED_SESSIONS, client_events};
#[cfg(feature = "fuzzing")]
pub(crate) use self::ws::{fuzz_client as fuzz_ws_client, fuzz_request as fuzz_ws_request};
pub(crate) use self::{
    admission::Admission,
    context::{Close, Running, TransportContext},
    ws::binary_prefix as message_prefix,
};

/// Every transport, in the order of the metrics. Each function is called once, when the node starts.
const ALL: &[fn(&TransportContext) -> Running] = &[socketio::start, ws::start];

/// Starts every transport.
pub(crate) fn start_all(context: &TransportContext) -> Vec<Running> {
    ALL.iter().map(|start| start(context)).collect()
}
