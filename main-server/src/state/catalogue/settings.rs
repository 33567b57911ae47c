//! What bounds the catalogue.

use std::time::Duration;

/// How long things last here and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long an interrupted stream may come back.
    pub(crate) grace: Duration,
    /// How long nothing may arrive after a stream was created.
    pub(crate) first_media: Duration,
    /// Most streams that are not over; as many ended ones are remembered.
    pub(crate) max_streams: usize,
    /// Most streams that are not over and that one address created here; see [`per_address::Shares`].
    pub(crate) max_of_address: Option<usize>,
    /// Most streams that were created here and that nothing has arrived for.
    pub(crate) max_waiting: usize,
    /// Most bytes all pictures may have together.
    pub(crate) max_thumbnail_bytes: usize,
}
