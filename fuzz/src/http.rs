//! A router that is called with requests written as text, without a network.
//!
//! ```text
//! input       method SP path LF *( name ":" value LF ) LF body
//! ```

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode, header, response::Parts},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tower::ServiceExt;

/// Longest wait for an answer: long polls and event streams have none at once.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(20);
/// Most bytes of an answer that are looked at.
const MOST_BYTES: usize = 1 << 20;

/// A router and what runs behind it.
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) router: Router,
}

impl Server {
    /// The router that `start` makes.
    pub(crate) fn start(start: impl AsyncFnOnce() -> Router) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let router = runtime.block_on(start());
        Self { runtime, router }
    }

    /// The answer to a request; none if the text is none, or nothing comes in time.
    pub(crate) fn call(&self, request: &[u8]) -> Option<(StatusCode, Bytes)> {
        let (head, body) = self.call_within(ANSWER_TIMEOUT, request)?;
        Some((head.status, body))
    }

    /// The head and the body of the answer to a request; `None` if the text is not a request, or if no answer comes within `limit`.
    pub(crate) fn call_within(&self, limit: Duration, request: &[u8]) -> Option<(Parts, Bytes)> {
        let request = read(request)?;
        self.runtime.block_on(async {
            let answered = timeout(limit, self.router.clone().oneshot(request)).await;
            let response = answered.ok()?.expect("a router does not fail");
            let (head, body) = response.into_parts();
            let body = timeout(limit, to_bytes(body, MOST_BYTES)).await.ok()?.ok()?;
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            Some((head, body))
        })
    }

    /// As [`Self::call`], and checks that the server did not fail and said why it refused.
    pub(crate) fn check(&self, request: &[u8]) -> Option<(StatusCode, Bytes)> {
        let (status, body) = self.call(request)?;
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(&body));
        Some((status, body))
    }
}

fn read(bytes: &[u8]) -> Option<Request<Body>> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = std::str::from_utf8(head).ok()?.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name.trim(), value.trim());
    }
    let request = request.body(Body::from(body.to_vec())).ok()?;
    // A request that asks for an upgrade needs a connection.
    (!request.headers().contains_key(header::UPGRADE)).then_some(request)
}
