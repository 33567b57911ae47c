//! Reads the Tracks element (RFC 9559, section 5.1.4), for the codecs of this crate (codec mappings: RFC 9559, section 12.1
//! and the Matroska codec specification).

use bytes::Bytes;

use crate::{
    Codec, Display, Error, Rotation, Track, TrackKind,
    demux::{
        refusal,
        selection::{Origin, Selection},
    },
    ebml::{self, id, malformed},
    error::shown,
    frame::stretched,
};

/// A track and the number that its blocks call it by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// How long its frames last, in µs, where it says so.
    pub(super) frame_us: Option<u64>,
    pub(super) track: Track,
}

impl AsRef<Track> for Entry {
    fn as_ref(&self) -> &Track {
        &self.track
    }
}

/// Reads the body of a Tracks element.
///
/// `Unsupported` when there is a codec, a kind of track or an encoding that this crate does not forward; see [`Selection`].
pub(super) fn read(body: &Bytes, origin: Origin) -> Result<Vec<Entry>, Error> {
    let mut selection = Selection::new(origin);
    for child in ebml::children(body) {
        if let (id::TRACK_ENTRY, entry) = child? {
            let raw = read_entry(entry)?;
            let is_video = match raw.kind {
                id::TYPE_VIDEO => Some(true),
                id::TYPE_AUDIO => Some(false),
                _ => None,
            };
            selection.add(is_video, described(body, &raw, origin))?;
        }
    }
    let entries: Vec<Entry> = selection.finish()?;
    for (at, entry) in entries.iter().enumerate() {
        if entries[..at].iter().any(|other| other.number == entry.number) {
            return Err(malformed(format!("two tracks are number {}", entry.number)));
        }
    }
    if entries.is_empty() {
        return Err(malformed("no tracks"));
    }
    Ok(entries)
}

/// The fields of a TrackEntry, before they are checked.
#[derive(Default)]
struct RawEntry<'a> {
    number: u64,
    kind: u64,
    codec_id: &'a [u8],
    codec_private: &'a [u8],
    width: u64,
    height: u64,
    display_width: u64,
    display_height: u64,
    display_unit: u64,
    /// Clockwise, in degrees.
    rotation: f64,
    frame_ns: u64,
    colour: &'a [u8],
    sample_rate: f64,
    channels: u64,
    is_encoded: bool,
}

fn read_entry(body: &[u8]) -> Result<RawEntry<'_>, Error> {
    let mut raw = RawEntry { sample_rate: 8000.0, channels: 1, ..RawEntry::default() };
    for child in ebml::children(body) {
        match child? {
            (id::TRACK_NUMBER, value) => raw.number = ebml::uint(value)?,
            (id::TRACK_TYPE, value) => raw.kind = ebml::uint(value)?,
            (id::CODEC_ID, value) => raw.codec_id = value,
            (id::DEFAULT_DURATION, value) => raw.frame_ns = ebml::uint(value)?,
            (id::CODEC_PRIVATE, value) => raw.codec_private = value,
            (id::CONTENT_ENCODINGS, _) => raw.is_encoded = true,
            (id::VIDEO, video) => read_video(&mut raw, video)?,
            (id::AUDIO, audio) => read_audio(&mut raw, audio)?,
            _ => {}
        }
    }
    Ok(raw)
}

/// The track of an entry, whose fields are in `owner`.
fn described(owner: &Bytes, raw: &RawEntry<'_>, origin: Origin) -> Result<Entry, Error> {
    if raw.is_encoded {
        return Err(Error::Unsupported("encrypted or compressed tracks".into()));
    }
    if raw.number == 0 {
        return Err(malformed("a track without a number"));
    }
    let codec = codec(raw.codec_id, origin)?;
    let track = Track {
        codec,
        kind: kind(raw)?,
        config: if codec == Codec::Vp9 { Bytes::new() } else { owner.slice_ref(raw.codec_private) },
        colour: owner.slice_ref(raw.colour),
    };
    if track.is_video() == track.codec.is_audio() {
        return Err(malformed("a track's type and codec disagree"));
    }
    let frame_us = Some(raw.frame_ns / 1000).filter(|&frame_us| frame_us > 0);
    Ok(Entry { number: raw.number, frame_us, track })
}

