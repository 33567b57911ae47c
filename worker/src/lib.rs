//! A worker: claims tasks of jobs at any main server, does them, and reports them.
//!
//! ```text
//! main servers ◄── claim, heartbeat ── Worker ── one thread a task, lowest priority ── job_kinds::run ── blobs ──► object store
//!              ◄── progress, done, failed ── one attempt a task
//! ```
//!
//! The rule: a worker holds nothing that the cluster would miss. A task belongs to it under a lease, which reports of progress renew.
//! A worker that crashes loses its leases, and others do its tasks, with the same result. A main server that is away is left for the
//! next; work goes on meanwhile. Memory is bounded by the number of tasks at once, each with [`job_kinds::MAX_TASK_BYTES`].

mod api;
mod attempt;
mod blobs;
mod claim;
mod config;
mod error;
mod ffmpeg;
mod http;
mod metrics;
mod priority;
mod running;
mod scratch;
mod shared;
mod worker;

#[cfg(test)]
mod tests;

pub use cluster_client::ClusterSecret;
pub use config::Config;
pub use error::Error;
pub use ffmpeg::find as find_ffmpeg;
pub use worker::Worker;
