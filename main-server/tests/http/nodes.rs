//! Nodes register, report and leave; whoever is not one is refused.

use std::time::Duration;

use main_server::{Config, Secret};
use protocol::{
    ErrorCode, StreamId,
    grant::{Action, Verifier},
    node::{CarriedStream, Registered, Sources},
    stream::{StreamState, Visibility},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Answer, Server, carried};

/// Asks as `node` where to pull a stream from.
async fn sources(server: &Server, node: &str, id: StreamId, body: Value) -> Answer {
    server.post(&format!("/api/nodes/{node}/streams/{id}/sources"), Some(&server.secret), body).await
}

fn through(id: StreamId, path: &[&str]) -> CarriedStream {
    let path = path.iter().map(|hostname| (*hostname).to_owned()).collect();
    CarriedStream { path, ..carried(id, StreamState::Live, 1) }
}

#[tokio::test]
async fn a_node_learns_its_times_and_the_key_of_grants() {
    let server = Server::with(|config| config.lease = Config::new("any").lease).await;
    let registered: Registered = server.register("a", 1).await.read();
    assert_eq!((registered.heartbeat_ms, registered.lease_ms), (1000, 3000));
    assert!(Verifier::new(&registered.grant_keys).is_ok());
    let created = server.create("first").await;
    let verifier = Verifier::new(&registered.grant_keys).unwrap();
    let publish = protocol::grant::Action::Publish;
    assert!(verifier.verify(&created.publish.grant, created.stream_id, publish, 0).is_ok());
}

#[tokio::test]
async fn a_simple_node_reports_what_it_knows_and_no_more() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let id = server.create("first").await.stream_id;
    let path = format!("/api/nodes/{node}/heartbeat");
    for body in [
        json!({}),
        json!({ "load": null, "streams": null }),
        json!({ "load": { "viewers": null, "invented": 1 }, "streams": [] }),
        json!({ "streams": [{ "stream_id": id, "state": "live" }] }),
    ] {
        let answer = server.put(&path, Some(&server.secret), body.to_string().into_bytes()).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.json);
    }
    assert_eq!((server.show(id).await.state, server.show(id).await.viewers), (StreamState::Live, 0));
}

#[tokio::test]
async fn nobody_registers_or_lists_without_the_cluster_secret() {
    let server = Server::start().await;
    let node = server.node("a").await;
    for token in [None, Some(""), Some("wrong")] {
        let body = json!({ "hostname": "b", "public_url": "/cdn/b", "generation": 1 });
        let refused = [
            server.post("/register_server", token, body).await,
            server.put(&format!("/api/nodes/{node}/heartbeat"), token, b"{\"load\":{}}".to_vec()).await,
            server.delete(&format!("/api/nodes/{node}"), token).await,
        ];
        for answer in refused {
            assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized));
        }
    }
    assert_eq!(server.get("/api/nodes").await.code(), ErrorCode::Unauthorized);
    assert_eq!(server.nodes().await.len(), 1);
}

#[tokio::test]
async fn the_cluster_secret_may_come_from_the_configuration() {
    let server = Server::with(|config| config.cluster_secret = Secret::new("from the environment")).await;
    assert_eq!(server.secret, "from the environment");
    server.node("a").await;
    assert!(!server.data_dir().join("cluster-secret").exists());
}

#[tokio::test]
async fn the_cluster_secret_may_be_kept_in_a_file_that_nodes_can_read() {
    let shared = tempfile::tempdir().unwrap();
    let file = shared.path().join("secret");
    let server = Server::with(|config| config.cluster_secret_file = Some(file.clone())).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), server.secret);
    assert!(!server.data_dir().join("cluster-secret").exists());
    let other = Server::with(|config| config.cluster_secret_file = Some(file.clone())).await;
    assert_eq!(other.secret, server.secret);
}

#[tokio::test]
async fn a_second_live_node_with_the_same_hostname_is_refused() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let second = server.register("a", 2).await;
    assert_eq!((second.status, second.code()), (StatusCode::CONFLICT, ErrorCode::HostnameTaken));
    assert_eq!(server.node("a").await, node, "the same process may ask again");
}

#[tokio::test]
async fn a_node_that_says_goodbye_makes_room_and_interrupts_its_streams() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let id = server.create("first").await.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 1)]).await;
    let path = format!("/api/nodes/{node}");
    assert_eq!(server.delete(&path, Some(&server.secret)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.show(id).await.state, StreamState::Interrupted);
    assert_eq!(server.delete(&path, Some(&server.secret)).await.code(), ErrorCode::UnknownNode);
    assert!(server.register("a", 2).await.status.is_success());
}

#[tokio::test]
async fn an_unknown_node_has_to_register() {
    let server = Server::start().await;
    let answer =
        server.put("/api/nodes/a-1/heartbeat", Some(&server.secret), b"{\"load\":{}}".to_vec()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, ErrorCode::UnknownNode));
}

