//! Behind a proxy: a trusted one tells the client's address and where the site is; nothing else may.

use protocol::{
    StreamId,
    stream::{Assignment, StreamCreated, StreamInfo, StreamState},
};
use reqwest::{RequestBuilder, Response};
use serde_json::json;
use serving::Proxies;

use crate::server::{Server, addresses, carried};

const PREFIX: &str = "/live-tv";
const PICTURE: &[u8] = b"\xff\xd8\xff\xe0";

fn trusting(network: &str) -> Proxies {
    Proxies { trusted: vec![network.parse().unwrap()], ..Proxies::default() }
}

async fn sent(request: RequestBuilder) -> Response {
    request.header("x-forwarded-prefix", PREFIX).send().await.unwrap()
}

async fn page(server: &Server, path: &str) -> Response {
    sent(tls_harness::client().get(format!("{}{path}", server.url)).header("accept", "text/html")).await
}

async fn post(server: &Server, path: &str, body: serde_json::Value) -> Response {
    sent(tls_harness::client().post(format!("{}{path}", server.url)).body(body.to_string())).await
}

async fn get(server: &Server, path: &str) -> Response {
    sent(tls_harness::client().get(format!("{}{path}", server.url))).await
}

/// A live stream with a picture on the node `/cdn/a`; `/cdn/b` is there too.
async fn live(server: &Server) -> StreamId {
    let node = server.node("a").await;
    server.node("b").await;
    let created = server.create("first").await;
    let id = created.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 0)]).await;
    let picture = format!("/api/streams/{id}/thumbnail");
    server.put(&picture, Some(&created.publish.grant), PICTURE.to_vec()).await;
    id
}

