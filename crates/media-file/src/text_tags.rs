//! Writes title and artist as the tags of files: Vorbis comments and ID3.

use bytes::Bytes;

/// The longest text that is written, in bytes. Longer ones are cut.
const MAX_TEXT_BYTES: usize = 1024;

/// Texts that a file is tagged with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTags {
    /// Its title.
    pub title: Option<String>,
    /// Its artist.
    pub artist: Option<String>,
}

impl TextTags {
    /// The texts that are set, each with its name in Vorbis comments and in ID3.
    fn named(&self) -> impl Iterator<Item = (&'static str, &'static [u8; 4], &str)> {
        let named = [("TITLE", b"TIT2", &self.title), ("ARTIST", b"TPE1", &self.artist)];
        named.into_iter().filter_map(|(comment, frame, text)| Some((comment, frame, cut(text.as_deref()?))))
    }
}

/// The start of a text, at most [`MAX_TEXT_BYTES`], in whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Vorbis comments (RFC 7845, section 5.2, without its magic number).
pub(crate) fn vorbis_comments(tags: &TextTags) -> Vec<u8> {
    const VENDOR: &str = "undead";
    let comments: Vec<_> = tags.named().map(|(name, _, text)| format!("{name}={text}")).collect();
    let mut out = Vec::new();
    put_text(&mut out, VENDOR);
    out.extend_from_slice(&(comments.len() as u32).to_le_bytes());
    comments.iter().for_each(|comment| put_text(&mut out, comment));
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// An ID3v2.4.0 tag (sections 3.1 and 4.2) with texts in UTF-8; empty without any text.
pub(crate) fn id3(tags: &TextTags) -> Bytes {
    const UTF8: u8 = 3;
    let mut frames = Vec::new();
    for (_, frame, text) in tags.named() {
        frames.extend_from_slice(frame);
        frames.extend_from_slice(&synchsafe(1 + text.len()));
        frames.extend_from_slice(&[0, 0, UTF8]);
        frames.extend_from_slice(text.as_bytes());
    }
    if frames.is_empty() {
        return Bytes::new();
    }
    [&b"ID3\x04\0\0"[..], &synchsafe(frames.len()), &frames].concat().into()
}

/// A size in the lower seven bits of four bytes (section 6.2).
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_a_character() {
        let tags = TextTags { title: Some("ä".repeat(4000)), artist: None };
        assert_eq!(id3(&tags).len(), 10 + 10 + 1 + MAX_TEXT_BYTES);
        assert_eq!(id3(&TextTags::default()), Bytes::new());
        assert_eq!(vorbis_comments(&TextTags::default()), b"\x06\0\0\0undead\0\0\0\0");
    }
}
