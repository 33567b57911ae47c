//! Frames: the currency of this crate. Demuxers make them, muxers consume them.
//!
//! Timestamps are microseconds in the take's own time, which every container here converts to exactly enough:
//! WebM counts whole milliseconds, 60 ms of Opus are 60 000 µs, and a 1/30000 s video tick rounds by under 1 µs.

use bytes::Bytes;

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
    },
    /// Sound.
    Audio {
        /// Samples per second.
        sample_rate: u32,
        /// Number of channels.
        channels: u32,
    },
}

/// One audio or video sequence of a take.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its coding.
    pub codec: Codec,
    /// Its shape.
    pub kind: TrackKind,
    /// What a decoder needs before the first frame, in Matroska's CodecPrivate form: nothing for VP8 and VP9, `av1C`
    /// for AV1, `avcC` for H.264, `OpusHead` for Opus.
    pub codec_private: Bytes,
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

/// One encoded picture or audio packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Index of its track in [`Event::Tracks`].
    pub track: usize,
    /// When it is shown or heard, in µs of the take's time. Never falls within a track.
    pub pts_us: u64,
    /// Whether decoding can start here. Always true of audio.
    pub key: bool,
    /// The encoded bytes.
    pub data: Bytes,
}

/// What a demuxer pulls out of the bytes pushed into it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The take's tracks; once, before every frame.
    Tracks(Vec<Track>),
    /// The next frame, in the order of the input.
    Frame(Frame),
}
