//! Calls to main servers and links to other nodes over TLS: as over plain connections, and nothing is sent to a server whose
//! certificate is not accepted.

use cdn::{ClusterSecret, Config, Node};
use tls::Trust;
use tls_harness::{Authority, Front};
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Recording, TEST_TIMEOUT, stream},
    main_server::{FakeMainServer, SECRET, Told},
    nodes::{EdgeNode, Nodes},
    proxy::Proxy,
    relay_support::{assert_whole, check_cuts_leave_no_gap, newest, send_some, until_chunk},
};

/// A node that trusts `authority`.
async fn edge(nodes: &Nodes, authority: &Authority) -> EdgeNode {
    let trust = Trust::load(Some(&authority.file())).unwrap();
    nodes.node_configured("edge", |config| config.trust = trust).await
}

/// Ports with the wrong certificate for `https://127.0.0.1`, before `behind`.
async fn wrong_fronts(authority: &Authority, behind: std::net::SocketAddr) -> Vec<Front> {
    let mut fronts = Vec::new();
    for certificate in [
        Authority::new().unwrap().issue(&["127.0.0.1"]),
        authority.issue_expired(&["127.0.0.1"]),
        authority.issue(&["localhost", "10.0.0.1"]),
    ] {
        fronts.push(Front::start(&certificate.unwrap(), behind).await.unwrap());
    }
    fronts
}

#[tokio::test]
async fn broken_links_over_tls_leave_no_gap() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let authority = Authority::new().unwrap();
    let certificate = authority.issue(&["127.0.0.1"]).unwrap();
    let (origin, edge) = (nodes.node("origin").await, edge(&nodes, &authority).await);
    let proxy = Proxy::start(origin.address).await;
    let front = Front::start(&certificate, proxy.address).await.unwrap();
    nodes.script("edge", vec![front.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    check_cuts_leave_no_gap((&origin, &edge), || proxy.cut(), &broadcaster, (id, &recording)).await;
}

#[tokio::test]
async fn a_source_that_falls_silent_within_tls_is_left_for_the_next_without_a_gap() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let authority = Authority::new().unwrap();
    let certificate = authority.issue(&["127.0.0.1"]).unwrap();
    let (origin, edge) = (nodes.node("origin").await, edge(&nodes, &authority).await);
    let proxy = Proxy::start(origin.address).await;
    let silent = Front::start(&certificate, proxy.address).await.unwrap();
    let good = Front::start(&certificate, origin.address).await.unwrap();
    nodes.script("edge", vec![silent.url(), good.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    let mut viewer = edge.viewer(id).await;
    proxy.freeze();
    send_some(&broadcaster, id, &recording, 5..recording.segments.len()).await;
    assert_whole(&until_chunk(&mut viewer, newest(&origin, id).await).await);
    assert!(good.received() > 0);
}

#[tokio::test]
async fn a_source_with_a_wrong_certificate_or_none_gets_no_grant_and_the_next_one_is_used() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let authority = Authority::new().unwrap();
    let (origin, edge) = (nodes.node("origin").await, edge(&nodes, &authority).await);
    let good = Front::start(&authority.issue(&["127.0.0.1"]).unwrap(), origin.address).await.unwrap();
    let wrong = wrong_fronts(&authority, origin.address).await;
    let plain = origin.url().replace("http", "https");
    let to_tls = good.url().replace("https", "http");
    for (number, url) in wrong.iter().map(Front::url).chain([plain, to_tls]).enumerate() {
        let id = stream(&format!("wrong {number}"));
        let broadcaster = origin.broadcaster(id, &recording.mime).await;
        broadcaster.send_all(id, &recording.segments).await;
        nodes.script("edge", vec![url.clone(), good.url()]);
        let mut viewer = edge.viewer(id).await;
        assert_eq!(viewer.media().await.payload["take"], 0, "{url}");
    }
    for front in wrong {
        assert_eq!((front.received(), front.refused() > 0), (0, true));
    }
}

#[tokio::test]
async fn a_node_shows_its_secret_to_the_main_server_with_the_right_certificate_alone() {
    let (_server, url, mut heard) = FakeMainServer::start().await;
    let address = url.trim_start_matches("http://").parse().unwrap();
    let authority = Authority::new().unwrap();
    let wrong = wrong_fronts(&authority, address).await;
    let good = Front::start(&authority.issue(&["localhost", "127.0.0.1"]).unwrap(), address).await.unwrap();
    let mut config = Config::new("cdn-1", "https://cdn-1.example/");
    // Each is tried in turn.
    config.main_servers = wrong.iter().chain([&good]).map(Front::url).collect();
    config.cluster_secret = ClusterSecret::new(SECRET);
    config.trust = Trust::load(Some(&authority.file())).unwrap();
    let shutdown = CancellationToken::new();
    let _node = Node::start(config, shutdown.clone()).unwrap();
    let told = tokio::time::timeout(TEST_TIMEOUT, heard.recv()).await.unwrap().unwrap();
    assert!(matches!(told, Told::Register(_)), "{told:?}");
    assert!(good.received() > 0);
    for front in wrong {
        assert_eq!((front.received(), front.refused() > 0), (0, true));
    }
    shutdown.cancel();
}
