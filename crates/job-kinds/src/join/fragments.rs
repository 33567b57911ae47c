//! Writes encoded frames as the fragments of a take.

use bytes::Bytes;
use media::{Frame, Muxer, Rendition, Track};
use media_file::write_fragment;
use protocol::item::{Blob, ManifestTake};

use crate::{Failed, Tools};

/// Stores the frames of one track, fragment by fragment. It holds the frames of one fragment.
pub(super) struct Fragments<'a> {
    tools: Tools<'a>,
    muxer: Muxer,
    frames: Vec<Frame>,
    blobs: Vec<Blob>,
}

impl<'a> Fragments<'a> {
    pub(super) fn new(tools: Tools<'a>, rendition: Rendition, track: Track) -> Result<Self, Failed> {
        let muxer = Muxer::of_file(rendition, [track].into(), [0; 2]).map_err(unencodable)?;
        Ok(Self { tools, muxer, frames: Vec::new(), blobs: Vec::new() })
    }

    /// Adds a frame with samples `from` to `to` of a track with `rate` samples a second.
    pub(super) fn push(&mut self, from: u64, to: u64, rate: u32, data: Bytes) {
        let us = |samples: u64| (samples * 1_000_000 + u64::from(rate) / 2) / u64::from(rate);
        let (pts_us, end_us) = (us(from), us(to));
        let duration_us = end_us - pts_us;
        self.frames.push(Frame { track: 0, pts_us, dts_us: pts_us, duration_us, key: true, data });
    }

    /// Stores the fragment, unless it is empty.
    pub(super) fn end(&mut self) -> Result<(), Failed> {
        if !self.frames.is_empty() {
            let bytes = write_fragment(&self.muxer, &self.frames);
            self.frames.clear();
            self.blobs.push(self.tools.blobs.put(bytes)?);
        }
        Ok(())
    }

    /// Stores the last fragment and the init segment.
    pub(super) fn finish(mut self) -> Result<Finished, Failed> {
        self.end()?;
        let init = self.muxer.init();
        let stored = self.tools.blobs.put(init.data.clone())?;
        Ok(Finished { mime: init.mime.clone(), init: stored, blobs: self.blobs })
    }
}

/// A take whose fragments are stored.
pub(super) struct Finished {
    mime: String,
    init: Blob,
    blobs: Vec<Blob>,
}

impl Finished {
    /// The take of an item with this length.
    pub(super) fn into_take(self, duration_ms: u64) -> ManifestTake {
        let fragments = self.blobs.into_iter().enumerate();
        ManifestTake {
            mime: self.mime,
            init: Some(self.init),
            fragments: fragments.map(|(n, blob)| super::fragment(n, blob, duration_ms)).collect(),
            offset_ms: 0,
            alternatives: Vec::new(),
        }
    }
}

/// An encoder refused the form of the sound, which decoded sound never has.
pub(super) fn unencodable(error: impl std::fmt::Display) -> Failed {
    Failed::for_good(format!("the stem cannot be encoded: {error}"))
}
