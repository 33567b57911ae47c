//! The exchange by which a client learns how far its clock is from the server's.

use serde::{Deserialize, Serialize};

use crate::millis;

/// Payload of `clock`: the first of four timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockRequest {
    /// The client's clock when it sent this; given back as it came.
    pub t0_ms: f64,
}

/// Ack of `clock`. The client's clock is behind the node's by `((t1 - t0) + (t2 - t3)) / 2`, `t3` being the
/// client's clock when this arrives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockAnswer {
    /// As it came.
    #[serde(serialize_with = "millis::as_it_came")]
    pub t0_ms: f64,
    /// The node's clock when the request arrived, Unix epoch.
    pub t1_ms: i64,
    /// The node's clock when the answer left, Unix epoch.
    pub t2_ms: i64,
}
