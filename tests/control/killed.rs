//! The only main server is killed while streams are live, and starts again on the same folder.

use crate::{
    node::Node,
    process::{MainServer, until},
};

const STREAMS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_main_server_that_was_killed_lists_every_live_stream_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = port_harness::reserve().unwrap();
    let main_server = MainServer::start(port, folder.path(), "sqlite");
    let nodes = ["a", "b", "c"].map(|name| Node::start(name, &[&main_server.url]));
    until("nodes register", async || nodes.iter().all(|node| node.registrations() == 1)).await;
    let mut ids = Vec::new();
    for index in 0..STREAMS {
        let id = main_server.create(&format!("stream {index}")).await.unwrap().unwrap();
        nodes[index % nodes.len()].carry(&id);
        ids.push(id);
    }
    ids.sort();
    let all: Vec<_> = ids.into_iter().map(|id| (id, "live".to_owned(), 1)).collect();
    until("all are live", async || main_server.list().await == all).await;

    main_server.kill();
    let main_server = MainServer::start(port, folder.path(), "sqlite");
    for (id, _, _) in &all {
        assert!(main_server.state(id).await.is_some(), "all are known, whether a node was heard or not");
    }
    let took = until("all are live again", async || main_server.list().await == all).await;
    println!("/api/streams was complete {} ms after the start", took.as_millis());
    assert!(nodes.iter().all(|node| node.registrations() == 1), "no node had to register again");
    assert!(nodes.iter().all(|node| node.told_to_end() == 0), "no stream was ended");
}
