//! Why a backup or a restoration fails.

use std::io;

use crate::data_folder;

/// Why nothing was backed up or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The file is no backup or a damaged one: which line, and why.
    #[error("line {0}: {1}")]
    Format(usize, String),
    /// The file was written by a newer version of this program.
    #[error("the backup's format is version {found}, this program knows up to {known}: run a newer program")]
    TooNew {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// There is no store to back up; says where it would be.
    #[error("there is no store at {0}")]
    NoStore(String),
    /// The data folder cannot be used, or another process uses it.
    #[error(transparent)]
    DataFolder(#[from] data_folder::Error),
    /// The store to restore into holds something already.
    #[error("the store is not empty: restore into a new data folder or a new NATS bucket")]
    NotEmpty,
    /// The store failed; says why.
    #[error("store: {0}")]
    Store(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Missing(place) => Self::NoStore(place),
            error => Self::Store(error.to_string()),
        }
    }
}
