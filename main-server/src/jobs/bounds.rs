//! Fixed bounds of jobs.

use super::job::MOST_PIECES;

/// Pieces of a song that are separated one by one.
pub const JOB_PIECES: usize = MOST_PIECES;
/// Open event streams of jobs, of one main server.
pub const JOB_LISTENERS: usize = 1_000;
/// Bytes of a report of a worker.
pub const WORKER_BYTES: usize = 256 << 10;
