//! Reads the Tracks element (RFC 9559, section 5.1.4), for the codecs of this crate (codec mappings: RFC 9559, section 12.1
//! and the Matroska codec specification).

use bytes::Bytes;

use crate::{
    Codec, Display, Error, Track, TrackKind,
    ebml::{self, id, malformed},
    error::shown,
};

/// A track and the number that its blocks call it by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) track: Track,
}

/// More tracks than any recorder writes.
const MAX_TRACKS: usize = 8;

/// `TrackType` values (RFC 9559, section 5.1.4.1.3).
const TYPE_VIDEO: u64 = 1;
const TYPE_AUDIO: u64 = 2;

/// Reads the body of a Tracks element.
///
/// `Unsupported` when there is a codec, a kind of track or an encoding that this crate does not forward.
pub(super) fn read(body: &Bytes) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    for child in ebml::children(body) {
        if let (id::TRACK_ENTRY, entry) = child? {
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
            (id::TRACK_NUMBER, value) => raw.number = ebml::uint(value)?,
            (id::TRACK_TYPE, value) => raw.kind = ebml::uint(value)?,
            (id::CODEC_ID, value) => raw.codec_id = value,
            (id::CODEC_PRIVATE, value) => raw.codec_private = value,
            (id::CONTENT_ENCODINGS, _) => {
                return Err(Error::Unsupported("encrypted or compressed tracks".into()));
            }
            (id::VIDEO, video) => read_video(&mut raw, video)?,
            (id::AUDIO, audio) => read_audio(&mut raw, audio)?,
            _ => {}
        }
    }
    if raw.number == 0 {
        return Err(malformed("a track without a number"));
    }
    let codec = codec(raw.codec_id)?;
    let track = Track {
        codec,
        kind: kind(&raw)?,
        config: if codec == Codec::Vp9 { Bytes::new() } else { owner.slice_ref(raw.codec_private) },
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
            (id::PIXEL_WIDTH, value) => raw.width = ebml::uint(value)?,
            (id::PIXEL_HEIGHT, value) => raw.height = ebml::uint(value)?,
            (id::COLOUR, value) => raw.colour = value,
            _ => {}
        }
    }
    Ok(())
}

fn read_audio(raw: &mut RawEntry<'_>, audio: &[u8]) -> Result<(), Error> {
    for child in ebml::children(audio) {
        match child? {
            (id::SAMPLING_FREQUENCY, value) => raw.sample_rate = ebml::float(value)?,
            (id::CHANNELS, value) => raw.channels = ebml::uint(value)?,
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

fn kind(raw: &RawEntry<'_>) -> Result<TrackKind, Error> {
    let whole = |value: u64, what: &str| match u32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(malformed(format!("{what} of {value}"))),
    };
    match raw.kind {
        TYPE_VIDEO => {
            let (width, height) = (whole(raw.width, "width")?, whole(raw.height, "height")?);
            Ok(TrackKind::Video { width, height, display: Display::coded(width, height) })
        }
        TYPE_AUDIO => Ok(TrackKind::Audio {
            sample_rate: whole(raw.sample_rate as u64, "sampling frequency")?,
            channels: whole(raw.channels, "channel count")?,
        }),
        other => Err(Error::Unsupported(format!("track type {other}"))),
    }
}
