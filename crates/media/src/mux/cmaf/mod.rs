//! Writes CMAF (ISO 23000-19), a kind of fragmented MP4: an init segment, then chunks of one `moof` and one `mdat` each,
//! which a player can append in any run that starts with a keyframe.
//!
//! Times are those of the frames: video counts microseconds, sound counts its samples, and every chunk has its absolute
//! decode time. A sample lasts until the next of its track is decoded. What keeps players from dropping pictures after a
//! pause is done before, in [`crate::timeline`].

mod init;
mod track;

use std::{borrow::Cow, ops::Range};

use bytes::{BufMut, BytesMut};

use super::{payload, payload_bound_bytes};
use crate::{
    Frame, Run, Track,
    boxes::{put_box, put_full_box},
};
pub(super) use init::init;
use track::{timescale, track_id};

/// `sample_depends_on` 2: needs no other sample (ISO 14496-12, section 8.8.3.1).
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// `sample_depends_on` 1 and `sample_is_non_sync_sample`.
const DEPENDENT_SAMPLE: u32 = 0x0101_0000;

/// `default-base-is-moof` (section 8.8.7.1).
const BASE_IS_MOOF: u32 = 0x02_0000;
/// Data offset, and duration, size and flags of each sample (section 8.8.8.1).
const OFFSET_DURATION_SIZE_FLAGS: u32 = 0x701;
/// A composition offset for each sample too.
const COMPOSITION_OFFSETS: u32 = 0x800;

/// How many chunks of a group `mfhd` distinguishes.
const SEQUENCES_PER_GROUP: u32 = 1 << 16;

/// Upper bounds of what a chunk takes besides its samples, and of what a sample takes besides its data.
const CHUNK_BOUND_BYTES: usize = 256;
const SAMPLE_BOUND_BYTES: usize = 24;

/// An upper bound of what [`write_chunk`] writes.
pub(super) fn chunk_bytes(run: &Run) -> usize {
    let samples: usize = run.frames.iter().map(|frame| payload_bound_bytes(frame) + SAMPLE_BOUND_BYTES).sum();
    CHUNK_BOUND_BYTES + samples
}

/// Appends one `moof` and one `mdat` with all frames of the run. Gives where each frame's data is in `out`.
pub(super) fn write_chunk(tracks: &[Track], run: &Run, out: &mut BytesMut) -> Vec<Range<usize>> {
    let mut samples: Vec<_> = tracks
        .iter()
        .enumerate()
        .map(|(index, track)| Samples {
            index,
            track,
            timescale: timescale(track),
            frames: &run.frames,
            offset_field: 0,
        })
        .filter(|samples| samples.iter().next().is_some())
        .collect();
    let start = out.len();
    put_box(out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| out.put_u32(sequence_number(run)));
        for samples in &mut samples {
            put_box(out, b"traf", |out| samples.put_fragment(out));
        }
    });
    // `moof` comes first, so its length and the header of `mdat` are where the samples begin.
    let mut offset = out.len() - start + 8;
    for samples in &samples {
        out[samples.offset_field..][..4].copy_from_slice(&(offset as u32).to_be_bytes());
        offset += samples.iter().map(|sample| sample.data.len()).sum::<usize>();
    }
    let mut places = vec![0..0; run.frames.len()];
    put_box(out, b"mdat", |out| {
        for sample in samples.iter().flat_map(Samples::iter) {
            let start = out.len();
            out.put_slice(&sample.data);
            if !sample.frame.is_gap() {
                places[sample.at] = start..out.len();
            }
        }
    });
    places
}

/// A number that grows from run to run (ISO 14496-12, section 8.8.5), and wraps.
fn sequence_number(run: &Run) -> u32 {
    (run.group as u32).wrapping_mul(SEQUENCES_PER_GROUP).wrapping_add(run.index).wrapping_add(1)
}

/// The samples of one track in a chunk.
struct Samples<'a> {
    /// Of the track.
    index: usize,
    track: &'a Track,
    timescale: u32,
    /// Of both tracks.
    frames: &'a [Frame],
    /// Where in the output the offset of the data is told.
    offset_field: usize,
}

/// A frame as it is written.
struct Sample<'a> {
    /// Its index in the run.
    at: usize,
    frame: &'a Frame,
    data: Cow<'a, [u8]>,
}

impl<'a> Samples<'a> {
    fn iter(&self) -> impl Iterator<Item = Sample<'a>> + use<'a> {
        let Self { index, track, frames, .. } = *self;
        let of_track = frames.iter().enumerate().filter(move |(_, frame)| frame.track == index);
        of_track.filter_map(move |(at, frame)| payload(track, frame).map(|data| Sample { at, frame, data }))
    }

    /// Writes the content of a `traf`.
    fn put_fragment(&mut self, out: &mut BytesMut) {
        let (mut count, mut composed, mut version) = (0, false, 0);
        for sample in self.iter() {
            let offset = self.composition_offset(sample.frame);
            count += 1;
            composed |= offset != 0;
            // Only version 1 has offsets below 0.
            version |= u8::from(offset < 0);
        }
        let mut samples = self.iter().peekable();
        let first_us = samples.peek().map_or(0, |first| first.frame.dts_us);
        put_full_box(out, b"tfhd", 0, BASE_IS_MOOF, |out| out.put_u32(track_id(self.index)));
        put_full_box(out, b"tfdt", 1, 0, |out| out.put_u64(self.ticks(first_us)));
        // Behind box header, version and flags, and sample count.
        self.offset_field = out.len() + 16;
        let flags = OFFSET_DURATION_SIZE_FLAGS | if composed { COMPOSITION_OFFSETS } else { 0 };
        put_full_box(out, b"trun", version, flags, |out| {
            out.put_u32(count);
            out.put_u32(0);
            while let Some(Sample { frame, data, .. }) = samples.next() {
                let duration = self.duration(frame, samples.peek().map(|next| next.frame));
                let flags = if frame.key { SYNC_SAMPLE } else { DEPENDENT_SAMPLE };
                let offset = if composed { self.composition_offset(frame) } else { 0 };
                let fields = [duration, data.len() as u32, flags, offset as u32].map(u32::to_be_bytes);
                out.put_slice(fields[..if composed { 4 } else { 3 }].as_flattened());
            }
        });
    }

