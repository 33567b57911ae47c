//! Who was chosen can be read with the reason, and nobody is let in where nobody has room.

use protocol::{
    ErrorCode,
    node::{Capacity, Heartbeat, Load, RegisterServer, Registered},
    stream::{Assignment, StreamState},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Server, addresses, carried};

/// A node that takes so many viewers; gives its id.
async fn node(server: &Server, hostname: &str, viewers: u32, region: &str) -> String {
    let body = RegisterServer {
        hostname: hostname.into(),
        public_url: format!("/cdn/{hostname}"),
        peer_url: None,
        generation: 1,
        capacity: Some(Capacity { viewers: Some(viewers), ..Capacity::default() }),
        region: Some(region.into()),
    };
    let registered = server.post("/register_server", Some(&server.secret), json!(body)).await;
    registered.read::<Registered>().node_id.0
}

async fn explained(server: &Server, query: &str) -> (StatusCode, Value) {
    let path = format!("/api/nodes/placement{query}");
    let answer = server.operate(Method::GET, &path, vec![]).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_decision_is_explained_and_nobody_is_sent_anywhere_by_asking() {
    let server = Server::start().await;
    let a = node(&server, "a", 10, "eu").await;
    node(&server, "b", 10, "us").await;
    let id = server.create("first").await.stream_id;
    server.heartbeat(&a, vec![carried(id, StreamState::Live, 0)]).await;
    let query = format!("?for=viewer&stream_id={id}");
    for _ in 0..20 {
        let (status, decision) = explained(&server, &query).await;
        assert_eq!(status, StatusCode::OK, "{decision}");
        assert_eq!(
            (&decision["nodes"][0]["hostname"], &decision["nodes"][0]["role"]),
            (&json!("a"), &json!("carrier"))
        );
        assert!(
            decision["nodes"][0]["reason"].as_str().unwrap().contains("carries the stream"),
            "{decision}"
        );
    }
    let (_, elsewhere) = explained(&server, &format!("{query}&region=us")).await;
    assert_eq!(
        (&elsewhere["nodes"][0]["hostname"], &elsewhere["nodes"][0]["role"]),
        (&json!("b"), &json!("edge"))
    );
    let (_, next) = explained(&server, "?for=broadcaster").await;
    assert_eq!(next["nodes"][0]["hostname"], "b");
    for wrong in ["", "?for=nobody", "?for=viewer&stream_id=7"] {
        assert_eq!(explained(&server, wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(explained(&server, "?for=viewer").await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/nodes/placement?for=broadcaster").await.code(), ErrorCode::Unauthorized);
}

#[tokio::test]
async fn where_every_node_is_full_nobody_new_is_let_in() {
    let server = Server::start().await;
    let a = node(&server, "a", 2, "eu").await;
    let b = node(&server, "b", 2, "eu").await;
    let id = server.create("first").await.stream_id;
    server.heartbeat(&a, vec![carried(id, StreamState::Live, 0)]).await;
    let mut first = Vec::new();
    for _ in 0..4 {
        let assignment: Assignment = server.watch(id, json!({})).await.read();
        first.push(addresses(&assignment)[0].to_owned());
    }
    first.sort_unstable();
    assert_eq!(first, ["/cdn/a", "/cdn/a", "/cdn/b", "/cdn/b"], "no heartbeat came in between");
    let refused = server.watch(id, json!({})).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoCapacity));
    let full = Heartbeat { load: Load { viewers: 2, ..Load::default() }, ..Heartbeat::default() };
    let path = format!("/api/nodes/{b}/heartbeat");
    server.put(&path, Some(&server.secret), json!(full).to_string().into()).await;
    assert_eq!(server.watch(id, json!({})).await.code(), ErrorCode::NoCapacity);
}
