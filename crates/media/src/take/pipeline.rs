//! What follows the demuxer, once the tracks are known: what their bitstreams say, their times, and [`Packager`].
//!
//! The tracks of a take with pictures wait for its first keyframe, which has their properties.

use std::sync::Arc;

use super::{
    memory::{Memory, Parts},
    output::Output,
    packager::{Packager, State},
};
use crate::{Error, Frame, Packet, Rendition, Run, Track, codec::Inspector, timeline::Timeline};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// As the demuxer gave them.
    tracks: Vec<Track>,
    /// As they were given out.
    given: Option<Arc<[Track]>>,
    inspectors: Vec<Inspector>,
    timeline: Timeline,
    packager: Packager,
    /// Frames between timeline and packager; empty between calls.
    timed: Vec<Frame>,
}

impl Pipeline {
    /// A pipeline that continues from `memory`. `Unsupported` for tracks that no player takes together.
    pub(crate) fn new(tracks: Vec<Track>, memory: Memory) -> Result<Self, Error> {
        let videos = tracks.iter().filter(|track| track.is_video()).count();
        if videos > 1 || tracks.len() - videos > 1 {
            return Err(Error::Unsupported("more than one video or one audio track".into()));
        }
        if !Rendition::WebM.holds_all(&tracks) && !Rendition::Mp4.holds_all(&tracks) {
            let codecs: Vec<_> = tracks.iter().map(|track| format!("{:?}", track.codec)).collect();
            return Err(Error::Unsupported(format!("{} together", codecs.join(" and "))));
        }
        let Memory { packager, timeline, keyframe } = memory;
        let inspector =
            |track: &Track| Inspector::resume(track, keyframe.clone().filter(|_| track.is_video()));
        let inspectors = tracks.iter().map(inspector).collect::<Result<_, _>>()?;
        let packager = Packager::new(&tracks, packager);
        let timeline = Timeline::new(&tracks, timeline);
        Ok(Self { tracks, given: None, inspectors, timeline, packager, timed: Vec::new() })
    }

    /// The tracks, once they were given out.
    pub(crate) fn tracks(&self) -> Option<&Arc<[Track]>> {
        self.given.as_ref()
    }

    /// The latest time of a frame of either track.
    pub(crate) fn latest_us(&self) -> Option<u64> {
        self.timeline.latest_us()
    }

    /// As [`Inspector::units`], of all tracks.
    pub(crate) fn units(&self) -> u64 {
        self.inspectors.iter().map(Inspector::units).sum()
    }

    /// As [`Timeline::corrections`].
    pub(crate) fn time_corrections(&self) -> u64 {
        self.timeline.corrections()
    }

    /// Group, index and number of frames of the newest run.
    pub(crate) fn newest(&self) -> Option<(u64, u32, u32)> {
        let State { group, index, newest_frames, .. } = self.packager.state();
        (*index > 0).then(|| (*group, index.saturating_sub(*newest_frames), *newest_frames))
    }

    /// As [`Memory::parts`].
    pub(crate) fn parts<'a>(&'a self, prefix: &'a [u8]) -> Parts<'a> {
        let keyframe = self.inspectors.iter().find_map(Inspector::first);
        Parts { packager: self.packager.state(), timeline: self.timeline.state(), keyframe, prefix }
    }

    /// Gives the tracks out, if that was not done and all is known of them.
    pub(crate) fn give_tracks(&mut self) -> Option<Output> {
        if self.given.is_some() {
            return None;
        }
        let describe = |(track, inspector): (&Track, &Inspector)| inspector.describe(track);
        let tracks: Arc<[Track]> =
            self.tracks.iter().zip(&self.inspectors).map(describe).collect::<Option<_>>()?;
        self.timeline.describe(&tracks);
        self.given = Some(Arc::clone(&tracks));
        Some(Output::Tracks(tracks))
    }

    /// Takes the next frame; appends what it makes ready.
    pub(crate) fn push(&mut self, mut packet: Packet, outputs: &mut Vec<Output>) -> Result<(), Error> {
        self.inspectors[packet.track].inspect(&mut packet)?;
        if self.given.is_none() {
            outputs.extend(self.give_tracks());
        }
        let mut timed = std::mem::take(&mut self.timed);
        self.timeline.push(packet, &mut timed);
        for frame in timed.drain(..) {
            if let Some(run) = self.packager.push(frame) {
                outputs.push(self.finish(run));
            }
        }
        self.timed = timed;
        Ok(())
    }

    /// Ends the segment; appends the run that ends with it.
    pub(crate) fn end_segment(&mut self, outputs: &mut Vec<Output>) {
        self.timeline.end_segment();
        if let Some(run) = self.packager.end_segment() {
            outputs.push(self.finish(run));
        }
    }

    fn finish(&mut self, mut run: Run) -> Output {
        // There is no run before the tracks were given.
        let tracks = self.given.as_deref().unwrap_or(&self.tracks);
        self.timeline.finish(tracks, &mut run.frames);
        Output::Run(run)
    }
}
