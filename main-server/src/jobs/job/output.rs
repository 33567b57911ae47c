//! Validates the output that a worker reports, before the job stores it.

use objects::Hash;
use protocol::{
    item::Blob,
    job::{Output, Piece, Sound},
};

/// Most pictures per task.
const MOST_PICTURES: usize = 240;
/// Longest extension and MIME type of a file, in bytes.
const EXTENSION_BYTES: usize = 8;
const MIME_BYTES: usize = 64;

/// Whether an output has a bounded size, names blobs by their hashes, and has texts that are valid in file
/// names and header fields. Whether the blobs exist is checked when the results are made.
pub(super) fn is_plausible(output: &Output) -> bool {
    match output {
        Output::Sound(Sound { blobs, .. }) | Output::Piece(Piece { blobs, .. }) => is_blob(blobs),
        Output::Media { takes, .. } => is_blob(takes),
        Output::Measured { waveform, .. } => is_blob(waveform),
        Output::Pictures { pictures } => {
            pictures.len() <= MOST_PICTURES && pictures.iter().all(|picture| is_blob(&picture.blob))
        }
        Output::File { extension, mime, blobs, .. } => {
            is_extension(extension) && is_mime(mime) && is_blob(blobs)
        }
    }
}

fn is_blob(blob: &Blob) -> bool {
    blob.hash.parse::<Hash>().is_ok()
}

fn is_extension(text: &str) -> bool {
    (1..=EXTENSION_BYTES).contains(&text.len()) && is_plain(text)
}

/// Whether the text is a type that can be the value of a header field.
fn is_mime(text: &str) -> bool {
    let is_printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let (kind, rest) = text.split_once('/').unwrap_or_default();
    text.len() <= MIME_BYTES && !kind.is_empty() && is_plain(kind) && is_printable(rest)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use protocol::job::Picture;

    use super::*;

    fn blob(hash: &str) -> Blob {
        Blob { hash: hash.into(), bytes: 1 }
    }

    #[test]
    fn outputs_name_blobs_by_their_hashes_and_are_bounded() {
        let hash = "a".repeat(64);
        for (hash, expected) in [(&*hash, true), ("", false), ("../..", false), (&*"a".repeat(1_000), false)]
        {
            let output = Output::Piece(Piece { channels: 1, blobs: blob(hash) });
            assert_eq!(is_plausible(&output), expected, "{hash}");
        }
        for (count, expected) in [(MOST_PICTURES, true), (MOST_PICTURES + 1, false)] {
            let pictures = vec![Picture { at_ms: 1, blob: blob(&hash) }; count];
            assert_eq!(is_plausible(&Output::Pictures { pictures }), expected);
        }
        let file = |extension: &str, mime: &str| Output::File {
            extension: extension.into(),
            mime: mime.into(),
            blobs: blob(&hash),
            bytes: 1,
        };
        assert!(is_plausible(&file("mp4", "video/mp4;codecs=\"avc1.42001e\"")));
        for (extension, mime) in [
            ("", "audio/mpeg"),
            ("m/p", "audio/mpeg"),
            ("mp3456789", "audio/mpeg"),
            ("mp3", "audio"),
            ("mp3", "/mpeg"),
            ("mp3", "audio/mpeg\r\n"),
            ("mp3", &*format!("audio/{}", "a".repeat(64))),
        ] {
            assert!(!is_plausible(&file(extension, mime)), "{extension:?} {mime:?}");
        }
    }
}