#[tokio::test]
async fn every_address_in_answers_is_below_the_prefix_of_a_trusted_proxy() {
    let server = Server::behind(trusting("127.0.0.0/8")).await;
    let id = live(&server).await;
    let created: StreamCreated =
        post(&server, "/api/streams", json!({ "title": "second" })).await.json().await.unwrap();
    assert_eq!(created.watch_url, format!("{PREFIX}/view/{}", created.stream_id));
    assert_eq!(addresses(&created.publish), ["/live-tv/cdn/b", "/live-tv/cdn/a"]);

    let path = format!("/api/streams/{id}");
    let watch = format!("{path}/watch");
    let assignment: Assignment = post(&server, &watch, json!({})).await.json().await.unwrap();
    assert_eq!(addresses(&assignment), ["/live-tv/cdn/a", "/live-tv/cdn/b"]);
    let picture = format!("{PREFIX}/api/streams/{id}/thumbnail?v=");
    let below = |stream: &StreamInfo| stream.thumbnail_url.as_ref().unwrap().starts_with(&picture);
    assert!(below(&assignment.stream.unwrap()));
    assert!(below(&get(&server, &path).await.json().await.unwrap()));
    for avoided in ["/live-tv/cdn/a", "/cdn/a"] {
        let body = json!({ "avoid": [avoided] });
        let elsewhere: Assignment = post(&server, &watch, body).await.json().await.unwrap();
        assert_eq!(addresses(&elsewhere), ["/live-tv/cdn/b", "/live-tv/cdn/a"], "{avoided}");
    }
    // The list is prepared twice a second.
    let listed = loop {
        let list: Vec<StreamInfo> = get(&server, "/api/streams").await.json().await.unwrap();
        if let Some(stream) = list.into_iter().find(|stream| stream.thumbnail_url.is_some()) {
            break stream;
        }
    };
    assert!(below(&listed));
    let mut events = get(&server, "/api/events").await;
    let mut text = String::new();
    while !text.contains("\n\n") {
        text += std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert!(text.contains(&picture), "{text}");
}

#[tokio::test]
async fn pages_and_redirects_stay_below_the_prefix() {
    let server = Server::behind(trusting("127.0.0.0/8")).await;
    for path in ["/", "/live", "/view/8811d3bae631e8b5e26212edaf3e41eb", "/nowhere/at/all"] {
        let text = page(&server, path).await.text().await.unwrap();
        assert!(text.contains("=\"/live-tv/"), "{path}: {text}");
        assert!(!text.contains("=\"./"), "{path}: {text}");
        let addressed = text.matches("=\"/").count();
        assert_eq!(addressed, text.matches("=\"/live-tv/").count(), "{path}: {text}");
    }
    let client = tls_harness::client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = sent(client.get(format!("{}/view/a/?b=c", server.url))).await;
    assert_eq!(answer.headers()["location"], "/live-tv/view/a?b=c");
}

#[tokio::test]
async fn a_page_and_a_list_that_moved_are_not_taken_for_unchanged() {
    let server = Server::behind(trusting("127.0.0.0/8")).await;
    for path in ["/live", "/api/streams"] {
        let tag = get(&server, path).await.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(server.if_changed(path, &tag).await.status(), 200, "{path} at the root");
        let again = tls_harness::client().get(format!("{}{path}", server.url)).header("if-none-match", &tag);
        assert_eq!(sent(again).await.status(), 304, "{path}");
    }
}

#[tokio::test]
async fn the_prefix_of_any_other_peer_is_ignored() {
    let server = Server::behind(trusting("192.0.2.0/24")).await;
    live(&server).await;
    let created: StreamCreated =
        post(&server, "/api/streams", json!({ "title": "second" })).await.json().await.unwrap();
    assert_eq!(created.watch_url, format!("/view/{}", created.stream_id));
    assert_eq!(addresses(&created.publish), ["/cdn/b", "/cdn/a"]);
    assert!(!page(&server, "/live").await.text().await.unwrap().contains(PREFIX));
}

#[tokio::test]
async fn a_base_path_needs_no_header_and_may_stay_in_requests() {
    let base_path = PREFIX.parse().unwrap();
    let server = Server::behind(Proxies { base_path, ..Proxies::default() }).await;
    server.node("a").await;
    for path in ["/api/streams", "/live-tv/api/streams"] {
        let created: StreamCreated = server.post(path, None, json!({ "title": "a" })).await.read();
        assert_eq!(created.watch_url, format!("{PREFIX}/view/{}", created.stream_id), "{path}");
        assert_eq!(addresses(&created.publish), ["/live-tv/cdn/a"], "{path}");
    }
    for path in ["/live-tv", "/live-tv/", "/live-tv/view/a", "/view/a"] {
        assert!(server.text(path).await.contains("=\"/live-tv/"), "{path}");
    }
}

/// Creates streams that wait for media, as the clients that a proxy names, until those with the most of them lose theirs.
async fn survivors(proxies: Proxies, chains: &[&str]) -> Vec<usize> {
    let server = Server::behind_with(proxies, |config| config.limits.waiting_streams = 4).await;
    server.node("a").await;
    let mut created = Vec::new();
    for chain in chains {
        let request =
            tls_harness::client().post(format!("{}/api/streams", server.url)).body("{\"title\":\"a\"}");
        let request = request.header("x-forwarded-for", *chain);
        created.push(request.send().await.unwrap().json::<StreamCreated>().await.unwrap().stream_id);
    }
    let mut left = Vec::new();
    for (index, id) in created.iter().enumerate() {
        if server.show(*id).await.state != StreamState::Ended {
            left.push(index);
        }
    }
    left
}

#[tokio::test]
async fn limits_per_address_count_the_clients_of_a_trusted_proxy() {
    let chains = ["192.0.2.1", "198.51.100.7", "198.51.100.7", "1.2.3.4, 198.51.100.7", "198.51.100.7"];
    let left = survivors(trusting("127.0.0.1"), &chains).await;
    assert_eq!(left, [0, 2, 3, 4], "the client with the most loses its oldest one, whatever it claims");
    let left = survivors(Proxies::default(), &chains).await;
    assert_eq!(left, [1, 2, 3, 4], "without a trusted proxy all are one client");
}
