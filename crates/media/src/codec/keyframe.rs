//! The properties of a track in its keyframe.

use bytes::Bytes;

/// The properties of a track in its keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keyframe {
    /// As [`Track::config`].
    pub(crate) config: Bytes,
    /// Size of the pictures as coded and cropped.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Width and height of a pixel in square pixels; 1 and 1 where the bitstream does not say.
    pub(crate) pixel: (u32, u32),
}
