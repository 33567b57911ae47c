//! What follows the demuxer, once the tracks are known: [`Packager`], then the muxer of the container the codecs need.
//!
//! VP8, VP9, AV1 and Opus alone go into WebM. H.264 goes into fragmented MP4, as no player takes it in Matroska; where its
//! configuration is not in the container, the init segment waits for the first frame that has it.

use bytes::Bytes;

use crate::{
    Chunk, Codec, Error, Frame, Init, Output, Track,
    fmp4::mux::{self as fmp4, Timeline},
    h264::H264Normalizer,
    mime::{self, Container},
    packager::{Package, Packager, State},
    resume::Parts,
    webm::mux as webm,
};

/// What a pipeline knows between segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) packager: State,
    pub(crate) timeline: Timeline,
    /// The H.264 configuration, where it came out of a frame.
    pub(crate) avcc: Option<Bytes>,
}

impl Memory {
    /// What goes into a resume point, with `prefix` as the demuxer's part.
    pub(crate) fn parts<'a>(&'a self, prefix: &'a [u8]) -> Parts<'a> {
        let avcc = self.avcc.as_deref().unwrap_or_default();
        Parts { packager: &self.packager, timeline: self.timeline, avcc, prefix }
    }

    /// Whether it can be that of a take with these tracks: what is held is audio.
    pub(crate) fn fits(&self, tracks: &[Track]) -> bool {
        self.packager
            .held
            .frames()
            .all(|frame| tracks.get(frame.track).is_some_and(|track| !track.is_video()))
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Pipeline {
    tracks: Vec<Track>,
    container: Container,
    h264: Option<H264Normalizer>,
    packager: Packager,
    timeline: Timeline,
    init: Option<Init>,
}

impl Pipeline {
    /// A pipeline that goes on from `memory`. `Unsupported` for tracks that one chunk cannot hold together.
    pub(crate) fn new(tracks: Vec<Track>, memory: Memory) -> Result<Self, Error> {
        let videos = tracks.iter().filter(|track| track.is_video()).count();
        if videos > 1 || tracks.len() - videos > 1 {
            return Err(Error::Unsupported("more than one video or one audio track".into()));
        }
        let h264 = tracks
            .iter()
            .find(|track| track.codec == Codec::H264)
            .map(|track| H264Normalizer::resume(&track.codec_private, memory.avcc))
            .transpose()?;
        let container = if h264.is_some() { Container::Fmp4 } else { Container::WebM };
        let packager = Packager::new(&tracks, memory.packager);
        let mut pipeline = Self { tracks, container, h264, packager, timeline: memory.timeline, init: None };
        pipeline.make_init()?;
        Ok(pipeline)
    }

    /// The init segment, once it can be made.
    pub(crate) fn init(&self) -> Option<&Init> {
        self.init.as_ref()
    }

    /// Time of the newest frame of either track.
    pub(crate) fn newest_us(&self) -> Option<u64> {
        self.packager.state().newest_us.into_iter().flatten().max()
    }

    /// Group and index of the newest chunk.
    pub(crate) fn newest_chunk(&self) -> Option<(u64, u32)> {
        let State { group, index, .. } = self.packager.state();
        Some((*group, index.checked_sub(1)?))
    }

    /// As [`Memory::parts`].
    pub(crate) fn parts<'a>(&'a self, prefix: &'a [u8]) -> Parts<'a> {
        let avcc = self.h264.as_ref().and_then(H264Normalizer::avcc);
        let avcc = avcc.map_or(&[][..], |avcc| avcc);
        Parts { packager: self.packager.state(), timeline: self.timeline, avcc, prefix }
    }

    /// Takes the next frame; appends what it makes ready.
    pub(crate) fn push(&mut self, mut frame: Frame, outputs: &mut Vec<Output>) -> Result<(), Error> {
        if let Some(h264) = &mut self.h264
            && self.tracks[frame.track].codec == Codec::H264
        {
            frame.data = h264.normalize(&frame.data)?;
            outputs.extend(self.make_init()?.map(Output::Init));
            // Without a configuration nothing can start here.
            frame.key &= self.init.is_some();
        }
        let package = self.packager.push(frame);
        outputs.extend(package.map(|package| self.chunk(package)));
        Ok(())
    }

    /// Ends the segment; appends the chunk that ends with it.
    pub(crate) fn end_segment(&mut self, outputs: &mut Vec<Output>) {
        let package = self.packager.end_segment();
        outputs.extend(package.map(|package| self.chunk(package)));
    }

    /// Makes the init segment if that was not done and can be; gives it then.
    fn make_init(&mut self) -> Result<Option<Init>, Error> {
        if self.init.is_some() {
            return Ok(None);
        }
        if let Some(h264) = &self.h264 {
            let Some(avcc) = h264.avcc() else { return Ok(None) };
            let video = self.tracks.iter_mut().filter(|track| track.codec == Codec::H264);
            video.for_each(|track| track.codec_private = avcc.clone());
        }
        let data = match self.container {
            Container::WebM => webm::init(&self.tracks),
            Container::Fmp4 => fmp4::init(&self.tracks)?,
        };
        self.init = Some(Init { mime: mime::playable(self.container, &self.tracks)?, data });
        Ok(self.init.clone())
    }

    fn chunk(&mut self, package: Package) -> Output {
        let Package { group, index, frames, pts_us, duration_us } = package;
        let data = match self.container {
            Container::WebM => webm::chunk(&self.tracks, &frames),
            Container::Fmp4 => fmp4::chunk(&self.tracks, &frames, &mut self.timeline),
        };
        let (pts_ms, duration_ms) = (pts_us / 1000, duration_us / 1000);
        Output::Chunk(Chunk { group, index, key: index == 0, pts_ms, duration_ms, data })
    }
}
