//! Writes H.264 and Opus frames as fragmented MP4: an init segment, then chunks of one `moof` and one `mdat` each, which
//! a player can append in any run that starts with a keyframe.
//!
//! Times are exact: video counts microseconds as frames do, Opus counts 48 kHz samples, and every chunk tells its
//! absolute decode time. A sample lasts until the next of its track. The last of a chunk, whose successor is not known
//! yet, lasts its packet's own duration (Opus), or as long as the picture before it.
//!
//! **Still screens.** Players drop video up to the next keyframe when two pictures are *decoded* further apart than
//! twice the former's duration (Media Source Extensions, *coded frame processing*), and a screen that stops moving goes
//! from 30 pictures a second to one. So decode times have no holes: a chunk's first picture is decoded when the one
//! before ends, and shown later; the next picture is decoded when it is shown. Durations thus add up to the time that
//! passed, from which other programs tell the frame rate of a saved file. See `docs/decisions/0001-hole-rule.md`.
//!
//! ```text
//! shown    0   33   66                        1066  1100          chunks [0 33 66] [1066 1100]
//! decoded  0   33   66   100 ← not 1066             1100
//! lasts    33  33   34   1000 = 1100 - 100          33
//! ```

mod init;

use super::boxes::{put_box, put_full_box};
use crate::{Frame, Track, opus};
use bytes::{BufMut, Bytes, BytesMut};
pub(crate) use init::init;

/// How long a chunk's last picture is said to last: as long as the one before it, within these bounds, or without one
/// [`FIRST_PICTURE_US`].
const MIN_PICTURE_US: u64 = 1_000;
const MAX_PICTURE_US: u64 = 1_000_000;
const FIRST_PICTURE_US: u64 = 33_333;

/// Duration written for an Opus packet that does not tell its own.
const UNTOLD_PACKET_US: u64 = 20_000;

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

/// What writing a chunk needs to know of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Chunks so far, which `mfhd` counts.
    pub(crate) chunks: u32,
    /// When the newest picture was shown; `None` before the first.
    pub(crate) shown_us: Option<u64>,
    /// When the next picture is to be decoded at the latest: when the newest one was said to end.
    pub(crate) decode_end_us: u64,
}

/// A chunk: one `moof` and one `mdat` with all `frames`, which are in the order of their tracks' times.
pub(crate) fn chunk(tracks: &[Track], frames: &[Frame], timeline: &mut Timeline) -> Bytes {
    timeline.chunks = timeline.chunks.wrapping_add(1);
    let runs: Vec<Run> = tracks
        .iter()
        .enumerate()
        .filter_map(|(index, track)| Run::of(index, track, frames, timeline))
        .collect();
    let data_bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let mut out = BytesMut::with_capacity(data_bytes + 128 + runs.len() * 64 + frames.len() * 16);
    let mut offset_fields = Vec::with_capacity(runs.len());
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| out.put_u32(timeline.chunks));
        for run in &runs {
            put_box(out, b"traf", |out| offset_fields.push(run.put_fragment(out)));
        }
    });
    // `moof` comes first, so its length and the header of `mdat` are where the samples begin.
    let mut offset = out.len() + 8;
    for (field, run) in offset_fields.into_iter().zip(&runs) {
        out[field..field + 4].copy_from_slice(&(offset as u32).to_be_bytes());
        offset += run.data_bytes();
    }
    put_box(&mut out, b"mdat", |out| {
        for sample in runs.iter().flat_map(|run| &run.samples) {
            out.put_slice(&sample.frame.data);
        }
    });
    out.freeze()
}

/// The frames of one track in a chunk.
struct Run<'a> {
    track_id: u32,
    samples: Vec<Sample<'a>>,
    /// When the last one ends, in ticks.
    decode_end: u64,
}

/// A frame and its times in ticks.
struct Sample<'a> {
    frame: &'a Frame,
    decoded: u64,
    /// From when it is decoded to when it is shown.
    composition_offset: u32,
}

