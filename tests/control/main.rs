//! Main servers as processes: killed without warning, with SQLite and on NATS, while nodes and streams go on.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod killed;
mod load;
mod nats;
mod node;
mod parties;
mod process;
mod requests;
