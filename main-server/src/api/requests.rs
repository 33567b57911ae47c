//! How many requests an address may send. Nodes are exempt: they prove themselves, and thousands may share an address.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::ErrorCode;
use serving::RequestRates;

use super::{caller::bearer, error::Error};
use crate::auth::Secret;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Requests {
    rates: RequestRates,
    cluster_secret: Secret,
}

impl Requests {
    /// `per_second` requests of each address on average.
    pub(crate) fn new(per_second: u32, cluster_secret: Secret) -> Arc<Self> {
        Arc::new(Self { rates: RequestRates::new(per_second), cluster_secret })
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        let Err(wait) = self.rates.count(request) else { return Ok(()) };
        if bearer(request.headers()).is_some_and(|token| self.cluster_secret.matches(token)) {
            return Ok(());
        }
        let message = "your address sends too many requests: send fewer, or try again in a moment";
        Err(Error::new(ErrorCode::LimitReached, message).after(wait))
    }
}

/// The middleware.
pub(crate) async fn bound(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    match requests.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::{
        Router,
        body::Body,
        http::{StatusCode, header},
        middleware,
        routing::get,
    };
    use serving::{Forwarded, REQUEST_BURST_S};
    use tower::ServiceExt;

    use super::*;

    fn server(per_second: u32) -> Router {
        let cluster_secret = Secret::new("the secret of a cluster").unwrap();
        let requests = Requests::new(per_second, cluster_secret);
        Router::new().route("/", get(|| async {})).layer(middleware::from_fn_with_state(requests, bound))
    }

    async fn get_as(server: &Router, address: [u8; 4], token: &str) -> Response {
        let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Forwarded::from(IpAddr::from(address)));
        server.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_an_address_are_bounded_and_only_it_notices() {
        let server = server(2);
        for _ in 0..2 * REQUEST_BURST_S {
            assert_eq!(get_as(&server, [192, 0, 2, 1], "").await.status(), StatusCode::OK);
        }
        let refused = get_as(&server, [192, 0, 2, 1], "").await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        assert_eq!(get_as(&server, [192, 0, 2, 2], "").await.status(), StatusCode::OK);
        let node = get_as(&server, [192, 0, 2, 1], "the secret of a cluster").await;
        assert_eq!(node.status(), StatusCode::OK, "a node behind the same address");
        tokio::time::advance(std::time::Duration::from_millis(500)).await;
        assert_eq!(get_as(&server, [192, 0, 2, 1], "").await.status(), StatusCode::OK);
    }
}
