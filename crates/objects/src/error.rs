//! What can go wrong with objects.

/// Why a call on [`Objects`](crate::Objects) failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store answers, and has no such object.
    #[error("there is no object {0}")]
    Missing(String),
    /// The bytes are not those that the name stands for.
    #[error("object {0} is damaged")]
    Damaged(String),
    /// The store does not answer, or refuses. Trying again later may help.
    #[error("the object store is not available: {0}")]
    Unavailable(String),
    /// More than [`MAX_BYTES`](crate::MAX_BYTES).
    #[error("an object of {0} bytes is too large")]
    TooLarge(u64),
    /// The range is empty, or ends past the object's end.
    #[error("the range is not within object {0}")]
    Range(String),
    /// The location does not support the call: main servers serve blobs, and nothing else.
    #[error("{0} needs a location of its own, not main servers")]
    Unsupported(&'static str),
    /// The name of an upload is not one.
    #[error("{0:?} is not the name of an upload")]
    Upload(String),
    /// The location cannot be used.
    #[error("{0}")]
    Location(String),
}
