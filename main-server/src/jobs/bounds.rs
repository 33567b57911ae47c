//! Fixed bounds of jobs.

use super::job::MOST_PIECES;

/// Pieces of a song that are separated one by one.
pub const JOB_PIECES: usize = MOST_PIECES;
/// Ended jobs of an account that are kept.
pub const JOBS_KEPT_PER_ACCOUNT: usize = 100;
/// Ended jobs that are kept, of all.
pub const JOBS_KEPT: usize = 10_000;
/// Open event streams of jobs, of one main server.
pub const JOB_LISTENERS: usize = 1_000;
/// Bytes of a report of a worker.
pub const WORKER_BYTES: usize = 256 << 10;
