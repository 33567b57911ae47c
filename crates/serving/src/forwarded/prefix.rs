//! The path below which a site is reached, such as `/live-tv`.

use std::{fmt, str::FromStr, sync::Arc};

/// Longest accepted prefix in bytes: it is repeated in every URL.
const MAX_BYTES: usize = 128;

/// The path below which clients reach the site; empty for a site at the root of its host.
///
/// It consists of segments of ASCII letters, digits, `-`, `.`, `_` and `~`, each after a slash, without one at the end. So it can be put into
/// URLs, HTML attributes, JSON texts and cookies as it is, and never names another host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix(Arc<str>);

impl Prefix {
    /// The prefix as text: empty, or `/…` without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the site is at the root of its host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `path`, which begins with a slash, as clients reach it.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The address at which clients reach `url`: a path moves below the prefix, an absolute URL stays.
    #[must_use]
    pub fn url(&self, url: String) -> String {
        if !self.is_empty() && url.starts_with('/') { self.path(&url) } else { url }
    }

    /// `path` without the prefix, beginning with a slash; `None` if it is not below the prefix.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.as_str())? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self::default());
        }
        if path.len() > MAX_BYTES {
            return Err("a prefix has at most 128 bytes");
        }
        let Some(segments) = path.strip_prefix('/') else {
            return Err("a prefix begins with a slash");
        };
        match segments.split('/').all(is_segment) {
            true => Ok(Self(path.into())),
            false => {
                Err("a prefix consists of letters, digits, '-', '.', '_' and '~' between single slashes")
            }
        }
    }
}

fn is_segment(segment: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !["", ".", ".."].contains(&segment) && segment.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_is_a_plain_path() {
        for (text, kept) in
            [("", ""), ("/", ""), ("/live-tv", "/live-tv"), ("/live-tv/", "/live-tv"), ("/a/b.c", "/a/b.c")]
        {
            assert_eq!(prefix(text).as_str(), kept, "{text}");
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for wrong in [
            "live",
            "//evil.example",
            "/a//b",
            "/a//",
            "/..",
            "/a/../b",
            "/.",
            "/a b",
            "/a\"",
            "/a;b",
            "/a%2f",
            "/a?b",
            "https://a",
            "/ä",
            "/a\\b",
            &long,
        ] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_move_below_it_and_absolute_urls_stay() {
        assert_eq!(prefix("/tv").url("/cdn/a".into()), "/tv/cdn/a");
        assert_eq!(prefix("/tv").url("https://b.example/cdn".into()), "https://b.example/cdn");
        assert_eq!(prefix("").url("/cdn/a".into()), "/cdn/a");
    }

    #[test]
    fn only_whole_segments_are_stripped() {
        let tv = prefix("/tv");
        assert_eq!(tv.strip("/tv/live"), Some("/live"));
        assert_eq!((tv.strip("/tv/"), tv.strip("/tv")), (Some("/"), Some("/")));
        assert_eq!((tv.strip("/tvs"), tv.strip("/live"), tv.strip("/")), (None, None, None));
    }
}
