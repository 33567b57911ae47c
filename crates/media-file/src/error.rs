//! Why a file is not taken.

/// Why a file cannot be read. The messages are for the person who uploaded it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader failed, which says nothing about the file: try again.
    #[error("reading failed: {0}")]
    Io(std::io::Error),
    /// Players do not take it, or it is not audio or video at all.
    #[error("not playable in browsers: {0}")]
    Unsupported(String),
    /// It violates the rules of its format, and nothing of it can be read.
    #[error("damaged file: {0}")]
    Damaged(String),
    /// Something in it is larger than is held in memory.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
}

impl From<media::Error> for Error {
    fn from(error: media::Error) -> Self {
        match error {
            media::Error::Unsupported(what) => Self::Unsupported(what),
            media::Error::TooLarge { what, bytes, limit } => Self::TooLarge { what, bytes, limit },
            other => Self::Damaged(other.to_string()),
        }
    }
}
