//! A main server that stops and starts again loses nothing that runs.

use main_server::{App, Config};
use protocol::{
    ErrorCode,
    grant::Signer,
    node::Registered,
    stream::{Assignment, StreamState},
};
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::json;

use crate::server::{Server, addresses, carried};

#[tokio::test]
async fn a_restarted_server_still_knows_its_streams_and_gets_them_back() {
    let server = Server::start().await;
    let node = server.node("b").await;
    let ran = server.create("ran").await;
    let private = server.create_private("mine", "open sesame").await.stream_id;
    let over = server.create("over").await;
    server.heartbeat(&node, vec![carried(ran.stream_id, StreamState::Live, 4)]).await;
    server.delete(&format!("/api/streams/{}", over.stream_id), Some(&over.publish.grant)).await;
    let before = server.show(ran.stream_id).await;
    let secret = server.secret.clone();

    let server = server.restart().await;
    assert_eq!(server.secret, secret);
    let listed = server.list().await;
    assert_eq!((listed.len(), listed[0].state), (1, StreamState::Interrupted));
    assert_eq!(listed[0].started_at_ms, before.started_at_ms);
    assert_eq!(server.show(over.stream_id).await.state, StreamState::Ended);
    let placed: Assignment = server.watch(ran.stream_id, json!({})).await.read();
    assert_eq!(addresses(&placed), ["/cdn/b"], "its node is believed to live until it is silent for a lease");

    let answer = server.heartbeat(&node, vec![carried(ran.stream_id, StreamState::Live, 4)]).await;
    assert!(answer.commands.is_empty(), "a running stream is not ended");
    assert_eq!(server.node("b").await, node, "nobody has to register again, and who does keeps its id");
    server.node("a").await;
    assert_eq!(server.show(ran.stream_id).await, before);
    let grant = Some(ran.publish.grant.as_str());
    let publish = server.post(&format!("/api/streams/{}/publish", ran.stream_id), grant, json!({})).await;
    assert_eq!(addresses(&publish.read::<Assignment>()), ["/cdn/b", "/cdn/a"], "grants outlive the process");
    assert_eq!(server.watch(private, json!({})).await.code(), ErrorCode::WrongPassphrase);
    let admitted: Assignment = server.watch(private, json!({ "passphrase": "open sesame" })).await.read();
    assert_eq!(addresses(&admitted), ["/cdn/b"], "where it was placed before");
}

#[tokio::test]
async fn after_a_long_outage_a_stream_is_shown_only_once_its_node_has_it() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let (lives, dead) = (server.create("lives").await.stream_id, server.create("dead").await.stream_id);
    let rows = [lives, dead].map(|id| carried(id, StreamState::Live, 1));
    server.heartbeat(&node, rows.to_vec()).await;
    let folder = server.stop().await;
    let store = Connection::open(folder.path().join("main-server.sqlite3")).unwrap();
    let long_ago = "UPDATE entries SET value = CAST(json_replace(CAST(value AS TEXT), '$.unix_ms', 1,
        '$.created_at_ms', 1, '$.started_at_ms', 1, '$.placed_at_ms', 1) AS BLOB)
        WHERE bucket = 'streams' OR key = 'last-seen'";
    assert_eq!(store.execute(long_ago, []).unwrap(), 3);
    drop(store);

    let server = Server::on(folder, |_| {}).await;
    assert!(server.list().await.is_empty());
    for id in [lives, dead] {
        let refused = server.watch(id, json!({})).await;
        assert_eq!(refused.code(), ErrorCode::NoNodeAvailable, "it may live: ask again");
    }
    let mut listener = server.listen().await;
    assert_eq!(listener.expect("snapshot").await, json!([]));
    server.heartbeat(&node, vec![carried(lives, StreamState::Live, 1)]).await;
    assert_eq!(listener.expect("stream_started").await["stream_id"], json!(lives));
    assert!(server.watch(lives, json!({})).await.status.is_success());
}

#[tokio::test]
async fn a_killed_server_kept_what_it_had_answered() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let (kept, over) = (server.create("kept").await, server.create("over").await);
    server.delete(&format!("/api/streams/{}", over.stream_id), Some(&over.publish.grant)).await;
    let server = Server::on(server.kill().await, |_| {}).await;
    assert_eq!(server.show(kept.stream_id).await.state, StreamState::Created);
    assert_eq!(server.show(over.stream_id).await.state, StreamState::Ended);
    let answer = server.heartbeat(&node, vec![carried(kept.stream_id, StreamState::Live, 1)]).await;
    assert!(answer.commands.is_empty());
}

#[tokio::test]
async fn the_secrets_that_an_earlier_version_kept_in_files_go_into_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("cluster-secret"), "chosen by hand\n").unwrap();
    std::fs::write(file("grant-key"), "07".repeat(32)).unwrap();
    let (secret_file, key_file) = (file("cluster-secret"), file("grant-key"));
    let signer = Signer::from_seed(&[7; 32]).unwrap();
    let server = Server::on(folder, |_| {}).await;
    assert_eq!(server.secret, "chosen by hand");
    let registered: Registered = server.register("a", 1).await.read();
    assert_eq!(registered.grant_keys, [signer.public_key().clone()]);
    std::fs::remove_file(&secret_file).unwrap();
    std::fs::remove_file(&key_file).unwrap();

    let server = server.restart().await;
    assert_eq!(server.secret, "chosen by hand");
    assert_eq!(std::fs::read_to_string(&secret_file).unwrap().trim(), "chosen by hand", "for nodes to read");
    let registered: Registered = server.register("a", 1).await.read();
    assert_eq!(registered.grant_keys, [signer.public_key().clone()]);
    assert!(!key_file.exists());
}

#[tokio::test]
async fn a_server_of_which_a_task_panicked_is_not_ready_and_lets_its_listeners_go() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(Config::new(folder.path())).await.unwrap();
    let supervisor = app.supervisor();
    let server = Server::serve(app, folder).await;
    let mut listener = server.listen().await;
    listener.expect("snapshot").await;
    assert_eq!(server.get("/readyz").await.status, StatusCode::OK);
    supervisor.watch("test", async { panic!("a bug") }).await;
    let answer = server.get("/readyz").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Internal));
    assert!(answer.json.to_string().contains("a bug"), "{}", answer.json);
    assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    while listener.next().await.is_some() {}
}
