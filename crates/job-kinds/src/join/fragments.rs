//! Frames in, fragments of a take out.

use bytes::Bytes;
use media::{Frame, Muxer, Rendition, Track};
use media_file::write_fragment;
use protocol::item::{Blob, ManifestTake};

use crate::{Failed, Tools};

/// Writes frames of one track into blobs. It holds the frames of a fragment.
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

    /// Adds a frame with samples `from` to `to` of a track of `rate`.
    pub(super) fn push(&mut self, from: u64, to: u64, rate: u32, data: Bytes) {
        let us = |samples: u64| (samples * 1_000_000 + u64::from(rate) / 2) / u64::from(rate);
        let (pts_us, end_us) = (us(from), us(to));
        let duration_us = end_us - pts_us;
        self.frames.push(Frame { track: 0, pts_us, dts_us: pts_us, duration_us, key: true, data });
    }

    /// Ends the fragment.
    pub(super) fn end(&mut self) -> Result<(), Failed> {
        if !self.frames.is_empty() {
            let bytes = write_fragment(&self.muxer, &self.frames);
            self.frames.clear();
            self.blobs.push(self.tools.blobs.put(bytes)?);
        }
        Ok(())
    }

    /// Ends the take.
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
    /// As an item of this length has it.
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

/// Encoders refuse only what no decoded sound is.
pub(super) fn unencodable(error: impl std::fmt::Display) -> Failed {
    Failed::for_good(format!("the stem cannot be encoded: {error}"))
}
