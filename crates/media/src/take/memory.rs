//! What a take knows between segments.

use super::packager::State;
use crate::{Track, codec::Keyframe, timeline};

/// What a take's pipeline knows between segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) packager: State,
    pub(crate) timeline: timeline::State,
    /// The properties in the first keyframe.
    pub(crate) keyframe: Option<Keyframe>,
}

impl Memory {
    /// What goes into a resume point, with `prefix` as the demuxer's part.
    pub(crate) fn parts<'a>(&'a self, prefix: &'a [u8]) -> Parts<'a> {
        let keyframe = self.keyframe.as_ref();
        Parts { packager: &self.packager, timeline: &self.timeline, keyframe, prefix }
    }

    /// Whether it can be that of a take with these tracks: what is held is audio.
    pub(crate) fn fits(&self, tracks: &[Track]) -> bool {
        self.packager
            .held
            .frames()
            .all(|frame| tracks.get(frame.track).is_some_and(|track| !track.is_video()))
    }
}

/// The parts of a resume point, where they are kept.
pub(crate) struct Parts<'a> {
    pub(crate) packager: &'a State,
    pub(crate) timeline: &'a timeline::State,
    pub(crate) keyframe: Option<&'a Keyframe>,
    pub(crate) prefix: &'a [u8],
}
