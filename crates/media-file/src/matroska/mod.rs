//! WebM and Matroska, read by `media`.

mod head;

use media::{Rendition, demux::webm};

use crate::{
    Error,
    input::Input,
    source::Opened,
    streamed::{Demuxer, Streamed},
};
use head::Head;

/// Opens a file.
pub(crate) fn open(mut input: Input) -> Result<Opened, Error> {
    let Head { duration_us, tags, is_cut_short } = head::read(&mut input);
    let (source, tracks) = Streamed::open(Demuxer::WebM(webm::Demuxer::of_file()), input, is_cut_short)?;
    Ok(Opened { source: Box::new(source), tracks, prefers: Rendition::WebM, duration_us, tags, late_us: 0 })
}
