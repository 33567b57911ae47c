//! What can be wrong with a take's bytes.

/// Why a take cannot continue. After an error the demuxer cannot be used; its earlier output stays valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recorder's type names a container or codec this crate does not handle.
    #[error("cannot forward {0}")]
    Unsupported(String),
    /// The bytes violate the container's rules, with the reason.
    #[error("malformed {container}: {reason}")]
    Malformed {
        /// `WebM` or `MP4`.
        container: &'static str,
        /// What was found where.
        reason: String,
    },
    /// An element, box or frame is larger than this crate will hold in memory.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its declared size.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A segment has more frames than its bytes allow.
    #[error("the segment has more than {limit} frames, too many for its size")]
    TooManyFrames {
        /// The bound.
        limit: u64,
    },
    /// A resume point that this version did not write, or that was cut or altered.
    #[error("not a resume point of this take")]
    InvalidResume,
}

/// Most bytes of the input that a message repeats.
const MAX_SHOWN_BYTES: usize = 40;

/// The start of a text out of the input, for a message.
pub(crate) fn shown(text: &[u8]) -> String {
    match text.split_at_checked(MAX_SHOWN_BYTES) {
        Some((start, rest)) if !rest.is_empty() => format!("{}…", start.escape_ascii()),
        _ => text.escape_ascii().to_string(),
    }
}
