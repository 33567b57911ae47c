//! The web pages: the build of `web/`, embedded. Without one, every page says how to build it.

use std::{borrow::Cow, path::Path};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;

/// What pages may load and talk to, and who may show them in a frame. Nodes live on any address, and players append to
/// `blob:` sources.
macro_rules! policy {
    ($ancestors:literal) => {
        concat!(
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
             media-src 'self' blob:; font-src 'self'; worker-src 'self' blob:; connect-src 'self' http: https: ws: wss:; \
             object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors ",
            $ancestors
        )
    };
}

const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(policy!("'none'"));
const EMBEDDED_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(policy!("*"));

/// Served in place of every page while there is no build.
const NOT_BUILT: &str = include_str!("pages/not-built.html");
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

/// The page in `name`, a file of the build.
pub(crate) fn page(name: &str, request: &HeaderMap) -> Response {
    match find(name) {
        Some(file) => serve(name, file, request),
        None => not_built(),
    }
}

/// The page in `name`, which every site may show in a frame.
pub(crate) fn embedded_page(name: &str, request: &HeaderMap) -> Response {
    let mut response = page(name, request);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, EMBEDDED_SECURITY_POLICY);
    response
}

/// The file of the build at `path` (without the slash before it), if there is one.
pub(crate) fn file(path: &str, request: &HeaderMap) -> Option<Response> {
    Some(serve(path, find(path)?, request))
}

/// The answer to a browser when no page has the address it asked for.
pub(crate) fn not_found() -> Response {
    let mut response = page(NOT_FOUND, &HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn not_built() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let mut response = ([kind], NOT_BUILT).into_response();
    secure(&mut response);
    response
}

fn serve(path: &str, file: File, request: &HeaderMap) -> Response {
    let etag = etag(&file.sha256);
    let seen = request.get(header::IF_NONE_MATCH).and_then(|seen| seen.to_str().ok());
    // A proxy that compresses weakens the tag (`W/`); what it stands for is the same (RFC 9110, section 13.1.2).
    let seen =
        seen.is_some_and(|seen| seen.split(',').any(|seen| seen.trim().trim_start_matches("W/") == etag));
    let mut response =
        if seen { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(file.bytes).into_response() };
    // Names below assets/ change with their content; everything else is asked for again, cheaply.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    secure(&mut response);
    response
}

fn secure(response: &mut Response) {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
}

fn etag(sha256: &[u8; 32]) -> String {
    format!("\"{}\"", HEXLOWER.encode_display(&sha256[..16]))
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

    const FILE: File = File { bytes: Cow::Borrowed(b"content"), sha256: [0xab; 32] };

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response.headers()[name].to_str().unwrap()
    }

    #[test]
    fn hashed_assets_are_cached_for_ever_and_pages_are_asked_for_again() {
        let request = HeaderMap::new();
        let asset = serve("assets/view-1a2b.js", FILE, &request);
        assert_eq!(header_of(&asset, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header_of(&asset, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        let page = serve("view.html", FILE, &request);
        assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
        assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    }

    #[test]
    fn a_browser_that_has_the_file_gets_no_second_copy() {
        let first = serve("view.html", FILE, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve("view.html", FILE, &request).status(), StatusCode::NOT_MODIFIED);
        let several = format!("\"older\", W/{}", header_of(&first, header::ETAG));
        request.insert(header::IF_NONE_MATCH, several.parse().unwrap());
        assert_eq!(serve("view.html", FILE, &request).status(), StatusCode::NOT_MODIFIED, "through a proxy");
        let other = File { sha256: [0xcd; 32], ..FILE };
        assert_eq!(serve("view.html", other, &request).status(), StatusCode::OK);
    }

    #[test]
    fn every_page_says_what_it_may_load() {
        for response in
            [serve("view.html", FILE, &HeaderMap::new()), not_found(), page("none", &HeaderMap::new())]
        {
            let policy = header_of(&response, header::CONTENT_SECURITY_POLICY);
            assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        }
    }
}
