//! What holds for the routes of all features.

use axum::body::Body;
use tokio::time::sleep;
use tower::ServiceExt;

use super::*;
use crate::auth::Secret;

#[tokio::test(start_paused = true)]
async fn routes_that_receive_large_bodies_may_take_longer_than_others() {
    let slow = || get(async || sleep(2 * REQUEST_TIMEOUT).await);
    let routes = Routes {
        bounded: Router::new().route("/bounded", slow()),
        receiving: Router::new().route("/receiving", slow()),
    };
    let requests = Requests::new(1_000, Secret::new("the secret of a cluster").unwrap());
    let router = router(routes, &FrameAncestors::default(), requests);
    let status = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(status("GET", "/bounded").await, 408);
    assert_eq!(status("GET", "/receiving").await, 200);
    for path in ["/bounded", "/receiving"] {
        assert_eq!(status("PATCH", path).await, 405, "{path}");
    }
}
