//! The types of renditions.

use crate::{Error, Rendition, Track, codec::codec_string};

/// The type of a rendition of these tracks, video first; MSE accepts that of WebM and MP4.
pub(super) fn of(format: Rendition, tracks: &[Track]) -> Result<String, Error> {
    let codecs = codecs(format, tracks)?;
    let essence = match format {
        Rendition::WebM => format!("{}/webm", kind(tracks)),
        Rendition::Mp4 => format!("{}/mp4", kind(tracks)),
        Rendition::Frames => "application/x-undead-frames".into(),
    };
    Ok(format!("{essence};codecs=\"{codecs}\""))
}

/// The type of a file in Matroska.
pub(super) fn matroska(tracks: &[Track]) -> Result<String, Error> {
    // Matroska has no rules for it. The names of MP4 have the most detail.
    let codecs = codecs(Rendition::Frames, tracks)?;
    Ok(format!("{}/x-matroska;codecs=\"{codecs}\"", kind(tracks)))
}

/// The `codecs` parameter, video first.
fn codecs(format: Rendition, tracks: &[Track]) -> Result<String, Error> {
    let mut codecs = Vec::new();
    for track in tracks {
        let codec = codec_string(format, track)?;
        codecs.insert(if track.is_video() { 0 } else { codecs.len() }, codec);
    }
    Ok(codecs.join(","))
}

fn kind(tracks: &[Track]) -> &'static str {
    if tracks.iter().any(Track::is_video) { "video" } else { "audio" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Display, TrackKind};

    #[test]
    fn video_is_named_first_whatever_the_order_of_tracks() {
        let track =
            |codec, kind| Track { codec, kind, config: Default::default(), colour: Default::default() };
        let audio = track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 });
        let display = Display::coded(1, 1);
        let video = track(Codec::Vp9, TrackKind::Video { width: 1, height: 1, display });
        let of = |tracks: &[Track]| of(Rendition::WebM, tracks).unwrap();
        assert_eq!(of(&[audio.clone(), video]), "video/webm;codecs=\"vp9,opus\"");
        assert_eq!(of(&[audio]), "audio/webm;codecs=\"opus\"");
    }
}
