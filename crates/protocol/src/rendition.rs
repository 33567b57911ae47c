//! The ways to play a take of an item's [`Manifest`](crate::item::Manifest).

use crate::item::{Blob, Fragment, ManifestTake, joins};

/// One way to play a take: in the take's own format, or in one of its alternatives.
#[derive(Clone, Copy, Debug)]
pub struct Rendition<'a> {
    /// The type for MSE, with codecs.
    pub mime: &'a str,
    /// What a decoder is given before the first fragment.
    pub init: Option<&'a Blob>,
    /// In order of time.
    pub fragments: &'a [Fragment],
}

/// The renditions of a take, its own format first.
pub fn renditions(take: &ManifestTake) -> impl Iterator<Item = Rendition<'_>> {
    let own = Rendition { mime: &take.mime, init: take.init.as_ref(), fragments: &take.fragments };
    let others = take.alternatives.iter().map(|other| Rendition {
        mime: &other.mime,
        init: other.init.as_ref(),
        fragments: &other.fragments,
    });
    std::iter::once(own).chain(others)
}

/// The rendition of a take for programs that do not say what they play: bare MP3 if there is one, which every program takes, else the
/// take's own.
pub fn preferred(take: &ManifestTake) -> Rendition<'_> {
    let own = Rendition { mime: &take.mime, init: take.init.as_ref(), fragments: &take.fragments };
    renditions(take).find(|rendition| rendition.container() == "audio/mpeg").unwrap_or(own)
}

impl<'a> Rendition<'a> {
    /// Its init segment and fragments.
    pub fn blobs(&self) -> impl Iterator<Item = &'a Blob> + use<'a> {
        self.init.into_iter().chain(self.fragments.iter().map(|fragment| &fragment.blob))
    }

    /// Whether this is its type; spaces and case do not matter.
    pub fn is(&self, mime: &str) -> bool {
        let plain = |mime: &str| mime.replace(' ', "").to_ascii_lowercase();
        plain(self.mime) == plain(mime)
    }

    /// The type without its parameters, in lower case.
    pub fn container(&self) -> String {
        let (container, _) = self.mime.split_once(';').unwrap_or((self.mime, ""));
        container.trim().to_ascii_lowercase()
    }

    /// The codecs that the type names (RFC 6381), in lower case: `vp09.00.10.08`, `opus`. `audio/mpeg` needs no parameter to
    /// say `mp3`.
    pub fn codecs(&self) -> Vec<String> {
        let parameter = |parameter: &str| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("codecs").then(|| value.trim().trim_matches('"').to_owned())
        };
        match self.mime.split(';').skip(1).find_map(parameter) {
            Some(codecs) => codecs.split(',').map(|codec| codec.trim().to_ascii_lowercase()).collect(),
            None if self.container() == "audio/mpeg" => vec!["mp3".to_owned()],
            None => Vec::new(),
        }
    }

    /// Whether its fragments can follow those of the other one in one file; see [`joins`].
    pub fn follows(&self, other: &Self) -> bool {
        joins((other.mime, other.init), (self.mime, self.init))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_read_from_a_type() {
        let of = |mime| Rendition { mime, init: None, fragments: &[] }.codecs();
        assert_eq!(of("Video/WebM; codecs=\"vp09.00.10.08, opus\""), ["vp09.00.10.08", "opus"]);
        assert_eq!(of("audio/mp4;codecs=mp4a.40.2"), ["mp4a.40.2"]);
        assert_eq!(of("audio/mpeg"), ["mp3"]);
        assert!(of("video/webm").is_empty() && of("").is_empty() && of(";;=;codecs").is_empty());
    }
}