impl<'a> Run<'a> {
    fn of(index: usize, track: &'a Track, frames: &'a [Frame], timeline: &mut Timeline) -> Option<Self> {
        let frames: Vec<_> = frames.iter().filter(|frame| frame.track == index).collect();
        let (first, last) = (*frames.first()?, *frames.last()?);
        let mut first_decoded_us = first.pts_us;
        let mut decode_end_us = last.pts_us;
        if track.is_video() {
            first_decoded_us = timeline.decoded_us(first.pts_us);
            decode_end_us += timeline.last_picture_us(&frames);
            *timeline = Timeline { shown_us: Some(last.pts_us), decode_end_us, ..*timeline };
        } else {
            decode_end_us += opus::packet_duration_us(&last.data).unwrap_or(UNTOLD_PACKET_US);
        }
        let sample = |(position, frame): (usize, &'a Frame)| {
            let decoded_us = if position == 0 { first_decoded_us } else { frame.pts_us };
            let decoded = ticks(track, decoded_us);
            let composition_offset = (ticks(track, frame.pts_us) - decoded) as u32;
            Sample { frame, decoded, composition_offset }
        };
        let samples = frames.into_iter().enumerate().map(sample).collect();
        Some(Self { track_id: track_id(index), samples, decode_end: ticks(track, decode_end_us) })
    }

    fn data_bytes(&self) -> usize {
        self.samples.iter().map(|sample| sample.frame.data.len()).sum()
    }

    /// Writes the content of a `traf`; returns where its data offset has to be filled in.
    fn put_fragment(&self, out: &mut BytesMut) -> usize {
        put_full_box(out, b"tfhd", 0, BASE_IS_MOOF, |out| out.put_u32(self.track_id));
        put_full_box(out, b"tfdt", 1, 0, |out| out.put_u64(self.samples[0].decoded));
        // Behind box header, version and flags, and sample count.
        let offset_field = out.len() + 16;
        let composed = self.samples.iter().any(|sample| sample.composition_offset > 0);
        let flags = OFFSET_DURATION_SIZE_FLAGS | if composed { COMPOSITION_OFFSETS } else { 0 };
        put_full_box(out, b"trun", 0, flags, |out| {
            out.put_u32(self.samples.len() as u32);
            out.put_u32(0);
            let ends = self.samples.iter().skip(1).map(|next| next.decoded).chain([self.decode_end]);
            for (sample, end) in self.samples.iter().zip(ends) {
                out.put_u32(end.saturating_sub(sample.decoded).try_into().unwrap_or(u32::MAX));
                out.put_u32(sample.frame.data.len() as u32);
                out.put_u32(if sample.frame.key { SYNC_SAMPLE } else { DEPENDENT_SAMPLE });
                if composed {
                    out.put_u32(sample.composition_offset);
                }
            }
        });
        offset_field
    }
}

impl Timeline {
    /// When a picture shown at `pts_us` is decoded, which is the first of its chunk. An offset that its field has no
    /// room for, half an hour, is a hole that stays.
    fn decoded_us(&self, pts_us: u64) -> u64 {
        let end_us = self.shown_us.map_or(pts_us, |_| self.decode_end_us);
        if pts_us.saturating_sub(end_us) > i32::MAX as u64 { pts_us } else { pts_us.min(end_us) }
    }

    /// How long the last of a chunk's `pictures` is taken to be shown: as long as the one before it was.
    fn last_picture_us(&self, pictures: &[&Frame]) -> u64 {
        let (last_us, before_us) = match pictures {
            [.., before, last] => (last.pts_us, Some(before.pts_us)),
            [last] => (last.pts_us, self.shown_us),
            [] => (0, None),
        };
        let picture_us = before_us.map_or(FIRST_PICTURE_US, |before_us| last_us.saturating_sub(before_us));
        picture_us.clamp(MIN_PICTURE_US, MAX_PICTURE_US)
    }
}

fn track_id(index: usize) -> u32 {
    index as u32 + 1
}

/// Ticks a second: microseconds for pictures, and for Opus the 48 kHz that its encapsulation demands (section 4.3).
fn timescale(track: &Track) -> u32 {
    if track.is_video() { 1_000_000 } else { 48_000 }
}

