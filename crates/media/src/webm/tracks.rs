//! The Tracks element (RFC 9559, section 5.1.4), both ways, for the codecs of this crate (codec mappings: RFC 9559, section
//! 12.1 and the Matroska codec specification).

use bytes::Bytes;

use super::{ebml, ebml::malformed, element};
use crate::{Codec, Error, Track, TrackKind, error::shown};

/// A track and the number that its blocks call it by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) track: Track,
}

impl Entry {
    /// Bytes that the input gave for the decoder.
    pub(super) fn private_bytes(&self) -> usize {
        self.track.codec_private.len() + self.track.colour.len()
    }
}

/// More tracks than any recorder writes.
const MAX_TRACKS: usize = 8;

/// `TrackType` values (RFC 9559, section 5.1.4.1.3).
const TYPE_VIDEO: u64 = 1;
const TYPE_AUDIO: u64 = 2;

/// What a decoder of Opus needs before a place it starts at (RFC 7845, section 4.6), in ns.
const OPUS_SEEK_PRE_ROLL_NS: u64 = 80_000_000;

/// What programs take the frame rate from, and with it the grid they may put pictures on: 240 a second, so fine that no two
/// pictures of a screen fall together. Every picture also says how long it really lasts, so players do not go by this.
/// See `docs/decisions/0001-hole-rule.md`.
const NOMINAL_PICTURE_NS: u64 = 4_166_667;

/// Reads the body of a Tracks element.
///
/// `Unsupported` when there is a codec, a kind of track or an encoding that this crate does not forward.
pub(super) fn read(body: &Bytes) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    for child in ebml::children(body) {
        if let (element::TRACK_ENTRY, entry) = child? {
            let entry = read_entry(body, entry)?;
            if entries.iter().any(|other| other.number == entry.number) {
                return Err(malformed(format!("two tracks are number {}", entry.number)));
            }
            entries.push(entry);
        }
        if entries.len() > MAX_TRACKS {
            return Err(Error::Unsupported(format!("more than {MAX_TRACKS} tracks")));
        }
    }
    if entries.is_empty() {
        return Err(malformed("no tracks"));
    }
    Ok(entries)
}

/// What a TrackEntry says, gathered before it is judged.
#[derive(Default)]
struct RawEntry<'a> {
    number: u64,
    kind: u64,
    codec_id: &'a [u8],
    codec_private: &'a [u8],
    width: u64,
    height: u64,
    colour: &'a [u8],
    sample_rate: f64,
    channels: u64,
}

fn read_entry(owner: &Bytes, body: &[u8]) -> Result<Entry, Error> {
    let mut raw = RawEntry { sample_rate: 8000.0, channels: 1, ..RawEntry::default() };
    for child in ebml::children(body) {
        match child? {
            (element::TRACK_NUMBER, value) => raw.number = ebml::uint(value)?,
            (element::TRACK_TYPE, value) => raw.kind = ebml::uint(value)?,
            (element::CODEC_ID, value) => raw.codec_id = value,
            (element::CODEC_PRIVATE, value) => raw.codec_private = value,
            (element::CONTENT_ENCODINGS, _) => {
                return Err(Error::Unsupported("encrypted or compressed tracks".into()));
            }
            (element::VIDEO, video) => read_video(&mut raw, video)?,
            (element::AUDIO, audio) => read_audio(&mut raw, audio)?,
            _ => {}
        }
    }
    if raw.number == 0 {
        return Err(malformed("a track without a number"));
    }
    let track = Track {
        codec: codec(raw.codec_id)?,
        kind: kind(&raw)?,
        codec_private: owner.slice_ref(raw.codec_private),
        colour: owner.slice_ref(raw.colour),
    };
    if track.is_video() == (track.codec == Codec::Opus) {
        return Err(malformed("a track's type and codec disagree"));
    }
    Ok(Entry { number: raw.number, track })
}

fn read_video<'a>(raw: &mut RawEntry<'a>, video: &'a [u8]) -> Result<(), Error> {
    for child in ebml::children(video) {
        match child? {
            (element::PIXEL_WIDTH, value) => raw.width = ebml::uint(value)?,
            (element::PIXEL_HEIGHT, value) => raw.height = ebml::uint(value)?,
            (element::COLOUR, value) => raw.colour = value,
            _ => {}
        }
    }
    Ok(())
}

fn read_audio(raw: &mut RawEntry<'_>, audio: &[u8]) -> Result<(), Error> {
    for child in ebml::children(audio) {
        match child? {
            (element::SAMPLING_FREQUENCY, value) => raw.sample_rate = ebml::float(value)?,
            (element::CHANNELS, value) => raw.channels = ebml::uint(value)?,
            _ => {}
        }
    }
    Ok(())
}

