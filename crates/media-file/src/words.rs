//! Title and artist in the forms that files have them.

use bytes::Bytes;

/// The longest text that is written, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Its title.
    pub title: Option<String>,
    /// Who made it.
    pub artist: Option<String>,
}

impl Words {
    /// Those that there are: with their names in comments of Vorbis and in ID3.
    fn named(&self) -> impl Iterator<Item = (&'static str, &'static [u8; 4], &str)> {
        let named = [("TITLE", b"TIT2", &self.title), ("ARTIST", b"TPE1", &self.artist)];
        named.into_iter().filter_map(|(comment, frame, text)| Some((comment, frame, cut(text.as_deref()?))))
    }
}

/// The text as far as it is written, whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Comments of Vorbis (RFC 7845, section 5.2), without a magic number.
pub(crate) fn vorbis_comments(words: &Words) -> Vec<u8> {
    const VENDOR: &str = "undead";
    let comments: Vec<_> = words.named().map(|(name, _, text)| format!("{name}={text}")).collect();
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

/// A tag of ID3v2.4.0 (sections 3.1 and 4.2), texts in UTF-8.
pub(crate) fn id3(words: &Words) -> Bytes {
    const UTF8: u8 = 3;
    let mut frames = Vec::new();
    for (_, frame, text) in words.named() {
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

/// A size in seven bits of each byte.
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_a_character() {
        let words = Words { title: Some("ä".repeat(4000)), artist: None };
        assert_eq!(id3(&words).len(), 10 + 10 + 1 + MAX_TEXT_BYTES);
        assert_eq!(id3(&Words::default()), Bytes::new());
        assert_eq!(vorbis_comments(&Words::default()), b"\x06\0\0\0undead\0\0\0\0");
    }
}
