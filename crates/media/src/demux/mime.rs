//! Media types of recorders.

use crate::Error;

/// The containers that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    WebM,
    Fmp4,
}

/// The longest type that is read; a recorder's has about 50 bytes.
const MAX_TYPE_BYTES: usize = 256;

/// The container a recorder's type names. `Unsupported` when nodes do not forward it, or a codec in it. What the codecs
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
            "vp8"
                | "vp9"
                | "vp08"
                | "vp09"
                | "av1"
                | "av01"
                | "h264"
                | "avc1"
                | "avc3"
                | "opus"
                | "aac"
                | "mp4a"
                | "mp3"
        ) {
            return Err(unsupported());
        }
    }
    Ok(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorder_types_name_their_container() {
        for mime in
            ["video/webm;codecs=vp9,opus", "video/x-matroska;codecs=avc1,opus", "audio/webm; codecs=\"opus\""]
        {
            assert_eq!(container(mime), Ok(Container::WebM), "{mime}");
        }
        assert_eq!(container("video/mp4;codecs=avc1.420020,opus"), Ok(Container::Fmp4));
        assert_eq!(container("video/mp4;codecs=\"avc1.42E01E, mp4a.40.2\""), Ok(Container::Fmp4));
        assert_eq!(container("Video/WebM"), Ok(Container::WebM), "codecs are optional, case does not matter");
    }

    #[test]
    fn foreign_types_are_unsupported() {
        for mime in [
            "",
            &"video/webm;".repeat(100),
            "video/mp2t",
            "video/mp4;codecs=hvc1,opus",
            "video/mp4;codecs=\"avc1.42E01E, ac-3\"",
        ] {
            assert!(matches!(container(mime), Err(Error::Unsupported(_))), "{mime}");
        }
    }
}
