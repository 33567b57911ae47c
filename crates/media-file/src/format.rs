//! A form in which the fragments of a file are given.

use bytes::Bytes;

/// The type and the init segment of one form of a file's fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The type for MSE, with codecs: `audio/mp4;codecs="mp3"`.
    pub mime: String,
    /// What comes before all fragments; `None` if nothing does, as for bare MP3 for players.
    pub init: Option<Bytes>,
}
