//! The web pages: the build of `web/`, embedded. Without one, every page says how to build it.
//!
//! Pages name the site's files and calls relative to the site (`="./…"`). They are served with the path there below which the client
//! reaches the site, because the same page has addresses of different depth.

mod policy;

use std::{borrow::Cow, path::Path};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use serving::Prefix;

pub use self::policy::FrameAncestors;
pub(crate) use self::policy::Use;
use self::policy::restrict;

/// Served in place of every page while there is no build.
const NOT_BUILT: &str = include_str!("not-built.html");
/// The file of the build that a browser gets when no page has the address it asked for.
const NOT_FOUND: &str = "404.html";

#[derive(rust_embed::Embed)]
#[folder = "../web/dist"]
struct Build;

/// A file of the build.
struct File {
    bytes: Cow<'static, [u8]>,
    sha256: [u8; 32],
}

fn find(path: &str) -> Option<File> {
    let file = Build::get(path)?;
    Some(File { bytes: file.data, sha256: file.metadata.sha256_hash() })
}

/// Who asks for a page, and how.
pub(crate) struct Visit<'a> {
    /// The headers of the request.
    pub(crate) headers: &'a HeaderMap,
    /// Where the client reaches the site.
    pub(crate) prefix: &'a Prefix,
    /// Whether its connection is encrypted.
    pub(crate) secure: bool,
}

/// The page in `name`, a file of the build, for `purpose`. The `ancestors` may show it in a frame if that is [`Use::Embed`].
pub(crate) fn page(name: &str, purpose: Use, ancestors: &FrameAncestors, visit: &Visit<'_>) -> Response {
    let mut response = match find(name) {
        Some(file) => serve(name, file, visit),
        None => not_built(visit.prefix),
    };
    restrict(response.headers_mut(), purpose, visit.secure, ancestors);
    response
}

/// The file of the build at `path` (without the slash before it), if there is one.
pub(crate) fn file(path: &str, visit: &Visit<'_>) -> Option<Response> {
    let mut response = serve(path, find(path)?, visit);
    restrict(response.headers_mut(), Use::Show, visit.secure, &FrameAncestors::default());
    Some(response)
}

/// The answer to a browser when no page has the address it asked for.
pub(crate) fn not_found(visit: &Visit<'_>) -> Response {
    let anew = Visit { headers: &HeaderMap::new(), ..*visit };
    let mut response = page(NOT_FOUND, Use::Show, &FrameAncestors::default(), &anew);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn not_built(prefix: &Prefix) -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    ([kind], located(NOT_BUILT, prefix)).into_response()
}

/// A page with the addresses of its files and calls as the client reaches them.
fn located(page: &str, prefix: &Prefix) -> String {
    page.replace("=\"./", &format!("=\"{prefix}/"))
}

fn serve(path: &str, file: File, visit: &Visit<'_>) -> Response {
    let content_type = content_type(path);
    let is_page = content_type.starts_with("text/html");
    let etag = etag(&file.sha256, if is_page { visit.prefix.as_str() } else { "" });
    let seen = visit.headers.get(header::IF_NONE_MATCH).and_then(|seen| seen.to_str().ok());
    // A proxy that compresses weakens the tag (`W/`); what it stands for is the same (RFC 9110, section 13.1.2).
    let seen =
        seen.is_some_and(|seen| seen.split(',').any(|seen| seen.trim().trim_start_matches("W/") == etag));
    let mut response = if seen {
        StatusCode::NOT_MODIFIED.into_response()
    } else if is_page {
        Body::from(located(&String::from_utf8_lossy(&file.bytes), visit.prefix)).into_response()
    } else {
        Body::from(file.bytes).into_response()
    };
    // Names below assets/ change with their content; everything else is asked for again, cheaply.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    // A player in a sandboxed frame has no origin: its modules count as those of another site.
    if !is_page {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(policy::RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    }
    response
}

/// The same page below another path is another text.
fn etag(sha256: &[u8; 32], prefix: &str) -> String {
    format!("\"{}{prefix}\"", HEXLOWER.encode_display(&sha256[..16]))
}

fn content_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: File = File { bytes: Cow::Borrowed(b"<a href=\"./live\">./"), sha256: [0xab; 32] };

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response.headers()[name].to_str().unwrap()
    }

    fn serve_with(path: &str, file: File, headers: &HeaderMap, prefix: &str) -> Response {
        serve(path, file, &Visit { headers, prefix: &prefix.parse().unwrap(), secure: false })
    }

    fn serve_at_root(path: &str, file: File, headers: &HeaderMap) -> Response {
        serve_with(path, file, headers, "")
    }

    #[test]
    fn hashed_assets_are_cached_for_ever_and_pages_are_asked_for_again() {
        let request = HeaderMap::new();
        let asset = serve_at_root("assets/view-1a2b.js", FILE, &request);
        assert_eq!(header_of(&asset, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header_of(&asset, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert_eq!(header_of(&asset, header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "for sandboxed frames");
        let page = serve_at_root("view.html", FILE, &request);
        assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
        assert!(!page.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    }

    #[test]
    fn a_browser_that_has_the_file_gets_no_second_copy() {
        let first = serve_at_root("view.html", FILE, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve_at_root("view.html", FILE, &request).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve_with("view.html", FILE, &request, "/live-tv").status(), StatusCode::OK, "moved");
        let several = format!("\"older\", W/{}", header_of(&first, header::ETAG));
        request.insert(header::IF_NONE_MATCH, several.parse().unwrap());
        let through_a_proxy = serve_at_root("view.html", FILE, &request);
        assert_eq!(through_a_proxy.status(), StatusCode::NOT_MODIFIED);
        let other = File { sha256: [0xcd; 32], ..FILE };
        assert_eq!(serve_at_root("view.html", other, &request).status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn pages_name_their_files_where_the_client_reaches_them() {
        for (path, prefix, wanted) in [
            ("view.html", "", "<a href=\"/live\">./"),
            ("view.html", "/live-tv", "<a href=\"/live-tv/live\">./"),
            ("assets/a.js", "/live-tv", "<a href=\"./live\">./"),
        ] {
            let response = serve_with(path, FILE, &HeaderMap::new(), prefix);
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert_eq!(body, wanted, "{path} below {prefix}");
        }
    }
}
