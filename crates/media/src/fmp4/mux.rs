//! Writes H.264 and Opus frames as fragmented MP4: an init segment, then chunks of one `moof` and one `mdat` each, which
//! a player can append in any run that starts with a keyframe.
//!
//! Times are exact: video counts microseconds as frames do, Opus counts 48 kHz samples, and every chunk tells its
//! absolute decode time. A sample lasts until the next of its track; the last of a chunk, whose successor is not
//! known yet, lasts its packet's own duration (Opus) or [`LAST_PICTURE_US`].

use super::boxes::{put_box, put_full_box};
use super::opus_config::dops_from_head;
use crate::{Codec, Error, Frame, Track, TrackKind, h264, opus};
use bytes::{BufMut, Bytes, BytesMut};

/// Duration written for a chunk's last picture. Players drop video up to the next keyframe when two pictures are further
/// apart than twice the former's duration (Media Source Extensions, *coded frame processing*), and still screens
/// bring about one picture a second; the next chunk's picture comes sooner and simply replaces this one.
const LAST_PICTURE_US: u64 = 1_000_000;

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

/// The transformation that leaves pictures as they are (section 8.2.2.2).
const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// Track and duration times of the movie header, which here are all 0.
const MOVIE_TIMESCALE: u32 = 1000;
/// "und" (section 8.4.2.3).
const UNDETERMINED_LANGUAGE: u16 = 0x55c4;

/// The init segment: `ftyp` and `moov`. Errors where a track is neither H.264 nor Opus, or lacks its configuration.
pub(crate) fn init(tracks: &[Track]) -> Result<Bytes, Error> {
    let entries = tracks.iter().map(sample_entry).collect::<Result<Vec<_>, _>>()?;
    let mut out = BytesMut::new();
    put_box(&mut out, b"ftyp", |out| {
        out.put_slice(b"iso6");
        out.put_u32(0);
        out.put_slice(b"iso6isommp41");
    });
    put_box(&mut out, b"moov", |out| {
        put_movie_header(out, tracks.len());
        for (index, (track, entry)) in tracks.iter().zip(&entries).enumerate() {
            put_track(out, index, track, entry);
        }
        put_box(out, b"mvex", |out| (0..tracks.len()).for_each(|index| put_track_defaults(out, index)));
    });
    Ok(out.freeze())
}

/// A chunk: one `moof` and one `mdat` with all `frames`, which are in the order of their tracks' times. `sequence`
/// grows from chunk to chunk.
pub(crate) fn chunk(tracks: &[Track], frames: &[Frame], sequence: u32) -> Bytes {
    let runs: Vec<Run> =
        tracks.iter().enumerate().filter_map(|(index, track)| Run::of(index, track, frames)).collect();
    let data_bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let mut out = BytesMut::with_capacity(data_bytes + 128 + runs.len() * 64 + frames.len() * 12);
    let mut offset_fields = Vec::with_capacity(runs.len());
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| out.put_u32(sequence));
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
        for frame in runs.iter().flat_map(|run| &run.frames) {
            out.put_slice(&frame.data);
        }
    });
    out.freeze()
}

/// The frames of one track in a chunk.
struct Run<'a> {
    track_id: u32,
    track: &'a Track,
    frames: Vec<&'a Frame>,
}

impl<'a> Run<'a> {
    fn of(index: usize, track: &'a Track, frames: &'a [Frame]) -> Option<Self> {
        let frames: Vec<_> = frames.iter().filter(|frame| frame.track == index).collect();
        (!frames.is_empty()).then_some(Self { track_id: track_id(index), track, frames })
    }

