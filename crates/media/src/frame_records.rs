//! The layout of the `frames` rendition, which WebCodecs players and other nodes read.
//!
//! Its init data is JSON: `{ "tracks": [ … ] }`, each track as [`TrackDescription`] has it; unknown fields are ignored. A chunk
//! has one record for each frame, in stream order, all numbers big-endian:
//!
//! ```text
//!  0 u8  track          1 u8 flags: 1 key, 2 gap (no data)      2 u16 bytes of this header, at least 32
//!  4 u32 data bytes     8 u64 pts_us    16 u64 dts_us    24 u32 duration_us   28 u32 reserved, 0    32 … data
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Codec, Display, Error, Rendition, Rotation, Track, TrackKind, codec::codec_string};

/// Bytes before a frame's data.
pub(crate) const HEADER_BYTES: usize = 32;
/// Flags of a record.
pub(crate) const FLAG_KEY: u8 = 1;
pub(crate) const FLAG_GAP: u8 = 2;

/// The init data.
#[derive(Serialize, Deserialize)]
pub(crate) struct InitData {
    pub(crate) tracks: Vec<TrackDescription>,
}

/// A track as the init data describes it.
#[derive(Serialize, Deserialize)]
pub(crate) struct TrackDescription {
    #[serde(flatten)]
    shape: Shape,
    /// As WebCodecs names it.
    codec: String,
    /// What WebCodecs takes as `description`: [`Track::config`], in base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    /// [`Track::colour`], in base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    colour: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Video { width: u32, height: u32, display_width: u32, display_height: u32, rotation: u16 },
    Audio { sample_rate: u32, channels: u32 },
}

impl TrackDescription {
    /// The init data of these tracks.
    pub(crate) fn write(tracks: &[Track]) -> Result<Vec<u8>, Error> {
        let tracks = tracks.iter().map(Self::of).collect::<Result<_, _>>()?;
        serde_json::to_vec(&InitData { tracks }).map_err(|error| malformed(error.to_string()))
    }

    fn of(track: &Track) -> Result<Self, Error> {
        let shape = match track.kind {
            TrackKind::Video { width, height, display } => Shape::Video {
                width,
                height,
                display_width: display.width,
                display_height: display.height,
                rotation: display.rotation.degrees(),
            },
            TrackKind::Audio { sample_rate, channels } => Shape::Audio { sample_rate, channels },
        };
        let codec = codec_string(Rendition::Frames, track)?;
        Ok(Self {
            shape,
            codec,
            description: STANDARD.encode(&track.config),
            colour: STANDARD.encode(&track.colour),
        })
    }

    pub(crate) fn read(self) -> Result<Track, Error> {
        let codec = codec(&self.codec)?;
        let kind = match self.shape {
            Shape::Video { width, height, display_width, display_height, rotation } => {
                let rotation =
                    Rotation::from_degrees(rotation.into()).ok_or_else(|| malformed("rotation"))?;
                let display = Display { width: display_width, height: display_height, rotation };
                TrackKind::Video { width, height, display }
            }
            Shape::Audio { sample_rate, channels } => TrackKind::Audio { sample_rate, channels },
        };
        let decode = |text: &str| STANDARD.decode(text).map(Bytes::from).map_err(|_| malformed("base64"));
        let track = Track { codec, kind, config: decode(&self.description)?, colour: decode(&self.colour)? };
        if track.is_video() == codec.is_audio() {
            return Err(malformed("a track's kind and codec disagree"));
        }
        Ok(track)
    }
}

fn codec(name: &str) -> Result<Codec, Error> {
    match name.split('.').next() {
        Some("vp8") => Ok(Codec::Vp8),
        Some("vp09") => Ok(Codec::Vp9),
        Some("av01") => Ok(Codec::Av1),
        Some("avc1" | "avc3") => Ok(Codec::H264),
        Some("opus") => Ok(Codec::Opus),
        Some("mp4a") => Ok(Codec::Aac),
        Some("mp3") => Ok(Codec::Mp3),
        Some("flac") => Ok(Codec::Flac),
        Some("vorbis") => Ok(Codec::Vorbis),
        _ => Err(Error::Unsupported(format!("codec {name:.40}"))),
    }
}

pub(crate) fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { container: "frames", reason: reason.into() }
}
