//! Main servers and workers as processes: killed without warning, with SQLite and on NATS, while nodes, streams and jobs go on.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod jobs;
mod killed;
mod library;
mod live;
mod load;
mod model;
mod nats;
mod node;
#[path = "../../crates/job-kinds/tests/onnx/mod.rs"]
mod onnx;
mod parties;
mod process;
mod requests;
#[path = "../recording/socketio.rs"]
mod socketio;
mod song;