    fn data_bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.data.len()).sum()
    }

    /// Writes the content of a `traf`; returns where its data offset has to be filled in.
    fn put_fragment(&self, out: &mut BytesMut) -> usize {
        put_full_box(out, b"tfhd", 0, BASE_IS_MOOF, |out| out.put_u32(self.track_id));
        put_full_box(out, b"tfdt", 1, 0, |out| out.put_u64(ticks(self.track, self.frames[0].pts_us)));
        // Behind box header, version and flags, and sample count.
        let offset_field = out.len() + 16;
        put_full_box(out, b"trun", 0, OFFSET_DURATION_SIZE_FLAGS, |out| {
            out.put_u32(self.frames.len() as u32);
            out.put_u32(0);
            for (position, frame) in self.frames.iter().enumerate() {
                out.put_u32(self.duration_ticks(position));
                out.put_u32(frame.data.len() as u32);
                out.put_u32(if frame.key { SYNC_SAMPLE } else { DEPENDENT_SAMPLE });
            }
        });
        offset_field
    }

    fn duration_ticks(&self, position: usize) -> u32 {
        let frame = self.frames[position];
        let end_us = match self.frames.get(position + 1) {
            Some(next) => next.pts_us,
            None => frame.pts_us.saturating_add(self.last_duration_us(frame)),
        };
        let duration = ticks(self.track, end_us).saturating_sub(ticks(self.track, frame.pts_us));
        duration.try_into().unwrap_or(u32::MAX)
    }

    fn last_duration_us(&self, frame: &Frame) -> u64 {
        if self.track.is_video() {
            LAST_PICTURE_US
        } else {
            opus::packet_duration_us(&frame.data).unwrap_or(UNTOLD_PACKET_US)
        }
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

/// `mvhd` (section 8.2.2): all durations are 0 because the fragments tell them.
fn put_movie_header(out: &mut BytesMut, tracks: usize) {
    put_full_box(out, b"mvhd", 0, 0, |out| {
        out.put_bytes(0, 8); // creation and modification time
        out.put_u32(MOVIE_TIMESCALE);
        out.put_u32(0); // duration
        out.put_u32(0x1_0000); // rate 1
        out.put_u16(0x100); // volume 1
        out.put_bytes(0, 10);
        UNITY_MATRIX.iter().for_each(|&value| out.put_u32(value));
        out.put_bytes(0, 24);
        out.put_u32(track_id(tracks)); // the next free one
    });
}

fn put_track(out: &mut BytesMut, index: usize, track: &Track, entry: &[u8]) {
    put_box(out, b"trak", |out| {
        put_track_header(out, index, track);
        put_box(out, b"mdia", |out| {
            put_full_box(out, b"mdhd", 0, 0, |out| {
                out.put_bytes(0, 8); // creation and modification time
                out.put_u32(timescale(track));
                out.put_u32(0); // duration
                out.put_u16(UNDETERMINED_LANGUAGE);
                out.put_u16(0);
            });
            put_full_box(out, b"hdlr", 0, 0, |out| {
                out.put_u32(0);
                out.put_slice(if track.is_video() { b"vide" } else { b"soun" });
                out.put_bytes(0, 13); // reserved, and an empty name
            });
            put_box(out, b"minf", |out| put_media_information(out, track, entry));
        });
    });
}

/// `tkhd` (section 8.3.2), with the flags "enabled" and "in movie".
fn put_track_header(out: &mut BytesMut, index: usize, track: &Track) {
    let (width, height, volume) = match track.kind {
        TrackKind::Video { width, height } => (width, height, 0),
        TrackKind::Audio { .. } => (0, 0, 0x100),
    };
    put_full_box(out, b"tkhd", 0, 3, |out| {
        out.put_bytes(0, 8); // creation and modification time
        out.put_u32(track_id(index));
        out.put_bytes(0, 16); // reserved, duration, reserved
        out.put_u32(0); // layer and alternate group
        out.put_u16(volume);
        out.put_u16(0);
        UNITY_MATRIX.iter().for_each(|&value| out.put_u32(value));
        out.put_u32(u32::from(clamped(width)) << 16);
        out.put_u32(u32::from(clamped(height)) << 16);
    });
}

fn put_media_information(out: &mut BytesMut, track: &Track, entry: &[u8]) {
    if track.is_video() {
        put_full_box(out, b"vmhd", 0, 1, |out| out.put_bytes(0, 8));
    } else {
        put_full_box(out, b"smhd", 0, 0, |out| out.put_bytes(0, 4));
    }
    put_box(out, b"dinf", |out| {
        put_full_box(out, b"dref", 0, 0, |out| {
            out.put_u32(1);
            put_full_box(out, b"url ", 0, 1, |_| {}); // flag 1: the data is in this file
        });
    });
    put_box(out, b"stbl", |out| {
        put_full_box(out, b"stsd", 0, 0, |out| {
            out.put_u32(1);
            out.put_slice(entry);
        });
        for empty in [b"stts", b"stsc", b"stco"] {
            put_full_box(out, empty, 0, 0, |out| out.put_u32(0));
        }
        put_full_box(out, b"stsz", 0, 0, |out| out.put_bytes(0, 8));
    });
}

/// `trex` (section 8.8.3): no defaults but the sample entry, since every run tells everything.
fn put_track_defaults(out: &mut BytesMut, index: usize) {
    put_full_box(out, b"trex", 0, 0, |out| {
        out.put_u32(track_id(index));
        out.put_u32(1);
        out.put_bytes(0, 12);
    });
}

fn sample_entry(track: &Track) -> Result<BytesMut, Error> {
    let mut out = BytesMut::new();
    match (track.codec, track.kind) {
        (Codec::H264, TrackKind::Video { width, height }) => {
            h264::codec_string(&track.codec_private)?;
            put_visual_entry(&mut out, width, height, &track.codec_private);
        }
        (Codec::Opus, TrackKind::Audio { channels, .. }) => {
            put_opus_entry(&mut out, channels, &dops_from_head(&track.codec_private)?);
        }
        (other, _) => return Err(Error::Unsupported(format!("{other:?} in MP4"))),
    }
    Ok(out)
}

/// `avc1` (ISO 14496-12, section 12.1.3; ISO 14496-15, section 5.4.2.1). Keyframes may repeat or change the parameter sets,
/// for which strictly `avc3` is the name; players take both alike, but more of them know this one.
fn put_visual_entry(out: &mut BytesMut, width: u32, height: u32, avcc: &[u8]) {
    put_box(out, b"avc1", |out| {
        out.put_bytes(0, 6);
        out.put_u16(1); // data reference index
        out.put_bytes(0, 16);
        out.put_u16(clamped(width));
        out.put_u16(clamped(height));
        out.put_u32(0x48_0000); // 72 dpi
        out.put_u32(0x48_0000);
        out.put_u32(0);
        out.put_u16(1); // frames per sample
        out.put_bytes(0, 32); // no compressor name
        out.put_u16(24); // depth
        out.put_u16(0xffff);
        put_box(out, b"avcC", |out| out.put_slice(avcc));
    });
}

/// `Opus` (Opus in ISOBMFF, section 4.3.1).
fn put_opus_entry(out: &mut BytesMut, channels: u32, dops: &[u8]) {
    put_box(out, b"Opus", |out| {
        out.put_bytes(0, 6);
        out.put_u16(1); // data reference index
        out.put_bytes(0, 8);
        out.put_u16(clamped(channels));
        out.put_u16(16); // bits per sample
        out.put_u32(0);
        out.put_u32(48_000 << 16);
        put_box(out, b"dOps", |out| out.put_slice(dops));
    });
}

fn clamped(value: u32) -> u16 {
    value.try_into().unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fmp4::boxes::{Boxes, Fields, expect};

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

    fn frame(track: usize, pts_us: u64, data: &'static [u8]) -> Frame {
        Frame { track, pts_us, key: true, data: Bytes::from_static(data) }
    }

    /// Decode time and sample durations of the first run of a chunk.
    fn times(chunk: &[u8]) -> (u64, Vec<u32>) {
        let traf = expect(expect(chunk, b"moof").unwrap(), b"traf").unwrap();
        let (_, _, mut tfdt) = Fields::full(expect(traf, b"tfdt").unwrap()).unwrap();
        let (_, _, mut trun) = Fields::full(expect(traf, b"trun").unwrap()).unwrap();
        let samples = trun.u32().unwrap();
        trun.skip(4).unwrap();
        let durations = (0..samples).map(|_| {
            let duration = trun.u32().unwrap();
            trun.skip(8).unwrap();
            duration
        });
        (tfdt.u64().unwrap(), durations.collect())
    }

    #[test]
    fn last_picture_of_a_chunk_lasts_long_enough_for_a_still_screen() {
        let frames = [frame(0, 1_000_000, b"one"), frame(0, 1_033_333, b"two")];
        assert_eq!(times(&chunk(&[video()], &frames, 1)), (1_000_000, vec![33_333, 1_000_000]));
    }

    #[test]
    fn opus_is_timed_in_samples_and_ends_by_its_own_duration() {
        let frames = [frame(0, 60_000, b"\x18"), frame(0, 120_000, b"\x18"), frame(0, 181_000, b"\x18")];
        assert_eq!(times(&chunk(&[audio()], &frames, 1)), (2880, vec![2880, 2928, 2880]));
    }

    #[test]
    fn a_chunk_is_one_moof_and_one_mdat_without_absent_tracks() {
        let chunk = chunk(&[video(), audio()], &[frame(1, 0, b"\x18")], 1);
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

    #[test]
    fn times_at_the_end_of_their_range_do_not_overflow() {
        let frames = [frame(0, 0, b"\x18"), frame(0, 1 << 53, b"\x18")];
        assert_eq!(times(&chunk(&[audio()], &frames, 1)).1, [u32::MAX, 2880]);
    }
}
