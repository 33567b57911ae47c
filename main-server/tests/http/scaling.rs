//! The scaling signal follows what nodes report, and is for members of the cluster only.

use std::time::Duration;

use protocol::{
    ErrorCode,
    node::{Capacity, Heartbeat, Load, RegisterServer, Registered, Scaling},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::server::Server;

/// A node that takes 100 viewers; gives its id.
async fn node(server: &Server, hostname: &str) -> String {
    let body = RegisterServer {
        hostname: hostname.into(),
        public_url: format!("/cdn/{hostname}"),
        peer_url: None,
        generation: 1,
        capacity: Some(Capacity { viewers: Some(100), ..Capacity::default() }),
        region: None,
    };
    let registered = server.post("/register_server", Some(&server.secret), json!(body)).await;
    registered.read::<Registered>().node_id.0
}

async fn serve(server: &Server, node: &str, viewers: u32) {
    let heartbeat = Heartbeat { load: Load { viewers, ..Load::default() }, ..Heartbeat::default() };
    let path = format!("/api/nodes/{node}/heartbeat");
    let answer = server.put(&path, Some(&server.secret), json!(heartbeat).to_string().into()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn more_viewers_want_more_nodes_and_fewer_let_them_go() {
    let server = Server::with(|config| {
        config.scale_down_after = Duration::from_millis(1);
        config.lease = Duration::from_secs(60);
    })
    .await;
    let nobody: Scaling = server.scaling("").await.read();
    assert_eq!((nobody.nodes, nobody.wanted), (0, 1), "{}", nobody.reason);
    let (a, b) = (node(&server, "a").await, node(&server, "b").await);
    serve(&server, &a, 70).await;
    serve(&server, &b, 60).await;
    let crowd: Scaling = server.scaling("?min=1&max=10").await.read();
    assert_eq!((crowd.nodes, crowd.wanted), (2, 3), "{}", crowd.reason);
    let bounded: Scaling = server.scaling("?max=2").await.read();
    assert_eq!((bounded.wanted, bounded.may_go.len()), (2, 0), "{}", bounded.reason);
    serve(&server, &a, 0).await;
    serve(&server, &b, 0).await;
    let few = loop {
        let scaling: Scaling = server.scaling("").await.read();
        if scaling.wanted == 1 {
            break scaling;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(few.may_go, ["b"], "{}", few.reason);
    let text = server.text("/metrics").await;
    assert!(text.contains("\nundead_nodes_wanted 1\n"), "{text}");
}

#[tokio::test]
async fn a_node_whose_lease_ended_does_not_count() {
    let server = Server::with(|config| config.lease = Duration::from_millis(100)).await;
    node(&server, "a").await;
    while server.scaling("").await.read::<Scaling>().nodes > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nobody_else_is_told_and_nonsense_is_refused() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/scaling").await.code(), ErrorCode::Unauthorized);
    for query in ["?min=0", "?max=0", "?max=many", "?min=-1"] {
        let answer = server.scaling(query).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
            "{query}"
        );
    }
}
