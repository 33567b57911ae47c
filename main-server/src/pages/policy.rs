//! The headers that restrict what a page may load, use and be part of.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Which sites may load an answer without CORS.
pub(super) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What pages may load and talk to, up to the sites that may show them in a frame. Nothing is inline. Nodes live on any
/// address, and players append to `blob:` sources.
macro_rules! content_policy {
    () => {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
         font-src 'self'; worker-src 'self'; manifest-src 'self'; connect-src 'self' http: https: ws: wss:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
    };
}

const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(concat!(content_policy!(), "'none'"));

/// The devices and data that pages have no use for, by the names that browsers know: they report any other on the console.
macro_rules! no_permissions {
    () => {
        "accelerometer=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), midi=(), payment=(), \
         serial=(), usb=(), "
    };
}

const WATCHING: HeaderValue =
    HeaderValue::from_static(concat!(no_permissions!(), "camera=(), display-capture=(), microphone=()"));
const BROADCASTING: HeaderValue = HeaderValue::from_static(concat!(
    no_permissions!(),
    "camera=(self), display-capture=(self), microphone=(self)"
));

/// What a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It shows; every page but the others here.
    Show,
    /// It captures screens, cameras and microphones.
    Broadcast,
    /// The player alone, for frames of other sites.
    Embed,
}

/// Which sites may show the embedded player in a frame: a source list of `frame-ancestors` (CSP level 3, section 6.4.2).
#[derive(Clone, Debug)]
pub struct FrameAncestors(HeaderValue);

impl FrameAncestors {
    /// The sites in `sources`: `*`, `self`, `none`, or origins such as `https://example.org` and `https://*.example.org`.
    ///
    /// # Errors
    /// Names the source that is invalid.
    pub fn new<S: AsRef<str>>(sources: &[S]) -> Result<Self, String> {
        let sources: Vec<_> = sources.iter().map(|source| keyword(source.as_ref().trim())).collect();
        if let Some(wrong) = sources.iter().find(|source| !is_source(source)) {
            return Err(format!("`{wrong}` is not *, self, none or a site such as https://example.org"));
        }
        if sources.len() > 1 && sources.contains(&"'none'") {
            return Err("`none` cannot be combined with other sites".to_owned());
        }
        let policy = format!("{}{}", content_policy!(), sources.join(" "));
        HeaderValue::try_from(policy).map(Self).map_err(|error| error.to_string())
    }
}

impl Default for FrameAncestors {
    fn default() -> Self {
        Self(HeaderValue::from_static(concat!(content_policy!(), "*")))
    }
}

/// Keywords are in quotes in the policy, and need none here.
fn keyword(source: &str) -> &str {
    match source {
        "self" => "'self'",
        "none" => "'none'",
        source => source,
    }
}

/// A keyword, or a scheme and host with an optional port.
fn is_source(source: &str) -> bool {
    if ["*", "'self'", "'none'"].contains(&source) {
        return true;
    }
    let Some(host) = source.strip_prefix("https://").or_else(|| source.strip_prefix("http://")) else {
        return false;
    };
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:*[]".contains(&byte))
}

/// Adds the headers of a page for `purpose`; `secure` if the client's connection is encrypted.
pub(super) fn restrict(headers: &mut HeaderMap, purpose: Use, secure: bool, ancestors: &FrameAncestors) {
    let content = if purpose == Use::Embed { ancestors.0.clone() } else { CONTENT_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, content);
    headers.insert(PERMISSIONS_POLICY, if purpose == Use::Broadcast { BROADCASTING } else { WATCHING });
    if purpose == Use::Embed {
        // Also for sites that load nothing without the consent of its origin (COEP).
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    } else {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // Browsers ignore it on unencrypted pages, with a warning on the console.
        if secure {
            headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(purpose: Use, ancestors: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        restrict(&mut headers, purpose, true, &FrameAncestors::new(ancestors).unwrap());
        headers
    }

    fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> String {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn nothing_inline_and_no_frame_but_the_embedded_player() {
        for purpose in [Use::Show, Use::Broadcast, Use::Embed] {
            let headers = headers(purpose, &["https://a.example", "https://*.b.example:8443"]);
            let policy = text(&headers, header::CONTENT_SECURITY_POLICY);
            assert!(!policy.contains("unsafe") && policy.contains("default-src 'none'"), "{policy}");
            let (ancestors, frames) = match purpose {
                Use::Embed => ("frame-ancestors https://a.example https://*.b.example:8443", ""),
                _ => ("frame-ancestors 'none'", "DENY"),
            };
            assert!(policy.ends_with(ancestors), "{policy}");
            assert_eq!(text(&headers, header::X_FRAME_OPTIONS), frames);
        }
    }

    #[test]
    fn the_page_to_broadcast_from_alone_may_capture() {
        for device in ["camera", "microphone", "display-capture"] {
            for (purpose, who) in [(Use::Show, "()"), (Use::Embed, "()"), (Use::Broadcast, "(self)")] {
                let permissions = text(&headers(purpose, &["*"]), PERMISSIONS_POLICY);
                assert!(permissions.contains(&format!("{device}={who}")), "{purpose:?}: {permissions}");
            }
        }
    }

    #[test]
    fn sites_that_could_change_the_policy_are_refused() {
        for right in [&["*"][..], &["'none'"], &["self", "http://[::1]:8080"]] {
            assert!(FrameAncestors::new(right).is_ok(), "{right:?}");
        }
        let wrong: [&[&str]; 6] = [
            &["example.org"],
            &["https://a; script-src *"],
            &["https://a,https://b"],
            &["https://"],
            &["none", "https://a"],
            &["javascript:"],
        ];
        for wrong in wrong {
            assert!(FrameAncestors::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
