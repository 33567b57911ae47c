//! Prepared JSON text that all readers share, with the variant for those who reach the site below a path.
//!
//! The addresses of pictures in it are paths, which move below the [`Prefix`] of the reader. The variant for the first prefix that
//! is asked for is kept: a site usually has one. Any other is made for each reader.

use std::sync::OnceLock;

use bytes::Bytes;
use serving::Prefix;

/// How paths of pictures and the like begin in JSON. Within a JSON string the quotes would be escaped, so no title looks like it.
const PATHS: [&str; 4] =
    ["\"thumbnail_url\":\"/", "\"poster_url\":\"/", "\"waveform_url\":\"/", "\"lyrics_url\":\"/"];

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Text {
    at_root: Bytes,
    below: OnceLock<(Prefix, Bytes)>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { at_root: text.into(), below: OnceLock::new() }
    }
}

impl Text {
    /// Bytes of the text for readers at the root.
    pub(super) fn len(&self) -> usize {
        self.at_root.len()
    }

    /// The text for a reader who reaches the site below `prefix`.
    pub(crate) fn below(&self, prefix: &Prefix) -> Bytes {
        if prefix.is_empty() {
            return self.at_root.clone();
        }
        let (kept, text) = self.below.get_or_init(|| (prefix.clone(), self.moved(prefix)));
        if kept == prefix { text.clone() } else { self.moved(prefix) }
    }

    fn moved(&self, prefix: &Prefix) -> Bytes {
        let Ok(text) = str::from_utf8(&self.at_root) else { return self.at_root.clone() };
        if !PATHS.iter().any(|path| text.contains(path)) {
            return self.at_root.clone();
        }
        let below = |path: &str| format!("{}{prefix}/", path.trim_end_matches('/'));
        PATHS.iter().fold(text.to_owned(), |text, path| text.replace(path, &below(path))).into()
    }
}

#[cfg(test)]
mod tests {
    use protocol::stream::{StreamInfo, StreamState};

    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn pictures_move_below_each_readers_own_prefix_and_titles_stay() {
        let stream = StreamInfo {
            stream_id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            title: "\"thumbnail_url\":\"/api/".into(),
            started_at_ms: 1,
            viewers: 0,
            state: StreamState::Live,
            mime: None,
            thumbnail_url: Some("/api/streams/a/thumbnail?v=1".into()),
            ends_in_ms: None,
            visibility: None,
            invitation_only: false,
            recording: None,
        };
        let text = Text::from(serde_json::to_string(&[&stream, &stream]).unwrap());
        for path in ["/live-tv", "/other", "/live-tv", ""] {
            let below = text.below(&prefix(path));
            let read: Vec<StreamInfo> = serde_json::from_slice(&below).unwrap();
            let moved = Some(format!("{path}/api/streams/a/thumbnail?v=1"));
            let wanted = StreamInfo { thumbnail_url: moved, ..stream.clone() };
            assert_eq!(read, [wanted.clone(), wanted], "{path}");
        }
    }

    #[test]
    fn readers_below_the_same_path_share_one_copy() {
        let text = Text::from(format!("{}a\"", PATHS[0]));
        let copies = [(); 2].map(|()| text.below(&prefix("/live-tv")));
        assert_eq!(copies[0].as_ptr(), copies[1].as_ptr());
        let unchanged = Text::from("[]".to_owned());
        assert_eq!(unchanged.below(&prefix("/live-tv")).as_ptr(), unchanged.below(&prefix("")).as_ptr());
    }
}