/// `time_us` in the track's ticks, rounded to the nearest.
fn ticks(track: &Track, time_us: u64) -> u64 {
    let ticks = (u128::from(time_us) * u128::from(timescale(track)) + 500_000) / 1_000_000;
    ticks.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fmp4::boxes::{Boxes, Fields, expect};
    use crate::{Codec, Error, TrackKind};

    const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00";

    fn track(codec: Codec, kind: TrackKind) -> Track {
        Track { codec, kind, codec_private: Bytes::from_static(OPUS_HEAD), colour: Bytes::new() }
    }

    fn video() -> Track {
        track(Codec::H264, TrackKind::Video { width: 1280, height: 720 })
    }

    fn audio() -> Track {
        track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 })
    }

    /// Frames of 60 ms if they are taken for Opus.
    fn frames(times_us: &[u64]) -> Vec<Frame> {
        let frame = |&pts_us| Frame { track: 0, pts_us, key: true, data: Bytes::from_static(b"\x18") };
        times_us.iter().map(frame).collect()
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

    /// The samples of chunks with pictures at these times.
    fn picture_times(chunks: &[&[u64]]) -> Vec<(u64, u64, u64)> {
        let mut timeline = Timeline::default();
        chunks
            .iter()
            .flat_map(|pictures| times(&chunk(&[video()], &frames(pictures), &mut timeline)))
            .collect()
    }

    #[test]
    fn last_picture_of_a_chunk_lasts_as_long_as_the_one_before() {
        assert_eq!(
            picture_times(&[&[0, 30], &[60_000], &[130_000]]),
            [
                (0, 30, 0),
                (30, 1_000, 30), // not 30 µs
                (1_030, 118_940, 60_000),
                (119_970, 80_030, 130_000),
            ]
        );
    }

    #[test]
    fn decode_times_have_no_hole_where_the_screen_stood_still() {
        let times =
            picture_times(&[&[0, 33_000, 66_000], &[1_066_000, 1_100_000], &[4_000_000], &[4_033_000]]);
        for (before, next) in times.iter().zip(&times[1..]) {
            assert!(next.0 <= before.0 + before.1, "{times:?}");
            assert!(next.0 >= before.0, "{times:?}");
        }
        let shown: Vec<_> = times.iter().map(|(_, _, shown)| *shown).collect();
        assert_eq!(shown, [0, 33_000, 66_000, 1_066_000, 1_100_000, 4_000_000, 4_033_000]);
        assert!(times.iter().all(|(decoded, _, shown)| decoded <= shown));
    }

    #[test]
    fn durations_add_up_to_the_time_that_passed() {
        let at = |number: u64| number * 33_333;
        let times = picture_times(&[&[at(0), at(1), at(2)], &[at(3)], &[at(4), at(5)], &[at(6)]]);
        let sum: u64 = times.iter().map(|(_, duration, _)| duration).sum();
        assert_eq!(sum, at(7));
    }

    #[test]
    fn a_hole_too_long_for_its_field_stays() {
        let hour_us = 3_600_000_000;
        assert_eq!(picture_times(&[&[0], &[hour_us]])[1].0, hour_us);
    }

    #[test]
    fn opus_is_timed_in_samples_and_ends_by_its_own_duration() {
        let chunk = chunk(&[audio()], &frames(&[60_000, 120_000, 181_000]), &mut Timeline::default());
        assert_eq!(times(&chunk), [(2880, 2880, 2880), (5760, 2928, 5760), (8688, 2880, 8688)]);
    }

    #[test]
    fn a_chunk_is_one_moof_and_one_mdat_without_absent_tracks() {
        let frames = [Frame { track: 1, pts_us: 0, key: true, data: Bytes::from_static(b"\x18") }];
        let chunk = chunk(&[video(), audio()], &frames, &mut Timeline::default());
        let kinds: Vec<_> = Boxes::new(&chunk).map(|found| found.unwrap().0).collect();
        assert_eq!(kinds, [*b"moof", *b"mdat"]);
        let moof = Boxes::new(expect(&chunk, b"moof").unwrap()).map(|found| found.unwrap().0);
        assert_eq!(moof.collect::<Vec<_>>(), [*b"mfhd", *b"traf"]);
    }

    #[test]
    fn codecs_that_mp4_has_no_place_for_here_are_refused() {
        let vp9 = track(Codec::Vp9, TrackKind::Video { width: 1, height: 1 });
        assert!(matches!(init(&[vp9]), Err(Error::Unsupported(_))));
    }
}
