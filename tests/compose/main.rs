//! The compose files describe systems that work: every service in them, started by hand with the very command and
//! environment it has there, finds the others. Only what the machine forces is changed: ports, folders, host names.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod cluster;
mod services;
mod single;
