//! Measures the cost of forwarding: real processes, real recordings, real CPU limits, every byte checked.
//!
//! `run` executes a scenario's matrix and leaves records; `plot`, `compare` and `report` only read records.
//! The generator is open loop and reports its own CPU time. A run with incomplete records fails.

pub mod audience;
pub mod bookkeeper;
pub mod broadcaster;
pub mod cgroup;
pub mod compare;
pub mod completeness;
pub mod control;
pub mod enclosure;
pub mod error;
mod figure;
pub mod floor;
pub mod forward_log;
mod generator;
pub mod histogram;
pub mod jobs;
pub mod judge;
pub mod lab;
pub mod ledger;
pub mod library;
pub mod lists;
pub mod machine;
pub mod party;
pub mod percentiles;
pub mod plot;
pub mod process;
pub mod progress;
pub mod provenance;
mod random;
pub mod record;
pub mod recording;
pub mod report;
pub mod run;
pub mod scenario;
pub mod script;
pub mod servers;
pub mod simulate;
pub mod summary;
pub mod totals;
pub mod trial;
mod uploads;
pub mod viewer;
pub mod wire;

pub use error::{Error, Result};
