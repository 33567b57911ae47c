//! The init segment (ISO 14496-12, section 8.2.1): what the tracks are. All times in it are 0, because fragments tell them.

use super::track::{timescale, track_id};
use crate::mux::Leads;
use crate::{
    Codec, Display, Error, Rotation, Track, TrackKind,
    boxes::{Kind, put_box, put_full_box},
    codec::{flac, opus_config::dops_from_head},
    colour::Colour,
};
use bytes::{BufMut, Bytes, BytesMut};

/// The transformation that leaves pictures as they are (section 8.2.2.2).
const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The grid on which times of pictures are said to lie, in ticks: 5 ms. Screens are captured at uneven times, and a program
/// that rounds them to a grid, to the mean distance of pictures where it knows no other, has two pictures fall on one time.
const PICTURE_GRID: u32 = 5_000;

/// Ticks a second of the movie header's times.
const MOVIE_TIMESCALE: u32 = 1000;
/// `objectTypeIndication` (ISO 14496-1, section 7.2.6.6) of MPEG-4 audio and of MPEG-1 audio.
const AAC_OBJECT_TYPE: u8 = 0x40;
const MP3_OBJECT_TYPE: u8 = 0x6b;
/// "und" (section 8.4.2.3).
const UNDETERMINED_LANGUAGE: u16 = 0x55c4;

