//! What is known of the order of a track's pictures.

use super::h264::sequence::Sequence;

/// The order of pictures in a track's configuration. Reading it costs as much as the configuration is long, so
/// it is kept between packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PictureOrder {
    /// How many pictures may be decoded before one that is shown earlier, where it says so.
    pub(crate) reordered: Option<usize>,
    /// How the headers of H.264 slices are read, where that is known.
    pub(super) sequence: Option<Sequence>,
}
