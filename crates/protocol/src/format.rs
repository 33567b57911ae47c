//! Formats of a stream's media that a viewer may ask for, in order of preference: `mp4,webm`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// One way to write a stream's frames down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// WebM: an EBML head and Clusters.
    WebM,
    /// CMAF: fragmented MP4, one `moof` and `mdat` per chunk.
    Mp4,
    /// Bare frames for WebCodecs and for relays: `docs/protocol.md`, section *Frames*.
    Frames,
}

impl Format {
    /// All of them; a format's place here is its number as an index.
    pub const ALL: [Self; 3] = [Self::WebM, Self::Mp4, Self::Frames];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebM => "webm",
            Self::Mp4 => "mp4",
            Self::Frames => "frames",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Formats in order of preference. Written as their names with commas between them. Names of formats that this version does
/// not know are passed over, so a list may hold none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Formats([Option<Format>; Format::ALL.len()]);

impl Formats {
    /// The formats, first choice first.
    pub fn iter(&self) -> impl Iterator<Item = Format> {
        self.0.into_iter().flatten()
    }

    /// Reads a list; spaces around names are allowed, a name that is there twice counts once.
    pub fn read(list: &str) -> Self {
        list.split(',').filter_map(|name| Format::named(name.trim())).collect()
    }
}

impl FromIterator<Format> for Formats {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        let mut list = Self::default();
        for format in formats {
            if !list.0.contains(&Some(format))
                && let Some(free) = list.0.iter_mut().find(|place| place.is_none())
            {
                *free = Some(format);
            }
        }
        list
    }
}

impl From<Format> for Formats {
    fn from(format: Format) -> Self {
        std::iter::once(format).collect()
    }
}

impl fmt::Display for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, format) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            f.write_str(format.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Formats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Formats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl Visitor<'_> for List {
            type Value = Formats;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names of formats with commas between them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Formats, E> {
                Ok(Formats::read(text))
            }
        }

        deserializer.deserialize_str(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_its_order_without_what_is_unknown_or_repeated() {
        let read = |list: &str| Formats::read(list).iter().collect::<Vec<_>>();
        assert_eq!(read("mp4,webm"), [Format::Mp4, Format::WebM]);
        assert_eq!(read(" frames , hls,mp4,frames"), [Format::Frames, Format::Mp4]);
        assert_eq!(read("webm,mp4,frames,webm,mp4"), Format::ALL);
        for none in ["", ",,,", "MP4", "hls"] {
            assert_eq!(read(none), [], "{none}");
        }
    }

    #[test]
    fn a_list_is_written_as_it_is_read() {
        for list in ["", "webm", "mp4,frames", "frames,mp4,webm"] {
            assert_eq!(Formats::read(list).to_string(), list);
        }
    }
}