    /// Ticks from when a sample is decoded to when the next one is.
    fn duration(&self, frame: &Frame, next: Option<&Frame>) -> u32 {
        let end_us = next.map_or(frame.dts_us.saturating_add(frame.duration_us), |next| next.dts_us);
        self.ticks(end_us).saturating_sub(self.ticks(frame.dts_us)).try_into().unwrap_or(u32::MAX)
    }

    /// Ticks from when a frame is decoded to when it is shown.
    fn composition_offset(&self, frame: &Frame) -> i32 {
        let offset = self.ticks(frame.pts_us) as i64 - self.ticks(frame.dts_us) as i64;
        offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }

    /// `time_us` in the track's ticks, rounded to the nearest.
    fn ticks(&self, time_us: u64) -> u64 {
        if self.timescale == 1_000_000 {
            return time_us;
        }
        match time_us
            .checked_mul(self.timescale.into())
            .and_then(|millionths| millionths.checked_add(500_000))
        {
            Some(millionths) => millionths / 1_000_000,
            None => {
                let ticks = (u128::from(time_us) * u128::from(self.timescale) + 500_000) / 1_000_000;
                ticks.try_into().unwrap_or(u64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Codec, Display, Error, TrackKind,
        boxes::{Boxes, Fields, expect},
    };
    use bytes::Bytes;

    const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00";

    fn track(codec: Codec, kind: TrackKind) -> Track {
        Track { codec, kind, config: Bytes::from_static(OPUS_HEAD), colour: Bytes::new() }
    }

    fn video() -> Track {
        track(Codec::H264, TrackKind::Video { width: 1280, height: 720, display: Display::coded(1280, 720) })
    }

    fn audio() -> Track {
        track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 })
    }

    /// When it is shown, decoded, and how long it lasts.
    fn frame(track: usize, pts_us: u64, dts_us: u64, duration_us: u64) -> Frame {
        Frame { track, pts_us, dts_us, duration_us, key: true, data: Bytes::from_static(b"\x18") }
    }

    fn chunk(tracks: &[Track], frames: &[Frame]) -> Vec<u8> {
        let run = Run { group: 0, index: 0, frames: frames.to_vec() };
        let mut out = BytesMut::from(&b"message head"[..]);
        let places = write_chunk(tracks, &run, &mut out);
        let head = b"message head".len();
        assert!(out.len() - head <= chunk_bytes(&run));
        assert!(places.into_iter().zip(frames).all(|(place, frame)| out[place] == frame.data));
        out.split_off(head).to_vec()
    }

    /// Of each sample of a chunk's first run: when it is decoded, its duration, and when it is shown.
    fn times(chunk: &[u8]) -> Vec<(u64, u64, u64)> {
        let traf = expect(expect(chunk, b"moof").unwrap(), b"traf").unwrap();
        let (_, _, mut tfdt) = Fields::full(expect(traf, b"tfdt").unwrap()).unwrap();
        let (_, flags, mut trun) = Fields::full(expect(traf, b"trun").unwrap()).unwrap();
        let samples = trun.u32().unwrap();
        trun.skip(4).unwrap();
        let mut decoded = tfdt.u64().unwrap();
        let mut times = Vec::new();
        for _ in 0..samples {
            let duration = u64::from(trun.u32().unwrap());
            trun.skip(8).unwrap();
            let offset = if flags & COMPOSITION_OFFSETS != 0 { trun.u32().unwrap() } else { 0 };
            times.push((decoded, duration, decoded + u64::from(offset)));
            decoded += duration;
        }
        times
    }

    #[test]
    fn pictures_are_timed_as_their_frames_are() {
        let frames = [frame(0, 1_066, 100, 1_000), frame(0, 1_100, 1_100, 33)];
        assert_eq!(times(&chunk(&[video()], &frames)), [(100, 1_000, 1_066), (1_100, 33, 1_100)]);
    }

    #[test]
    fn sound_is_timed_in_samples() {
        let frames = [
            frame(0, 60_000, 60_000, 60_000),
            frame(0, 120_000, 120_000, 61_000),
            frame(0, 181_000, 181_000, 60_000),
        ];
        let expected = [(2880, 2880, 2880), (5760, 2928, 5760), (8688, 2880, 8688)];
        assert_eq!(times(&chunk(&[audio()], &frames)), expected);
    }

    #[test]
    fn a_chunk_is_one_moof_and_one_mdat_without_absent_tracks() {
        let chunk = chunk(&[video(), audio()], &[frame(1, 0, 0, 60_000)]);
        let kinds: Vec<_> = Boxes::new(&chunk).map(|found| found.unwrap().0).collect();
        assert_eq!(kinds, [*b"moof", *b"mdat"]);
        let moof = Boxes::new(expect(&chunk, b"moof").unwrap()).map(|found| found.unwrap().0);
        assert_eq!(moof.collect::<Vec<_>>(), [*b"mfhd", *b"traf"]);
    }

    #[test]
    fn codecs_that_mp4_has_no_place_for_here_are_refused() {
        let vp8 = track(Codec::Vp8, TrackKind::Video { width: 1, height: 1, display: Display::coded(1, 1) });
        assert!(matches!(init(&[vp8], &[0; 2]), Err(Error::Unsupported(_))));
    }
}
