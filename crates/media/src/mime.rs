//! Media types: what a recorder says it makes, and what MSE accepts for what we make of it.

use crate::{Codec, Error, Track, h264};

/// The containers that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    WebM,
    Fmp4,
}

/// The longest type that is read; a recorder's has about 50 bytes.
const MAX_TYPE_BYTES: usize = 256;

/// The container a recorder's type names. `Unsupported` when it, or a codec in it, is none of ours. What the codecs
/// really are, the data says: a bare `video/webm` is fine.
pub(crate) fn container(mime: &str) -> Result<Container, Error> {
    let unsupported = || Error::Unsupported(format!("type {mime:.100}"));
    if mime.len() > MAX_TYPE_BYTES {
        return Err(unsupported());
    }
    let lower = mime.to_ascii_lowercase();
    let (essence, parameters) = lower.split_once(';').unwrap_or((&lower, ""));
    let container = match essence.trim() {
        "video/webm" | "audio/webm" | "video/x-matroska" | "audio/x-matroska" => Container::WebM,
        "video/mp4" | "audio/mp4" => Container::Fmp4,
        _ => return Err(unsupported()),
    };
    let codecs = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("codecs="));
    for codec in codecs.flat_map(|list| list.trim_matches('"').split(',')) {
        let family = codec.trim().split('.').next().unwrap_or_default();
        if !matches!(
            family,
            "vp8" | "vp9" | "vp08" | "vp09" | "av1" | "av01" | "h264" | "avc1" | "avc3" | "opus"
        ) {
            return Err(unsupported());
        }
    }
    Ok(container)
}

/// The type that MSE accepts for these tracks in this container, video first.
pub(crate) fn playable(container: Container, tracks: &[Track]) -> Result<String, Error> {
    let mut codecs = Vec::new();
    for track in tracks {
        let codec = codec_string(track)?;
        codecs.insert(if track.is_video() { 0 } else { codecs.len() }, codec);
    }
    let kind = if tracks.iter().any(Track::is_video) { "video" } else { "audio" };
    let subtype = match container {
        Container::WebM => "webm",
        Container::Fmp4 => "mp4",
    };
    Ok(format!("{kind}/{subtype};codecs=\"{}\"", codecs.join(",")))
}

fn codec_string(track: &Track) -> Result<String, Error> {
    match track.codec {
        Codec::Vp8 => Ok("vp8".into()),
        Codec::Vp9 => Ok("vp9".into()),
        Codec::Opus => Ok("opus".into()),
        Codec::Av1 => av1(&track.codec_private)
            .ok_or_else(|| Error::Malformed { container: "AV1", reason: "a track without its av1C".into() }),
        Codec::H264 => h264::codec_string(&track.codec_private),
    }
}

/// `av01.P.LLT.DD` (AV1 in ISOBMFF, section 5) from an `av1C` (section 2.3.3): profile, level, tier, bits per sample.
fn av1(av1c: &[u8]) -> Option<String> {
    let &[_, level, shape, ..] = av1c else { return None };
    let (profile, level, tier) = (level >> 5, level & 0x1f, if shape & 0x80 == 0 { 'M' } else { 'H' });
    let bits = match (shape & 0x40 != 0, shape & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{bits:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrackKind;

    #[test]
    fn recorder_types_name_their_container() {
        for mime in
            ["video/webm;codecs=vp9,opus", "video/x-matroska;codecs=avc1,opus", "audio/webm; codecs=\"opus\""]
        {
            assert_eq!(container(mime), Ok(Container::WebM), "{mime}");
        }
        assert_eq!(container("video/mp4;codecs=avc1.420020,opus"), Ok(Container::Fmp4));
        assert_eq!(container("Video/WebM"), Ok(Container::WebM), "codecs are optional, case does not matter");
    }

    #[test]
    fn foreign_types_are_unsupported() {
        for mime in [
            "",
            &"video/webm;".repeat(100),
            "video/mp2t",
            "video/mp4;codecs=hvc1,opus",
            "video/mp4;codecs=\"avc1.42E01E, mp4a.40.2\"",
        ] {
            assert!(matches!(container(mime), Err(Error::Unsupported(_))), "{mime}");
        }
    }

    #[test]
    fn av1_names_profile_level_tier_and_depth() {
        assert_eq!(av1(&[0x81, 0x09, 0x0c, 0x00]).as_deref(), Some("av01.0.09M.08"));
        assert_eq!(av1(&[0x81, 0x28, 0xc0, 0x00]).as_deref(), Some("av01.1.08H.10"));
        assert_eq!(av1(&[0x81]), None);
    }

    #[test]
    fn video_is_named_first_whatever_the_order_of_tracks() {
        let track = |codec, kind| Track {
            codec,
            kind,
            codec_private: Default::default(),
            colour: Default::default(),
        };
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        let video = track(Codec::Vp9, TrackKind::Video { width: 1, height: 1 });
        let playable = |tracks: &[Track]| playable(Container::WebM, tracks).unwrap();
        assert_eq!(playable(&[audio.clone(), video]), "video/webm;codecs=\"vp9,opus\"");
        assert_eq!(playable(&[audio]), "audio/webm;codecs=\"opus\"");
    }
}
