//! What the HTTP surfaces of all features share: errors, extractors, callers, limits and headers; and the pages. The
//! routes of a feature are in its folder; `docs/http-api.md` has all of them.
//!
//! Whatever happens, a caller gets an answer in the form that page promises: bodies are bounded, handlers have a time
//! limit, and a panic becomes an `internal` error. Routes that receive large bodies bound their size and time themselves.

#[cfg(test)]
mod authorization_matrix;
pub(crate) mod caller;
mod cors;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod login;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serving::Forwarded;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

use self::{error::Error, requests::Requests};
use crate::{
    feature::Routes,
    pages::{self, FrameAncestors, Use, Visit},
};

/// Largest body, in bytes, where a route does not say otherwise.
pub const BODY_BYTES: usize = 16 * 1024;
/// Longest that reading a request and answering it may take; event streams begin within it and continue, and uploads have no such
/// limit.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The `features`' routes and the pages, with what holds for all of them. The `ancestors` may show the embedded player in a frame.
pub(crate) fn router(features: Routes, ancestors: &FrameAncestors, requests: Arc<Requests>) -> Router {
    let page = |name, purpose| {
        let ancestors = ancestors.clone();
        get(async move |forwarded: Forwarded, headers: HeaderMap| {
            pages::page(name, purpose, &ancestors, &visit(&forwarded, &headers))
        })
    };
    let receiving = features.receiving.method_not_allowed_fallback(no_such_method);
    features
        .bounded
        .route("/", page("index.html", Use::Show))
        .route("/live", page("live.html", Use::Broadcast))
        .route("/view", page("view.html", Use::Show))
        .route("/admin", page("admin.html", Use::Show))
        .route("/styleguide", page("styleguide.html", Use::Show))
        .route("/library", page("library.html", Use::Show))
        .route("/library/{item_id}", page("library.html", Use::Show))
        .route("/parties", page("parties.html", Use::Show))
        .route("/party/{party_id}", page("party.html", Use::Show))
        .route("/karaoke/{item_id}", page("karaoke.html", Use::Show))
        .route("/jobs", page("jobs.html", Use::Show))
        .route("/view/{stream_id}", page("watch.html", Use::Show))
        .route("/embed/{stream_id}", page("watch.html", Use::Embed))
        .fallback(file_or_nothing)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(in_time))
        .merge(receiving)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(requests, requests::bound))
        .layer(middleware::from_fn(cors::open))
        .layer(middleware::from_fn(with_headers))
}

fn visit<'a>(forwarded: &'a Forwarded, headers: &'a HeaderMap) -> Visit<'a> {
    Visit { headers, prefix: forwarded.prefix(), secure: forwarded.is_secure() }
}

/// A file of the pages' build, or the answer that there is nothing: a page to browsers, an error to programs.
async fn file_or_nothing(method: Method, uri: Uri, forwarded: Forwarded, request: HeaderMap) -> Response {
    let reads = matches!(method, Method::GET | Method::HEAD);
    if reads && let Some(page) = without_slash(&uri) {
        return Redirect::permanent(&forwarded.prefix().path(&page)).into_response();
    }
    let visit = visit(&forwarded, &request);
    let found = reads.then(|| pages::file(uri.path().trim_start_matches('/'), &visit)).flatten();
    found.unwrap_or_else(|| {
        let accepts = request.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if reads && accepts.contains("text/html") && !uri.path().starts_with("/api/") {
            pages::not_found(&visit)
        } else {
            Error::no_such_path(uri.path()).into_response()
        }
    })
}

/// The page that a path with a slash at its end means.
fn without_slash(uri: &Uri) -> Option<String> {
    let page = uri.path().strip_suffix('/')?;
    let is_page = ["/live", "/view", "/library", "/parties", "/jobs", "/admin", "/styleguide"]
        .contains(&page)
        || ["/view/", "/embed/", "/library/", "/party/", "/karaoke/"]
            .iter()
            .find_map(|parent| page.strip_prefix(parent))
            .is_some_and(|id| !id.contains('/'));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    is_page.then(|| format!("{page}{query}"))
}

async fn no_such_method() -> Error {
    Error::method_not_allowed()
}

async fn in_time(request: Request, next: Next) -> Response {
    timeout(REQUEST_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| Error::too_slow().into_response())
}

// The layer hands the panic over by value.
#[allow(clippy::needless_pass_by_value)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked: {}", supervisor::message(&*panic));
    Error::internal().into_response()
}

/// The headers of every answer that its handler did not set otherwise. What is not a page is nothing to render.
async fn with_headers(request: Request, next: Next) -> Response {
    const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
        ),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    let mut response = next.run(request).await;
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
