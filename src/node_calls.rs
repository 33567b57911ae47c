//! What the parts of `undead up` call in each other: all that is served on the plain port on loopback.

use axum::{
    Json, Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use protocol::{ErrorBody, ErrorCode, WireError};

/// Calls of nodes and the worker to the main server, of the supervisor of node processes, and of nodes to each other.
const PATHS: [&str; 5] = ["/register_server", "/api/nodes", "/api/scaling", "/api/worker", "/cdn"];

/// `app` without everything else: pages, logins and calls of clients have the port with TLS.
pub(crate) fn alone(app: Router) -> Router {
    app.layer(from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    if is_node_call(request.uri().path()) {
        return next.run(request).await;
    }
    refusal()
}

fn refusal() -> Response {
    let error = WireError::new(ErrorCode::NotFound, "this port serves calls of nodes alone");
    (StatusCode::NOT_FOUND, Json(ErrorBody { error })).into_response()
}

fn is_node_call(path: &str) -> bool {
    PATHS
        .iter()
        .any(|known| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_reach_what_they_call_and_nothing_else() {
        for path in [
            "/register_server",
            "/api/nodes/1/heartbeat",
            "/api/nodes",
            "/api/scaling",
            "/api/worker/claim",
            "/cdn/a/ws/1",
        ] {
            assert!(is_node_call(path), "{path}");
        }
        for path in [
            "/",
            "/api/login",
            "/api/streams",
            "/api/nodesx",
            "/api/workers",
            "/admin",
            "/cdnx",
            "//register_server",
        ] {
            assert!(!is_node_call(path), "{path}");
        }
    }

    #[tokio::test]
    async fn a_refused_call_gets_an_error_body() {
        let body = axum::body::to_bytes(refusal().into_body(), 1_000).await.unwrap();
        let ErrorBody { error } = serde_json::from_slice(&body).unwrap();
        assert_eq!(error.code, ErrorCode::NotFound);
    }
}
