//! What is read out of bitstreams: configurations, durations, and the form that frames have here.

pub(crate) mod aac;
pub(crate) mod av1;
mod bits;
pub(crate) mod flac;
pub(crate) mod h264;
mod inspector;
mod keyframe;
mod mp3;
pub(crate) mod opus;
pub(crate) mod opus_config;
mod picture_order;
mod repeat;
mod slot;
pub(crate) mod vp8;
pub(crate) mod vp9;

use std::borrow::Cow;

use crate::{Codec, Error, Rendition, Track};
pub use inspector::Inspector;
pub(crate) use keyframe::Keyframe;
pub(crate) use picture_order::PictureOrder;
pub(crate) use repeat::Repeat;

/// How long an audio packet sounds, in µs; `None` where it does not tell.
pub fn packet_duration_us(track: &Track, packet: &[u8]) -> Option<u64> {
    match track.codec {
        Codec::Opus => opus::packet_duration_us(packet),
        Codec::Aac => aac::packet_duration_us(&track.config),
        Codec::Mp3 => mp3::packet_duration_us(packet),
        Codec::Flac => flac::packet_duration_us(track.kind, packet),
        Codec::Vorbis | Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::H264 => None,
    }
}

/// The largest [`silence`]: an MP3 frame of 36 ms at 32 kbit/s.
pub(crate) const MAX_SILENCE_BYTES: usize = 144;

/// A silent packet of about `duration_us`, as exact as the codec allows; `None` for pictures, and where
/// there is none.
pub(crate) fn silence(track: &Track, duration_us: u64) -> Option<Cow<'static, [u8]>> {
    match track.codec {
        Codec::Opus => opus::silence(&track.config, duration_us),
        Codec::Aac => aac::silence(&track.config).map(Cow::Owned),
        Codec::Mp3 => mp3::silence(track.kind).map(Cow::Owned),
        Codec::Flac | Codec::Vorbis | Codec::Vp8 | Codec::Vp9 | Codec::Av1 | Codec::H264 => None,
    }
}

/// The order of pictures in the track's configuration.
pub(crate) fn picture_order(track: &Track) -> PictureOrder {
    match track.codec {
        Codec::H264 => h264::picture_order(&track.config),
        _ => PictureOrder { reordered: Some(0), sequence: None },
    }
}

/// The codec of a track as the type of a rendition names it (RFC 6381; for [`Rendition::Frames`] as WebCodecs does).
/// `Malformed` where its configuration is missing or broken, `Unsupported` where the format has no place for the codec.
pub(crate) fn codec_string(format: Rendition, track: &Track) -> Result<String, Error> {
    let missing = || Error::Malformed {
        container: "codec",
        reason: format!("{:?} without its configuration", track.codec),
    };
    match (track.codec, format) {
        (Codec::Vp8, Rendition::Mp4) => Err(Error::Unsupported("VP8 in MP4".into())),
        (Codec::Vp8, _) => Ok("vp8".into()),
        (Codec::Vp9, Rendition::WebM) => Ok("vp9".into()),
        (Codec::Vp9, _) => vp9::codec_string(&track.config).ok_or_else(missing),
        (Codec::Av1, _) => av1::codec_string(&track.config).ok_or_else(missing),
        (Codec::H264, _) => h264::codec_string(&track.config),
        (Codec::Opus, _) => Ok("opus".into()),
        (Codec::Aac, _) => aac::codec_string(&track.config).ok_or_else(missing),
        (Codec::Mp3, _) => Ok("mp3".into()),
        (Codec::Flac, _) => Ok("flac".into()),
        (Codec::Vorbis, Rendition::Mp4) => Err(Error::Unsupported("Vorbis in MP4".into())),
        (Codec::Vorbis, _) => Ok("vorbis".into()),
    }
}
