//! Preview pictures: recognised by their first bytes, never decoded.

use bytes::Bytes;

/// The picture formats every browser shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageKind {
    /// JPEG (ITU-T T.81, annex B: SOI, then a marker).
    Jpeg,
    /// PNG (RFC 2083, section 3.1).
    Png,
    /// WebP (RFC 9649, section 2.4).
    WebP,
}

impl ImageKind {
    /// All of them, in an order that never changes.
    pub(crate) const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::WebP];

    /// What `bytes` begin as, if it is one of these.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }

    /// Its `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }
}

/// The newest picture of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Thumbnail {
    /// When it came, Unix epoch in milliseconds; later than that of the picture before it. So it is the same on every
    /// main server, and a restarted one does not count from the start.
    pub(crate) version: u64,
    /// What `bytes` are.
    pub(crate) kind: ImageKind,
    /// The file.
    pub(crate) bytes: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        assert_eq!(ImageKind::of(b"\xff\xd8\xff\xe0rest"), Some(ImageKind::Jpeg));
        assert_eq!(ImageKind::of(b"\x89PNG\r\n\x1a\nrest"), Some(ImageKind::Png));
        assert_eq!(ImageKind::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(ImageKind::WebP));
    }

    #[test]
    fn anything_else_is_no_picture() {
        for bytes in [&b""[..], b"\xff\xd8", b"<svg onload=", b"RIFF\0\0\0\0WAVE", b"GIF89a", b"RIFF"] {
            assert_eq!(ImageKind::of(bytes), None, "{bytes:?}");
        }
    }
}
