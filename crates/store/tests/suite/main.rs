//! What the store promises, on both engines, through its public interface alone.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod conformance;
mod files;
mod nats_access;
mod outages;
mod queue_speed;
