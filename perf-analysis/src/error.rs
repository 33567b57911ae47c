//! Errors of measurements. Every message names the input and, if useful, a remedy.

use std::path::PathBuf;

/// Why a measurement, a plot or a comparison stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, process or socket call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and to which path or address.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The scenario file is invalid.
    #[error("scenario {path}: {message}")]
    Scenario {
        /// The file.
        path: PathBuf,
        /// The key or value, and the valid ones.
        message: String,
    },
    /// The recording cannot be replayed.
    #[error("recording {path}: {message}")]
    Recording {
        /// Its folder.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// CPU limits cannot be set here.
    #[error("cannot limit CPU: {0}")]
    Limit(String),
    /// A program under test could not be started, refused a call, or stopped by itself.
    #[error("{program}: {message}")]
    Program {
        /// Which one.
        program: String,
        /// What happened, and where its log is.
        message: String,
    },
    /// A peer violated the protocol, or refused a request.
    #[error("protocol: {0}")]
    Protocol(String),
    /// A node does not have the requested data yet; a retry makes sense.
    #[error("not yet: {0}")]
    NotYet(String),
    /// The records do not account for everything that was sent.
    #[error("incomplete results: {0}")]
    Incomplete(String),
    /// A results folder cannot be read.
    #[error("results {path}: {message}")]
    Results {
        /// The folder or file.
        path: PathBuf,
        /// What is missing or wrong.
        message: String,
    },
    /// A figure could not be drawn.
    #[error("figure {0}")]
    Figure(String),
}

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds to an I/O error what was being done.
pub trait Context<T> {
    /// Names the action and its object, e.g. `reading /tmp/x`.
    ///
    /// # Errors
    /// The same error, with that name.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source: source.into() })
    }
}
