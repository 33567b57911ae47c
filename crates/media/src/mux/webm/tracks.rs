//! Writes the Tracks element (RFC 9559, section 5.1.4; codec mappings: section 12.1 and the Matroska codec specification).

use crate::{
    Codec, Display, Error, Rendition, Rotation, Track, TrackKind,
    ebml::{self, id},
};

/// What a decoder of Opus needs before a place it starts at (RFC 7845, section 4.6), in ns.
const OPUS_SEEK_PRE_ROLL_NS: u64 = 80_000_000;

/// What programs take the frame rate from, and with it the grid they may put pictures on: 240 a second, so fine that no two
/// pictures of a screen fall together. Every picture also says how long it really lasts, so players do not go by this.
/// See `docs/decisions/0001-hole-rule.md`.
const NOMINAL_PICTURE_NS: u64 = 4_166_667;

/// The CodecID (Matroska codec specification).
fn codec_id(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Vp8 => b"V_VP8",
        Codec::Vp9 => b"V_VP9",
        Codec::Av1 => b"V_AV1",
        Codec::H264 => b"V_MPEG4/ISO/AVC",
        Codec::Opus => b"A_OPUS",
        Codec::Vorbis => b"A_VORBIS",
        Codec::Aac => b"A_AAC",
        Codec::Mp3 => b"A_MPEG/L3",
        Codec::Flac => b"A_FLAC",
    }
}

/// `Unsupported` for codecs that players do not take in WebM.
pub(super) fn check_webm(codec: Codec) -> Result<(), Error> {
    let is_held = Rendition::WebM.holds(codec);
    is_held.then_some(()).ok_or_else(|| Error::Unsupported(format!("{codec:?} in WebM")))
}

/// Appends a Tracks element; tracks are numbered from 1.
pub(super) fn write(out: &mut Vec<u8>, tracks: &[Track]) {
    ebml::write_master(out, id::TRACKS, |out| {
        for (number, track) in (1..).zip(tracks) {
            ebml::write_master(out, id::TRACK_ENTRY, |out| write_entry(out, number, track));
        }
    });
}

fn write_entry(out: &mut Vec<u8>, number: u64, track: &Track) {
    ebml::write_uint(out, id::TRACK_NUMBER, number);
    ebml::write_uint(out, id::TRACK_UID, number);
    ebml::write_uint(out, id::TRACK_TYPE, if track.is_video() { id::TYPE_VIDEO } else { id::TYPE_AUDIO });
    ebml::write_uint(out, id::FLAG_LACING, 0);
    ebml::write_bytes(out, id::CODEC_ID, codec_id(track.codec));
    // VP9 in WebM has its configuration in its frames only.
    if !track.config.is_empty() && track.codec != Codec::Vp9 {
        ebml::write_bytes(out, id::CODEC_PRIVATE, &track.config);
    }
    match track.kind {
        TrackKind::Video { width, height, display } => {
            ebml::write_uint(out, id::DEFAULT_DURATION, NOMINAL_PICTURE_NS);
            ebml::write_master(out, id::VIDEO, |out| {
                ebml::write_uint(out, id::PIXEL_WIDTH, width.into());
                ebml::write_uint(out, id::PIXEL_HEIGHT, height.into());
                write_display(out, width, height, display);
                if !track.colour.is_empty() {
                    ebml::write_bytes(out, id::COLOUR, &track.colour);
                }
            });
        }
        TrackKind::Audio { sample_rate, channels } => {
            if track.codec == Codec::Opus {
                ebml::write_uint(out, id::CODEC_DELAY, opus_delay_ns(&track.config));
                ebml::write_uint(out, id::SEEK_PRE_ROLL, OPUS_SEEK_PRE_ROLL_NS);
            }
            ebml::write_master(out, id::AUDIO, |out| {
                let bits = f64::from(sample_rate).to_bits();
                ebml::write_bytes(out, id::SAMPLING_FREQUENCY, &bits.to_be_bytes());
                ebml::write_uint(out, id::CHANNELS, channels.into());
            });
        }
    }
}

/// Display size (RFC 9559, section 5.1.4.1.28.12) and rotation, where they say more than the coded size.
fn write_display(out: &mut Vec<u8>, width: u32, height: u32, display: Display) {
    if (display.width, display.height) != (width, height) {
        ebml::write_uint(out, id::DISPLAY_WIDTH, display.width.into());
        ebml::write_uint(out, id::DISPLAY_HEIGHT, display.height.into());
    }
    if display.rotation != Rotation::None {
        // A roll counts against the clock, from -180 to 180.
        let roll = match display.rotation {
            Rotation::ThreeQuarters => 90.0,
            rotation => -f32::from(rotation.degrees()),
        };
        ebml::write_master(out, id::PROJECTION, |out| {
            ebml::write_uint(out, id::PROJECTION_TYPE, 0);
            for (id, degrees) in [
                (id::PROJECTION_POSE_YAW, 0.0),
                (id::PROJECTION_POSE_PITCH, 0.0),
                (id::PROJECTION_POSE_ROLL, roll),
            ] {
                ebml::write_bytes(out, id, &degrees.to_be_bytes());
            }
        });
    }
}

/// The pre-skip of an `OpusHead` (RFC 7845, section 5.1: 48 kHz samples, little endian, at byte 10) in ns.
fn opus_delay_ns(opus_head: &[u8]) -> u64 {
    let pre_skip = opus_head.get(10..12).map_or(0, |bytes| u64::from(bytes[0]) | u64::from(bytes[1]) << 8);
    pre_skip * 1_000_000_000 / 48_000
}
