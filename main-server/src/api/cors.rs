//! Which calls scripts of other sites may make (Fetch, section 3.3): those of a page that lists streams or plays one.
//!
//! They are the same for every site, and never with cookies: no answer allows credentials. All other calls are for this site's own
//! pages and for programs, for which browsers' rules do not matter.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

const ANY: HeaderValue = HeaderValue::from_static("*");
/// Grants travel in `Authorization`; the `*` of a preflight does not include it.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-none-match, last-event-id");
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static("date, etag, retry-after");
/// How long a browser may remember the answer to a preflight, in seconds; Chromium keeps none for longer.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Answers preflights of open calls, and lets scripts of other sites read their answers.
pub(super) async fn open(request: Request, next: Next) -> Response {
    let asked = if request.method() == Method::OPTIONS { preflighted(request.headers()) } else { None };
    let method = asked.as_ref().unwrap_or(request.method());
    if !is_open(method, request.uri().path()) {
        return next.run(request).await;
    }
    let mut response = if asked.is_some() { preflight(method) } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

/// The method that a preflight asks for.
fn preflighted(headers: &HeaderMap) -> Option<Method> {
    headers.get(header::ORIGIN)?;
    headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes().try_into().ok()
}

fn preflight(method: &Method) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    response
}

/// Whether scripts of every site may make the call.
fn is_open(method: &Method, path: &str) -> bool {
    let Some(call) = path.strip_prefix("/api/") else { return false };
    let segments: Vec<_> = call.split('/').collect();
    match *method {
        Method::GET | Method::HEAD => matches!(
            segments[..],
            ["streams" | "events" | "openapi.json"] | ["streams", _] | ["streams", _, "thumbnail"]
        ),
        Method::POST => matches!(segments[..], ["streams", _, "watch" | "renew"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_may_list_and_watch_and_nothing_else() {
        for (method, path) in [
            (Method::GET, "/api/streams"),
            (Method::HEAD, "/api/streams"),
            (Method::GET, "/api/streams/a"),
            (Method::GET, "/api/streams/a/thumbnail"),
            (Method::POST, "/api/streams/a/watch"),
            (Method::POST, "/api/streams/a/renew"),
            (Method::GET, "/api/events"),
        ] {
            assert!(is_open(&method, path), "{method} {path}");
        }
        for (method, path) in [
            (Method::POST, "/api/streams"),
            (Method::DELETE, "/api/streams/a"),
            (Method::PATCH, "/api/streams/a"),
            (Method::PUT, "/api/streams/a/thumbnail"),
            (Method::POST, "/api/streams/a/publish"),
            (Method::POST, "/api/streams/a/invitations"),
            (Method::GET, "/api/streams/a/invitations"),
            (Method::GET, "/api/nodes"),
            (Method::GET, "/api/me"),
            (Method::POST, "/api/login"),
            (Method::POST, "/register_server"),
            (Method::GET, "/live"),
            (Method::GET, "/metrics"),
        ] {
            assert!(!is_open(&method, path), "{method} {path}");
        }
    }
}
