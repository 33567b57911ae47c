//! What a node answers over HTTP besides its transports: how it is, what it counts, and that there is nothing else.
//!
//! As on the main server, every failure is `{ "error": { "code", "message" } }`, on every path and method.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
    routing::get,
};
use futures_util::{
    FutureExt,
    future::{self, Either, Ready},
};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use protocol::{ErrorCode, WireError};
use serde_json::{Value, json};
use serving::RequestRates;
use supervisor::Supervisor;
use tower::{Layer, Service, ServiceExt, layer::layer_fn, service_fn, util::MapResponseLayer};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::{
    connections::Connections,
    control::Control,
    egress::Audience,
    failure::{RETRY_AFTER, failure},
    hub::Hub,
    ingest::Ingest,
    library::{FRAGMENTS, Library, TAKES},
    load::Meter,
    lock::lock,
    metrics::{Gauges, Metrics},
};

/// Longest part of a path that is sent back.
const MAX_PATH_CHARS: usize = 100;

/// Header fields of answers with media that pages of other origins may read besides the usual ones.
const EXPOSED: [HeaderName; 8] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ETAG,
    header::RETRY_AFTER,
    FRAGMENTS,
    TAKES,
];
/// How long a browser may rely on the answer to a preflight request.
const PREFLIGHT_AGE: Duration = Duration::from_secs(7200);

/// What the handlers show.
pub(crate) struct Status {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) audience: Arc<Audience>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) library: Option<Arc<Library>>,
    pub(crate) supervisor: Supervisor,
    /// None in a node without main servers, which is ready as it is.
    pub(crate) control: Option<Arc<Control>>,
}

/// The transports' `routes`, those of the `library`, and the rest. Requests to those that are not transports count in `rates`: what an
/// address sends to transports is bounded by its connections.
pub(crate) fn router(
    routes: Router,
    library: Router,
    status: Arc<Status>,
    rates: Arc<RequestRates>,
) -> Router {
    // Layers go together into one call: each call copies the services within, and the answer to a fragment is made in a few microseconds.
    let headers = MapResponseLayer::new(with_headers);
    let bounded = layer_fn(move |inner| Bounded { inner, rates: rates.clone() });
    let cors = cors();
    let operation = Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(status)
        .layer(bounded.clone());
    let library = library.method_not_allowed_fallback(no_such_method);
    routes
        .merge(operation)
        .fallback(nothing_here)
        .method_not_allowed_fallback(no_such_method)
        .layer((headers.clone(), cors))
        .merge(library.layer((headers, library_cors(), bounded)))
}

/// Pages come from the main server's origin, which may be another one. Nothing here relies on cookies.
fn cors() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any)
}

fn library_cors() -> CorsLayer {
    // `Authorization` is allowed only where it is named, so what a page asks for is allowed by name.
    let cors = cors().allow_headers(AllowHeaders::mirror_request());
    cors.expose_headers(EXPOSED).max_age(PREFLIGHT_AGE)
}

/// The header fields that the layers around the library add to the answer to a GET.
pub(crate) fn library_headers() -> HeaderMap {
    let empty = service_fn(|_: Request| future::ready(Ok::<_, Infallible>(Response::default())));
    let layered = (MapResponseLayer::new(with_headers), library_cors()).layer(empty);
    let answer = layered.oneshot(Request::default()).now_or_never().and_then(Result::ok);
    answer.map(|answer| answer.into_parts().0.headers).unwrap_or_default()
}

/// Adds the headers of every answer that its handler did not set otherwise: there is nothing to cache, to render, or to guess
/// the type of, and pages of every origin may use it.
fn with_headers(mut response: Response) -> Response {
    const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
        ),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ];
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Refuses requests of addresses that send too many.
#[derive(Clone)]
struct Bounded<S> {
    inner: S,
    rates: Arc<RequestRates>,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Bounded<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.rates.count(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(wait) => Either::Right(future::ready(Ok(too_many_requests(wait)))),
        }
    }
}

fn too_many_requests(wait: Duration) -> Response {
    let message = "your address sends too many requests to this node: send fewer, or try again in a moment";
    failure(StatusCode::TOO_MANY_REQUESTS, WireError::new(ErrorCode::LimitReached, message).after(wait))
}

async fn nothing_here(uri: Uri) -> Response {
    let shown: String = uri.path().chars().take(MAX_PATH_CHARS).collect();
    let message = format!("this node has no path {shown}: see docs/protocol.md");
    failure(StatusCode::NOT_FOUND, WireError::new(ErrorCode::NotFound, message))
}

async fn no_such_method() -> Response {
    let error =
        WireError::new(ErrorCode::NotFound, "this path does not support the method: see docs/protocol.md");
    failure(StatusCode::METHOD_NOT_ALLOWED, error)
}

async fn ready(State(status): State<Arc<Status>>) -> Result<Json<Value>, Response> {
    let error = if let Some(failure) = status.supervisor.failure() {
        WireError::new(ErrorCode::Internal, failure.to_string())
    } else if status.registered() {
        return Ok(Json(json!({ "status": "ready" })));
    } else {
        WireError::new(
            ErrorCode::UnknownNode,
            "no main server knows this node now; the node keeps trying to register",
        )
    };
    Err(failure(StatusCode::SERVICE_UNAVAILABLE, error.after(RETRY_AFTER)))
}

async fn metrics(State(status): State<Arc<Status>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], status.metrics.render(status.gauges()))
}

impl Status {
    /// What is now. Locks are released before the text is written: opening and closing streams waits for the hub's.
    fn gauges(&self) -> Gauges {
        let reading = self.meter.reading();
        let relayed_streams = self.ingest.relayed().len() as u64;
        let library_cache_bytes = self.library.as_ref().map_or(0, |library| library.memory_bytes());
        let hub = lock(&self.hub);
        Gauges {
            streams: hub.len() as u64,
            viewers: self.audience.viewers().into(),
            lagging: self.audience.lagging().into(),
            relays: self.audience.relays().into(),
            relayed_streams,
            connections: self.connections.by_transport(),
            ring_bytes: hub.budget().bytes(),
            library_cache_bytes,
            recordings: self.metrics.recordings.get(),
            spool_bytes: self.metrics.spool_bytes.get(),
            cpu_permille: reading.cpu_permille.into(),
            egress_bytes_per_s: reading.egress_bytes_per_s,
            egress_limit_bytes_per_s: reading.egress_limit_bytes_per_s.unwrap_or_default(),
            registered: self.registered(),
        }
    }

    fn registered(&self) -> bool {
        self.control.as_ref().is_none_or(|control| control.is_registered())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::body::Body;
    use serving::{Forwarded, REQUEST_BURST_S};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_of_an_address_to_a_node_are_bounded_and_only_it_notices() {
        let rates = Arc::new(RequestRates::new(2));
        let server = Router::new().route("/metrics", get(|| async {}));
        let server = server.layer(layer_fn(move |inner| Bounded { inner, rates: rates.clone() }));
        let get_as = async |address: [u8; 4]| {
            let mut request = Request::get("/metrics").body(Body::empty()).unwrap();
            request.extensions_mut().insert(Forwarded::from(IpAddr::from(address)));
            server.clone().oneshot(request).await.unwrap()
        };
        for _ in 0..2 * REQUEST_BURST_S {
            assert_eq!(get_as([192, 0, 2, 1]).await.status(), StatusCode::OK);
        }
        let refused = get_as([192, 0, 2, 1]).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        assert_eq!(get_as([192, 0, 2, 2]).await.status(), StatusCode::OK);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(get_as([192, 0, 2, 1]).await.status(), StatusCode::OK);
    }
}