/// The init segment: `ftyp` and `moov`. Errors where MP4 has no place for a codec here, or a
/// track lacks its configuration.
pub(in crate::mux) fn init(tracks: &[Track], leads: &Leads) -> Result<Bytes, Error> {
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
            let lead = leads.get(index).copied().unwrap_or(0);
            put_track(out, index, track, entry, lead);
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

fn put_track(out: &mut BytesMut, index: usize, track: &Track, entry: &[u8], lead: u32) {
    put_box(out, b"trak", |out| {
        put_track_header(out, index, track);
        if lead > 0 {
            put_edit_list(out, lead);
        }
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

/// `edts` (section 8.6.5): the track starts `lead` ticks into its media. Its duration is that of the fragments: 0.
fn put_edit_list(out: &mut BytesMut, lead: u32) {
    put_box(out, b"edts", |out| {
        put_full_box(out, b"elst", 0, 0, |out| {
            out.put_u32(1);
            out.put_u32(0);
            out.put_u32(lead.min(i32::MAX as u32));
            out.put_u32(0x1_0000); // rate 1
        });
    });
}

/// `tkhd` (section 8.3.2), with the flags "enabled" and "in movie".
fn put_track_header(out: &mut BytesMut, index: usize, track: &Track) {
    let (matrix, size, volume) = match track.kind {
        TrackKind::Video { display, .. } => (matrix(display), [display.width, display.height], 0),
        TrackKind::Audio { .. } => (UNITY_MATRIX, [0, 0], 0x100),
    };
    put_full_box(out, b"tkhd", 0, 3, |out| {
        out.put_bytes(0, 8); // creation and modification time
        out.put_u32(track_id(index));
        out.put_bytes(0, 16); // reserved, duration, reserved
        out.put_u32(0); // layer and alternate group
        out.put_u16(volume);
        out.put_u16(0);
        matrix.iter().for_each(|&value| out.put_u32(value));
        size.iter().for_each(|&length| out.put_u32(fixed(length)));
    });
}

/// The matrix (section 8.3.2.1) that turns pictures and moves them back into the quadrant where they are seen.
fn matrix(display: Display) -> [u32; 9] {
    const ONE: u32 = 0x1_0000;
    const MINUS_ONE: u32 = ONE.wrapping_neg();
    let [a, b, c, d, x, y] = match display.rotation {
        Rotation::None => return UNITY_MATRIX,
        Rotation::Quarter => [0, ONE, MINUS_ONE, 0, fixed(display.height), 0],
        Rotation::Half => [MINUS_ONE, 0, 0, MINUS_ONE, fixed(display.width), fixed(display.height)],
        Rotation::ThreeQuarters => [0, MINUS_ONE, ONE, 0, 0, fixed(display.width)],
    };
    [a, b, 0, c, d, 0, x, y, 0x4000_0000]
}

/// A number of pixels in 16.16 fixed point.
fn fixed(pixels: u32) -> u32 {
    u32::from(clamped(pixels)) << 16
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
        (Codec::H264, TrackKind::Video { .. }) => {
            // Keyframes may repeat or change the parameter sets, for which strictly `avc3` is the name (ISO 14496-15, section
            // 5.4.2.1). Chromium, Firefox and ffmpeg take both alike, size changes included, and more players know this one.
            put_visual_entry(&mut out, b"avc1", track, |out| {
                put_box(out, b"avcC", |out| out.put_slice(&track.config));
            });
        }
        (Codec::Vp9, TrackKind::Video { .. }) => {
            put_visual_entry(&mut out, b"vp09", track, |out| {
                put_full_box(out, b"vpcC", 1, 0, |out| put_vp9_config(out, track));
            });
        }
        (Codec::Av1, TrackKind::Video { .. }) => {
            put_visual_entry(&mut out, b"av01", track, |out| {
                put_box(out, b"av1C", |out| out.put_slice(&track.config));
            });
        }
        (Codec::Opus, TrackKind::Audio { channels, .. }) => {
            let dops = dops_from_head(&track.config)?;
            put_audio_entry(&mut out, b"Opus", &AudioEntry::of_16_bits(channels, 48_000), |out| {
                put_box(out, b"dOps", |out| out.put_slice(&dops));
            });
        }
        (Codec::Aac, TrackKind::Audio { channels, sample_rate }) => {
            put_audio_entry(&mut out, b"mp4a", &AudioEntry::of_16_bits(channels, sample_rate), |out| {
                put_elementary_stream(out, AAC_OBJECT_TYPE, &track.config);
            });
        }
        (Codec::Mp3, TrackKind::Audio { channels, sample_rate }) => {
            put_audio_entry(&mut out, b"mp4a", &AudioEntry::of_16_bits(channels, sample_rate), |out| {
                put_elementary_stream(out, MP3_OBJECT_TYPE, &[]);
            });
        }
        // "Encapsulation of FLAC in ISO Base Media File Format", section 3.3.
        (Codec::Flac, TrackKind::Audio { channels, sample_rate }) => {
            let stream_info = flac::stream_info(&track.config)?;
            let sample_bits = flac::sample_bits(&stream_info);
            let entry = AudioEntry { channels, sample_rate: expressible(sample_rate), sample_bits };
            put_audio_entry(&mut out, b"fLaC", &entry, |out| {
                put_full_box(out, b"dfLa", 0, 0, |out| out.put_slice(&stream_info));
            });
        }
        (other, _) => return Err(Error::Unsupported(format!("{other:?} in MP4"))),
    }
    Ok(out)
}

/// The greatest part of a rate that a sample entry can tell, by whole divisions: 48 000 for 96 000.
fn expressible(sample_rate: u32) -> u32 {
    let divisor = (1..=64)
        .find(|divisor| sample_rate.is_multiple_of(*divisor) && sample_rate / divisor <= u16::MAX.into());
    sample_rate / divisor.unwrap_or(1)
}

/// A visual sample entry (ISO 14496-12, section 12.1.3), whose configuration `put_config` writes.
fn put_visual_entry(out: &mut BytesMut, kind: &Kind, track: &Track, put_config: impl FnOnce(&mut BytesMut)) {
    let TrackKind::Video { width, height, display } = track.kind else { return };
    put_box(out, kind, |out| {
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
        put_config(out);
        put_pixel_shape(out, width, height, display);
        if let Some(colour) = Colour::parse(&track.colour) {
            put_colour(out, colour);
        }
    });
}

/// The body of `vpcC`, with the colours that the container told, which frames do not tell as well.
fn put_vp9_config(out: &mut BytesMut, track: &Track) {
    let start = out.len();
    out.put_slice(&track.config);
    if let Some(colour) = Colour::parse(&track.colour)
        && let Some(codes) = out.get_mut(start + 3..start + 6)
    {
        codes.copy_from_slice(&[colour.primaries, colour.transfer, colour.matrix]);
    }
}

/// `pasp` (section 12.1.4): what makes pictures of the coded size fill the displayed one. It is always there, and never 1:1,
/// because Chromium else shows pictures of another size, in mid-take, in the first one's aspect ratio.
fn put_pixel_shape(out: &mut BytesMut, width: u32, height: u32, display: Display) {
    let horizontal = u64::from(display.width) * u64::from(height);
    let vertical = u64::from(display.height) * u64::from(width);
    let divisor = greatest_common_divisor(horizontal, vertical).max(1);
    let (horizontal, vertical) = match (horizontal / divisor, vertical / divisor) {
        (0 | 1, 0 | 1) => (2, 2),
        shape => shape,
    };
    put_box(out, b"pasp", |out| {
        for spacing in [horizontal, vertical] {
            out.put_u32(spacing.try_into().unwrap_or(u32::MAX));
        }
    });
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// `colr` (section 12.1.5) of type `nclx`.
fn put_colour(out: &mut BytesMut, colour: Colour) {
    put_box(out, b"colr", |out| {
        out.put_slice(b"nclx");
        for code in [colour.primaries, colour.transfer, colour.matrix] {
            out.put_u16(code.into());
        }
        out.put_u8(if colour.full_range { 0x80 } else { 0 });
    });
}

/// The fields of an audio sample entry.
struct AudioEntry {
    channels: u32,
    sample_rate: u32,
    /// Players only look at it for FLAC.
    sample_bits: u16,
}

impl AudioEntry {
    /// For codecs that know no bits a sample.
    fn of_16_bits(channels: u32, sample_rate: u32) -> Self {
        Self { channels, sample_rate, sample_bits: 16 }
    }
}

/// An audio sample entry (ISO 14496-12, section 12.2.3), whose boxes `put_boxes` writes.
fn put_audio_entry(
    out: &mut BytesMut,
    kind: &Kind,
    entry: &AudioEntry,
    put_boxes: impl FnOnce(&mut BytesMut),
) {
    put_box(out, kind, |out| {
        out.put_bytes(0, 6);
        out.put_u16(1); // data reference index
        out.put_bytes(0, 8);
        out.put_u16(clamped(entry.channels));
        out.put_u16(entry.sample_bits);
        out.put_u32(0);
        out.put_u32(u32::from(clamped(entry.sample_rate)) << 16);
        put_boxes(out);
    });
}

/// `esds` (ISO 14496-14, section 6.7.2): an ES_Descriptor (ISO 14496-1, section 7.2.6.5) of audio with this
/// DecoderSpecificInfo.
fn put_elementary_stream(out: &mut BytesMut, object_type: u8, specific: &[u8]) {
    const AUDIO_STREAM: u8 = 5 << 2 | 1;
    let decoder = |out: &mut BytesMut| {
        out.put_slice(&[object_type, AUDIO_STREAM, 0, 0, 0]);
        out.put_bytes(0, 8); // bit rates, unknown
        if !specific.is_empty() {
            put_descriptor(out, 5, |out| out.put_slice(specific));
        }
    };
    put_full_box(out, b"esds", 0, 0, |out| {
        put_descriptor(out, 3, |out| {
            out.put_slice(&[0, 0, 0]); // no id, no flags
            put_descriptor(out, 4, decoder);
            put_descriptor(out, 6, |out| out.put_u8(2)); // SLConfigDescriptor of MP4
        });
    });
}

/// A descriptor with its size in four bytes (ISO 14496-1, section 8.3.3).
fn put_descriptor(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    let size_at = out.len();
    out.put_u32(0);
    body(out);
    let size = out.len() - size_at - 4;
    let sevens = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
    let [a, b, c, d] = sevens;
    out[size_at..size_at + 4].copy_from_slice(&[a | 0x80, b | 0x80, c | 0x80, d]);
}

fn clamped(value: u32) -> u16 {
    value.try_into().unwrap_or(u16::MAX)
}
