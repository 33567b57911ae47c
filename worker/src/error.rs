//! Errors that keep a worker from starting.

use std::{io, path::PathBuf};

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No main server is configured.
    #[error("there is no main server")]
    NoMainServer,
    /// The HTTP client cannot be created.
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The location of the blobs cannot be used.
    #[error("the object store cannot be used: {0}")]
    Objects(#[from] objects::Error),
    /// The folder for temporary files cannot be used.
    #[error("the scratch folder {} cannot be used: {error}", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// The error of the file system.
        error: io::Error,
    },
}
