//! What a main server answered lasts, whatever happens to its process and its disk.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod disk;
mod killed;
mod server;
