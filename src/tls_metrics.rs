//! The TLS of a port in `GET /metrics` of the server behind it.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use serving::Handshakes;
use tls::Presented;

const PATH: &str = "/metrics";

/// `app` with these metrics behind its own.
pub(crate) fn add(app: Router, handshakes: Arc<Handshakes>, presented: Presented) -> Router {
    app.layer(from_fn(move |request: Request, next: Next| {
        let (handshakes, presented) = (handshakes.clone(), presented.clone());
        async move {
            let is_asked = request.uri().path() == PATH;
            let response = next.run(request).await;
            if !is_asked || !response.status().is_success() {
                return response;
            }
            append(response, &text(&handshakes, presented.expires_s())).await
        }
    }))
}

async fn append(response: Response, text: &str) -> Response {
    let (mut head, body) = response.into_parts();
    head.headers.remove(axum::http::header::CONTENT_LENGTH);
    // The server's own text, which is in memory.
    let own = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(head, Body::from(Bytes::from([&own[..], text.as_bytes()].concat())))
}

fn text(handshakes: &Handshakes, expires_s: Option<u64>) -> String {
    let (succeeded, failed) = (handshakes.succeeded(), handshakes.failed());
    let mut text = format!(
        "# HELP undead_tls_handshakes_total TLS handshakes of the port.\n\
         # TYPE undead_tls_handshakes_total counter\n\
         undead_tls_handshakes_total{{result=\"succeeded\"}} {succeeded}\n\
         undead_tls_handshakes_total{{result=\"failed\"}} {failed}\n"
    );
    if let Some(expires_s) = expires_s {
        text += &format!(
            "# HELP undead_tls_certificate_expiry_timestamp_seconds When the port's certificate expires.\n\
             # TYPE undead_tls_certificate_expiry_timestamp_seconds gauge\n\
             undead_tls_certificate_expiry_timestamp_seconds {expires_s}\n"
        );
    }
    text
}
