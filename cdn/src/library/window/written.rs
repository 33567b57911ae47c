//! How the media of a take is written.

use bytes::Bytes;
use protocol::Format;

use crate::{hub::SharedStream, lock::lock};

/// A take as its media is written.
pub(super) struct Written {
    pub(super) format: Format,
    pub(super) mime: String,
    pub(super) init: Bytes,
}

/// How a take is written: in the format that players get if they ask for none.
pub(super) fn written(stream: &SharedStream, take: u64) -> Option<Written> {
    let stream = lock(stream);
    let renditions = stream.ring().renditions(take)?;
    let format = renditions.choose(None)?;
    let init = renditions.init(format)?;
    Some(Written { format, mime: init.mime.clone(), init: init.data.clone() })
}