fn read_video<'a>(raw: &mut RawEntry<'a>, video: &'a [u8]) -> Result<(), Error> {
    for child in ebml::children(video) {
        match child? {
            (id::PIXEL_WIDTH, value) => raw.width = ebml::uint(value)?,
            (id::PIXEL_HEIGHT, value) => raw.height = ebml::uint(value)?,
            (id::DISPLAY_WIDTH, value) => raw.display_width = ebml::uint(value)?,
            (id::DISPLAY_HEIGHT, value) => raw.display_height = ebml::uint(value)?,
            (id::DISPLAY_UNIT, value) => raw.display_unit = ebml::uint(value)?,
            (id::PROJECTION, projection) => raw.rotation = rotation(projection)?,
            (id::COLOUR, value) => raw.colour = value,
            _ => {}
        }
    }
    Ok(())
}

/// Degrees clockwise by which a Projection (RFC 9559, section 5.1.4.1.28.41) turns flat pictures: against its roll.
fn rotation(projection: &[u8]) -> Result<f64, Error> {
    let (mut roll, mut is_flat) = (0.0, true);
    for child in ebml::children(projection) {
        match child? {
            (id::PROJECTION_TYPE, value) => is_flat &= ebml::uint(value)? == 0,
            (id::PROJECTION_POSE_YAW | id::PROJECTION_POSE_PITCH, value) => {
                is_flat &= ebml::float(value)? == 0.0
            }
            (id::PROJECTION_POSE_ROLL, value) => roll = ebml::float(value)?,
            _ => {}
        }
    }
    Ok(if is_flat { -roll } else { 0.0 })
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

fn codec(codec_id: &[u8], origin: Origin) -> Result<Codec, Error> {
    match codec_id {
        b"V_VP8" => Ok(Codec::Vp8),
        b"V_VP9" => Ok(Codec::Vp9),
        b"V_AV1" => Ok(Codec::Av1),
        b"V_MPEG4/ISO/AVC" => Ok(Codec::H264),
        b"A_OPUS" => Ok(Codec::Opus),
        b"A_AAC" => Ok(Codec::Aac),
        b"A_MPEG/L3" => Ok(Codec::Mp3),
        id if id.starts_with(b"A_AAC/") => Ok(Codec::Aac),
        b"A_VORBIS" if origin == Origin::File => Ok(Codec::Vorbis),
        b"A_FLAC" if origin == Origin::File => Ok(Codec::Flac),
        other => Err(refusal::codec(&shown(other))),
    }
}

fn kind(raw: &RawEntry<'_>) -> Result<TrackKind, Error> {
    let whole = |value: u64, what: &str| match u32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(malformed(format!("{what} of {value}"))),
    };
    match raw.kind {
        id::TYPE_VIDEO => {
            let (width, height) = (whole(raw.width, "width")?, whole(raw.height, "height")?);
            Ok(TrackKind::Video { width, height, display: display(raw, width, height) })
        }
        id::TYPE_AUDIO => Ok(TrackKind::Audio {
            sample_rate: whole(raw.sample_rate as u64, "sampling frequency")?,
            channels: whole(raw.channels, "channel count")?,
        }),
        other => Err(Error::Unsupported(format!("track type {other}"))),
    }
}

/// How pictures of this coded size are shown.
fn display(raw: &RawEntry<'_>, width: u32, height: u32) -> Display {
    const PIXELS: u64 = 0;
    const ASPECT_RATIO: u64 = 3;
    let degrees = raw.rotation.round();
    let rotation =
        Rotation::from_degrees(if degrees.is_finite() { degrees as i64 } else { 0 }).unwrap_or_default();
    let told = u32::try_from(raw.display_width).ok().zip(u32::try_from(raw.display_height).ok());
    let coded = Display { width, height, rotation };
    match (raw.display_unit, told.filter(|told| told.0 > 0 && told.1 > 0)) {
        (PIXELS, Some((width, height))) => Display { width, height, rotation },
        (ASPECT_RATIO, Some((x, y))) => {
            stretched(height, x, y).map_or(coded, |width| Display { width, ..coded })
        }
        _ => coded,
    }
}
