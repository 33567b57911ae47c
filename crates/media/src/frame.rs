//! Tracks, frames and runs of frames: the parts of a take, from any container.
//!
//! Times are microseconds of the take's own time. Every container here converts to them exactly enough: WebM counts whole
//! milliseconds, 60 ms of Opus are 60 000 µs, and a 1/30000 s video tick rounds by under 1 µs.

use bytes::Bytes;

/// Times of an input end here (about 285 years), so that arithmetic on them cannot overflow.
pub(crate) const MAX_PTS_US: u64 = 1 << 53;

/// Coding of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// VP8 video.
    Vp8,
    /// VP9 video.
    Vp9,
    /// AV1 video.
    Av1,
    /// H.264 video; frame data is length-prefixed (ISO 14496-15, section 5.3), whatever the input's form.
    H264,
    /// Opus audio.
    Opus,
    /// AAC audio: raw access units, without ADTS headers.
    Aac,
    /// MP3 audio (MPEG-1, MPEG-2 and MPEG-2.5, layer 3).
    Mp3,
    /// FLAC audio: whole frames, as native FLAC has them. Files only: no recorder makes it.
    Flac,
    /// Vorbis audio. Files only: no recorder makes it.
    Vorbis,
}

impl Codec {
    /// Whether it codes sound.
    pub fn is_audio(self) -> bool {
        matches!(self, Self::Opus | Self::Aac | Self::Mp3 | Self::Flac | Self::Vorbis)
    }
}

/// What only one kind of track has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrackKind {
    /// Pictures.
    Video {
        /// Coded width in pixels.
        width: u32,
        /// Coded height in pixels.
        height: u32,
        /// How they are shown.
        display: Display,
    },
    /// Sound.
    Audio {
        /// Samples per second.
        sample_rate: u32,
        /// Number of channels.
        channels: u32,
    },
}

/// How pictures are shown: scaled to a size in square pixels, then rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// Width in square pixels, before the rotation.
    pub width: u32,
    /// Height in square pixels, before the rotation.
    pub height: u32,
    /// What to rotate by after scaling.
    pub rotation: Rotation,
}

impl Display {
    /// As coded: square pixels, upright.
    pub fn coded(width: u32, height: u32) -> Self {
        Self { width, height, rotation: Rotation::None }
    }
}

/// A length stretched by a ratio; `None` where that is 0 or out of range.
pub(crate) fn stretched(length: u32, by: u32, to: u32) -> Option<u32> {
    let stretched = (u64::from(length) * u64::from(by)).checked_div(to.into())?;
    u32::try_from(stretched).ok().filter(|&stretched| stretched > 0)
}

/// A clockwise rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Upright.
    #[default]
    None,
    /// By 90°.
    Quarter,
    /// By 180°.
    Half,
    /// By 270°.
    ThreeQuarters,
}

impl Rotation {
    /// The rotation by so many degrees clockwise; `None` where that is no multiple of 90.
    pub fn from_degrees(degrees: i64) -> Option<Self> {
        match degrees.rem_euclid(360) {
            0 => Some(Self::None),
            90 => Some(Self::Quarter),
            180 => Some(Self::Half),
            270 => Some(Self::ThreeQuarters),
            _ => None,
        }
    }

    /// Degrees clockwise: 0, 90, 180 or 270.
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }
}

/// One audio or video sequence of a take.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its coding.
    pub codec: Codec,
    /// Its shape.
    pub kind: TrackKind,
    /// What a decoder needs before the first frame: nothing for VP8, the body of `vpcC` without version and flags for VP9,
    /// `av1C` for AV1, `avcC` for H.264, `OpusHead` for Opus, `AudioSpecificConfig` for AAC, nothing for MP3, `fLaC` and
    /// the metadata blocks for FLAC, the three headers with Matroska's lengths in front for Vorbis.
    pub config: Bytes,
    /// How pixels map to colours: the body of Matroska's `Colour` element (RFC 9559, section 5.1.4.1.28.16); empty when
    /// the input does not say.
    pub colour: Bytes,
}

impl Track {
    /// Whether it is pictures.
    pub fn is_video(&self) -> bool {
        matches!(self.kind, TrackKind::Video { .. })
    }
}

impl AsRef<Self> for Track {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A frame as its container describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Index of its track in the take's tracks.
    pub track: usize,
    /// When it is shown or heard, in µs of the take's time.
    pub pts_us: u64,
    /// When it is decoded, in µs of the take's time, where the container says so.
    pub dts_us: Option<u64>,
    /// Whether the container says that decoding can start here. Always true of audio.
    pub key: bool,
    /// The encoded bytes.
    pub data: Bytes,
}

/// One encoded picture or audio packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Index of its track in the take's tracks.
    pub track: usize,
    /// When it is shown or heard, in µs of the take's time.
    pub pts_us: u64,
    /// When it is decoded, in µs of the take's time: not before the frame before it in its track ended decoding, and in a take
    /// that is live not after `pts_us`. Within a track, frames are decoded without a hole.
    pub dts_us: u64,
    /// From its decode time to that of the next frame of its track, in µs; for the last frame of a run an estimate, which
    /// that next decode time respects.
    pub duration_us: u64,
    /// Whether decoding can start here. Always true of audio.
    pub key: bool,
    /// The encoded bytes. Empty in a *gap frame*: the input has nothing for this track between `pts_us` and
    /// `pts_us + duration_us`.
    pub data: Bytes,
}

impl Frame {
    /// Whether it only marks a gap in the input.
    pub fn is_gap(&self) -> bool {
        self.data.is_empty()
    }
}

/// Successive frames of one group, from one segment. It is named by its first frame, and becomes one chunk in
/// every rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Counts keyframes (without video: seconds that have a packet), from 0.
    pub group: u64,
    /// How many frames of the group come before this run.
    pub index: u32,
    /// In order of decoding, tracks interleaved by time; never empty.
    pub frames: Vec<Frame>,
}

impl Run {
    /// Whether playing can start here: its first picture is a keyframe. So it is with the first run of every group.
    pub fn key(&self) -> bool {
        self.index == 0
    }

    /// When its earliest frame is shown or heard, in µs of the take's time.
    pub fn pts_us(&self) -> u64 {
        self.frames.iter().map(|frame| frame.pts_us).min().unwrap_or(0)
    }

    /// From [`Self::pts_us`] to when its last frame ends, in µs.
    pub fn duration_us(&self) -> u64 {
        self.end_us().saturating_sub(self.pts_us())
    }

    /// A track ends one duration of its last frame after its latest one. Durations of others reach over holes that are
    /// closed in decode times only.
    fn end_us(&self) -> u64 {
        let mut ends = [(0, 0); 2];
        for frame in &self.frames {
            let (latest_us, duration_us) = &mut ends[frame.track.min(1)];
            *latest_us = frame.pts_us.max(*latest_us);
            *duration_us = frame.duration_us;
        }
        ends.iter().map(|(latest_us, duration_us)| latest_us.saturating_add(*duration_us)).max().unwrap_or(0)
    }
}