#[tokio::test]
async fn a_silent_node_loses_its_streams_and_then_they_end() {
    let server = Server::with(|config| {
        config.lease = Duration::from_millis(300);
        config.grace = Duration::from_millis(300);
    })
    .await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    let node = server.node("a").await;
    let id = server.create("first").await.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 1)]).await;
    listener.expect("stream_started").await;
    loop {
        match listener.next().await.unwrap() {
            (name, payload) if name == "stream_changed" => assert_eq!(payload["state"], "interrupted"),
            (name, payload) => {
                assert_eq!((name.as_str(), payload), ("stream_ended", json!({ "stream_id": id })));
                break;
            }
        }
    }
    assert_eq!(server.nodes().await[0].lease_left_ms, 0);
    let refused = server.post("/api/streams", None, json!({ "title": "second" })).await;
    assert_eq!(refused.code(), ErrorCode::NoNodeAvailable, "a node without a lease is not chosen");
    assert!(server.register("a", 2).await.status.is_success(), "its successor is accepted");
}

#[tokio::test]
async fn no_more_nodes_register_than_agreed() {
    let server = Server::with(|config| config.limits.nodes = 1).await;
    server.node("a").await;
    let second = server.register("b", 1).await;
    assert_eq!((second.status, second.code()), (StatusCode::TOO_MANY_REQUESTS, ErrorCode::LimitReached));
}

#[tokio::test]
async fn an_edge_is_told_where_to_pull_a_stream_from_nearest_to_the_origin_first() {
    let server = Server::start().await;
    let registered: Registered = server.register("asks", 1).await.read();
    let asking = registered.node_id.0;
    let id = server.create("first").await.stream_id;
    let carries: [(&str, &[&str]); 4] = [
        ("far", &["origin", "near"]),
        ("near", &["origin"]),
        ("origin", &[]),
        ("below", &["origin", "asks"]),
    ];
    for (name, path) in carries {
        let node = server.node(name).await;
        server.heartbeat(&node, vec![through(id, path)]).await;
    }
    let urls = |found: &Sources| found.nodes.iter().map(|node| node.public_url.clone()).collect::<Vec<_>>();
    let found: Sources = sources(&server, &asking, id, json!({})).await.read();
    // Never from who gets it from there; from where those would come to be too deep only when all others failed.
    assert_eq!(urls(&found), ["/cdn/origin", "/cdn/near", "/cdn/far"]);
    assert_eq!(found.visibility, Visibility::Public);
    let verifier = Verifier::new(&registered.grant_keys).unwrap();
    assert!(verifier.verify(&found.grant, id, Action::Relay, 0).is_ok());
    let avoiding: Sources = sources(&server, &asking, id, json!({ "avoid": ["/cdn/origin"] })).await.read();
    assert_eq!(urls(&avoiding), ["/cdn/near", "/cdn/far", "/cdn/origin"]);
}

#[tokio::test]
async fn a_stream_that_nobody_has_live_has_no_source() {
    let server = Server::start().await;
    let (asking, origin) = (server.node("asks").await, server.node("origin").await);
    let id = server.create("first").await.stream_id;
    let nobody = sources(&server, &asking, id, json!({})).await;
    assert_eq!((nobody.status, nobody.code()), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoNodeAvailable));
    server.heartbeat(&origin, vec![carried(id, StreamState::Interrupted, 0)]).await;
    assert_eq!(sources(&server, &asking, id, json!({})).await.code(), ErrorCode::NoNodeAvailable);
    server.heartbeat(&origin, vec![carried(id, StreamState::Live, 0)]).await;
    assert_eq!(
        sources(&server, &origin, id, json!({})).await.code(),
        ErrorCode::NoNodeAvailable,
        "not itself"
    );
    assert!(sources(&server, &asking, id, json!({})).await.status.is_success());
    assert_eq!(sources(&server, "stranger", id, json!({})).await.code(), ErrorCode::UnknownNode);
    let unknown = StreamId::new("never created", 1);
    assert_eq!(sources(&server, &asking, unknown, json!({})).await.code(), ErrorCode::UnknownStream);
}

#[tokio::test]
async fn where_nodes_reach_a_node_is_told_to_nodes_and_never_to_clients() {
    let server = Server::start().await;
    let asking = server.node("asks").await;
    let id = server.create("first").await.stream_id;
    let register = |peer_url: Value| {
        let body = json!({
            "hostname": "origin", "public_url": "http://localhost:5001", "peer_url": peer_url, "generation": 1,
        });
        server.post("/register_server", Some(&server.secret), body)
    };
    for wrong in ["", "origin:5000", "ftp://origin"] {
        assert_eq!(register(json!(wrong)).await.code(), ErrorCode::InvalidRequest, "{wrong}");
    }
    for (told, expected) in [(Value::Null, None), (json!("http://origin:5000/"), Some("http://origin:5000"))]
    {
        let origin = register(told).await.read::<Registered>().node_id.0;
        server.heartbeat(&origin, vec![carried(id, StreamState::Live, 0)]).await;
        let found: Sources = sources(&server, &asking, id, json!({})).await.read();
        assert_eq!(
            (&*found.nodes[0].public_url, found.nodes[0].peer_url.as_deref()),
            ("http://localhost:5001", expected)
        );
        assert_eq!(found.nodes[0].url(), expected.unwrap_or("http://localhost:5001"));
    }
    let watch = server.watch(id, json!({})).await.read::<Value>();
    assert_eq!(watch["nodes"][0], json!({ "public_url": "http://localhost:5001" }));
}
