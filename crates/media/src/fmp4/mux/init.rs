//! The init segment (ISO 14496-12, section 8.2.1): what the tracks are. All times in it are 0, because fragments tell them.

use super::{timescale, track_id};
use crate::fmp4::boxes::{put_box, put_full_box};
use crate::fmp4::opus_config::dops_from_head;
use crate::{Codec, Error, Track, TrackKind, h264};
use bytes::{BufMut, Bytes, BytesMut};

/// The transformation that leaves pictures as they are (section 8.2.2.2).
const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The grid on which times of pictures are said to lie, in ticks: 5 ms. Screens are captured at uneven times, and a program
/// that rounds them to a grid, to the mean distance of pictures where it knows no other, has two pictures fall on one time.
const PICTURE_GRID: u32 = 5_000;

/// Ticks a second of the movie header's times.
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

/// `mvhd` (section 8.2.2).
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
        put_time_to_sample(out, track);
        for empty in [b"stsc", b"stco"] {
            put_full_box(out, empty, 0, 0, |out| out.put_u32(0));
        }
        put_full_box(out, b"stsz", 0, 0, |out| out.put_bytes(0, 8));
    });
}

/// `stts` (section 8.6.1.2): durations of the samples that are not in fragments, of which there are none. A run of no
/// pictures tells the grid.
fn put_time_to_sample(out: &mut BytesMut, track: &Track) {
    let runs: &[[u32; 2]] = if track.is_video() { &[[0, PICTURE_GRID]] } else { &[] };
    put_full_box(out, b"stts", 0, 0, |out| {
        out.put_u32(runs.len() as u32);
        runs.as_flattened().iter().for_each(|&field| out.put_u32(field));
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

/// `avc1` (ISO 14496-12, section 12.1.3; ISO 14496-15, section 5.4.2.1). Keyframes may repeat or change the parameter
/// sets, for which strictly `avc3` is the name; Chromium and ffmpeg take both alike, and more players know this one.
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
