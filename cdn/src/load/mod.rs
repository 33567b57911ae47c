//! How loaded the node is, read once a second: what goes in and out, its share of the processors, and what it could send.
//!
//! ```text
//!   /proc, counters ─► Meter::sample ─► Reading ─┬─► heartbeat: the main server places by it
//!                                                └─► AdmissionControl: whether a viewer is admitted
//! ```

mod admission;
mod limit;
mod meter;
mod processors;

pub(crate) use self::{
    admission::{AdmissionControl, Newcomer},
    meter::Meter,
};