fn codec(codec_id: &[u8]) -> Result<Codec, Error> {
    match codec_id {
        b"V_VP8" => Ok(Codec::Vp8),
        b"V_VP9" => Ok(Codec::Vp9),
        b"V_AV1" => Ok(Codec::Av1),
        b"V_MPEG4/ISO/AVC" => Ok(Codec::H264),
        b"A_OPUS" => Ok(Codec::Opus),
        other => Err(Error::Unsupported(format!("codec {}", foreign(other)))),
    }
}

/// The name of a codec that is not forwarded: the one people know, where there is one, and its id.
fn foreign(codec_id: &[u8]) -> String {
    let id = shown(codec_id);
    match codec_id {
        [b'A', b'_', b'A', b'A', b'C', ..] => format!("AAC ({id})"),
        b"V_MPEGH/ISO/HEVC" => format!("HEVC ({id})"),
        _ => id,
    }
}

fn codec_id(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Vp8 => b"V_VP8",
        Codec::Vp9 => b"V_VP9",
        Codec::Av1 => b"V_AV1",
        Codec::H264 => b"V_MPEG4/ISO/AVC",
        Codec::Opus => b"A_OPUS",
    }
}

fn kind(raw: &RawEntry<'_>) -> Result<TrackKind, Error> {
    let whole = |value: u64, what: &str| match u32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(malformed(format!("{what} of {value}"))),
    };
    match raw.kind {
        TYPE_VIDEO => {
            Ok(TrackKind::Video { width: whole(raw.width, "width")?, height: whole(raw.height, "height")? })
        }
        TYPE_AUDIO => Ok(TrackKind::Audio {
            sample_rate: whole(raw.sample_rate as u64, "sampling frequency")?,
            channels: whole(raw.channels, "channel count")?,
        }),
        other => Err(Error::Unsupported(format!("track type {other}"))),
    }
}

/// Appends a Tracks element.
pub(super) fn write<'a>(out: &mut Vec<u8>, entries: impl IntoIterator<Item = (u64, &'a Track)>) {
    ebml::write_master(out, element::TRACKS, |out| {
        for (number, track) in entries {
            ebml::write_master(out, element::TRACK_ENTRY, |out| write_entry(out, number, track));
        }
    });
}

fn write_entry(out: &mut Vec<u8>, number: u64, track: &Track) {
    ebml::write_uint(out, element::TRACK_NUMBER, number);
    ebml::write_uint(out, element::TRACK_UID, number);
    ebml::write_uint(out, element::TRACK_TYPE, if track.is_video() { TYPE_VIDEO } else { TYPE_AUDIO });
    ebml::write_uint(out, element::FLAG_LACING, 0);
    ebml::write_bytes(out, element::CODEC_ID, codec_id(track.codec));
    if !track.codec_private.is_empty() {
        ebml::write_bytes(out, element::CODEC_PRIVATE, &track.codec_private);
    }
    match track.kind {
        TrackKind::Video { width, height } => {
            ebml::write_uint(out, element::DEFAULT_DURATION, NOMINAL_PICTURE_NS);
            ebml::write_master(out, element::VIDEO, |out| {
                ebml::write_uint(out, element::PIXEL_WIDTH, width.into());
                ebml::write_uint(out, element::PIXEL_HEIGHT, height.into());
                if !track.colour.is_empty() {
                    ebml::write_bytes(out, element::COLOUR, &track.colour);
                }
            });
        }
        TrackKind::Audio { sample_rate, channels } => {
            ebml::write_uint(out, element::CODEC_DELAY, opus_delay_ns(&track.codec_private));
            ebml::write_uint(out, element::SEEK_PRE_ROLL, OPUS_SEEK_PRE_ROLL_NS);
            ebml::write_master(out, element::AUDIO, |out| {
                let bits = f64::from(sample_rate).to_bits();
                ebml::write_bytes(out, element::SAMPLING_FREQUENCY, &bits.to_be_bytes());
                ebml::write_uint(out, element::CHANNELS, channels.into());
            });
        }
    }
}

/// The pre-skip of an `OpusHead` (RFC 7845, section 5.1: 48 kHz samples, little endian, at byte 10) in ns.
fn opus_delay_ns(opus_head: &[u8]) -> u64 {
    let pre_skip = opus_head.get(10..12).map_or(0, |bytes| u64::from(bytes[0]) | u64::from(bytes[1]) << 8);
    pre_skip * 1_000_000_000 / 48_000
}
