//! The node's clock, read at the edges and handed inwards as a value.
//!
//! Nothing else in ingest, egress, the hub and relays reads a clock. In tests it goes with Tokio's, which they may pause.
//!
//! It is a monotonic clock plus an offset. The system's clock gives the first offset, the main server's time every later
//! one ([`sync`]). So all nodes of a cluster agree, and setting the system's clock while a node runs changes nothing.

mod node_clock;
mod sync;

pub(crate) use self::{
    node_clock::{Clock, Now, whole_ms},
    sync::ClockSync,
};
