//! The start of a FLAC file (RFC 9639, section 8): STREAMINFO and comments.

use bytes::Bytes;
use media::Track;

use crate::{
    Error,
    text_tags::{self, TextTags},
};

/// The type of a file.
pub(crate) const MIME: &str = "audio/flac";

/// The magic number, and header and body of STREAMINFO.
const STREAM_INFO_BYTES: usize = 4 + 4 + 34;

/// The head of a file with the frames of `track`. `Damaged` if the track has no STREAMINFO.
pub(crate) fn head(track: &Track, tags: &TextTags) -> Result<Bytes, Error> {
    const VORBIS_COMMENT: u8 = 4;
    const LAST: u8 = 0x80;
    let stream_info = track.config.get(..STREAM_INFO_BYTES).filter(|config| config.starts_with(b"fLaC"));
    let stream_info = stream_info.ok_or_else(|| Error::Damaged("FLAC without STREAMINFO".into()))?;
    let comments = text_tags::vorbis_comments(tags);
    let mut head = stream_info.to_vec();
    head[4] &= !LAST;
    head.extend_from_slice(&(comments.len() as u32).to_be_bytes());
    head[STREAM_INFO_BYTES] = LAST | VORBIS_COMMENT;
    head.extend(comments);
    Ok(head.into())
}
