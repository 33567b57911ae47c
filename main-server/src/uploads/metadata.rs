//! `Upload-Metadata`: what a client says about the file.

use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::{stream::Visibility, title};
use serde::{Deserialize, Serialize};

/// Most bytes of the header.
const MAX_BYTES: usize = 4 * 1024;
/// Most characters of a file's name, from its end.
const FILENAME_CHARS: usize = 200;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// The header as it came, for `HEAD`; empty if there was none.
    pub(crate) raw: String,
    /// The file's name, without a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) visibility: Option<Visibility>,
}

impl Metadata {
    /// The metadata in a header: pairs of a key and a value in Base64, with commas between. Unknown keys are passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(raw: &str) -> Result<Self, String> {
        if raw.len() > MAX_BYTES {
            return Err(format!("Upload-Metadata has more than {MAX_BYTES} bytes"));
        }
        let mut metadata = Self { raw: raw.to_owned(), ..Self::default() };
        for pair in raw.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let invalid = |error: &dyn std::fmt::Display| format!("Upload-Metadata {key}: {error}");
            let value = STANDARD.decode(value.trim()).map_err(|error| invalid(&error))?;
            let text = || String::from_utf8(value).map_err(|error| invalid(&error.utf8_error()));
            let line = |text: String| match text.trim() {
                "" => Ok(None),
                text => title::clean(text).map(Some).map_err(|error| invalid(&error)),
            };
            match key {
                "filename" => metadata.filename = filename(&text()?),
                "title" => metadata.title = line(text()?)?,
                "artist" => metadata.artist = line(text()?)?,
                "album" => metadata.album = line(text()?)?,
                "visibility" => {
                    metadata.visibility = Some(visibility(&text()?).ok_or_else(|| invalid(&VISIBILITIES))?)
                }
                _ => {}
            }
        }
        Ok(metadata)
    }
}

const VISIBILITIES: &str = "expected public, unlisted or private";

fn visibility(text: &str) -> Option<Visibility> {
    match text {
        "public" => Some(Visibility::Public),
        "unlisted" => Some(Visibility::Unlisted),
        "private" => Some(Visibility::Private),
        _ => None,
    }
}

/// The last component of a path, as it can be shown. A name that shows nothing counts as none.
fn filename(text: &str) -> Option<String> {
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| *letter == ' ' || title::is_plain(*letter)).collect();
    let excess = name.chars().count().saturating_sub(FILENAME_CHARS);
    let name: String = name.chars().skip(excess).collect();
    (!name.trim().is_empty()).then(|| name.trim().to_owned())
}

/// What is read of a header shows nothing invisible, and is read again the same.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(raw: &str) {
    let Ok(metadata) = Metadata::parse(raw) else { return };
    let lines = [&metadata.title, &metadata.artist, &metadata.album];
    for line in lines.into_iter().flatten() {
        assert_eq!(title::clean(line).as_ref(), Ok(line));
    }
    if let Some(name) = &metadata.filename {
        assert!(!name.contains(['/', '\\']) && name.chars().count() <= FILENAME_CHARS, "{name:?}");
    }
    assert_eq!(Metadata::parse(&metadata.raw), Ok(metadata));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pairs: &[(&str, &str)]) -> String {
        let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
        pairs.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn values_are_read_and_unknown_keys_are_passed_over() {
        let raw = header(&[
            ("filename", "C:\\music\\song \u{202e}.mp3"),
            ("title", " A song "),
            ("artist", ""),
            ("visibility", "unlisted"),
            ("filetype", "audio/mpeg"),
        ]) + ",is_confidential";
        let metadata = Metadata::parse(&raw).unwrap();
        assert_eq!(metadata.filename.as_deref(), Some("song .mp3"));
        assert_eq!((metadata.title.as_deref(), metadata.artist), (Some("A song"), None));
        assert_eq!((metadata.visibility, metadata.raw), (Some(Visibility::Unlisted), raw));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for raw in
            ["title not-base64!", "title /w==", &header(&[("visibility", "secret")]), &"a".repeat(5_000)]
        {
            assert!(Metadata::parse(raw).is_err(), "{raw}");
        }
        assert!(Metadata::parse(&header(&[("title", &"a".repeat(200))])).unwrap_err().contains("title"));
    }
}
