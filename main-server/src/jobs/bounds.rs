//! Fixed bounds of jobs.

use super::job::MOST_PIECES;

/// Largest number of pieces of a song, which are separated one by one.
pub const JOB_PIECES: usize = MOST_PIECES;
/// Number of ended jobs kept per account.
pub const JOBS_KEPT_PER_ACCOUNT: usize = 100;
/// Number of ended jobs kept in total.
pub const JOBS_KEPT: usize = 10_000;
/// Open event streams of jobs per main server.
pub const JOB_LISTENERS: usize = 1_000;
/// Unfinished measurements of items that the servers start themselves.
pub const JOBS_MEASURING: usize = 8;
/// The same of jobs for pictures, which take longer.
pub const JOBS_PICTURING: usize = 2;
/// Most bytes of a worker's report.
pub const WORKER_BYTES: usize = 256 << 10;
