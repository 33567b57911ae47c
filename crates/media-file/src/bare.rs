//! Bare MP3: frames one after another, for players that take no MP3 in MP4.

use bytes::{Bytes, BytesMut};
use media::Frame;

/// The type for MSE.
pub(crate) const MIME: &str = "audio/mpeg";

/// The frames without anything around them.
pub(crate) fn write(frames: &[Frame]) -> Bytes {
    let bytes = frames.iter().map(|frame| frame.data.len()).sum();
    let mut out = BytesMut::with_capacity(bytes);
    frames.iter().for_each(|frame| out.extend_from_slice(&frame.data));
    out.freeze()
}
