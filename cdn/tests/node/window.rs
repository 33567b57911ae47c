//! The window of a live stream over HTTP: whole groups as the fragments of a manifest, for those who may watch.

use protocol::{StreamId, grant::Action, item::Manifest, stream::Visibility};
use reqwest::{RequestBuilder, StatusCode, header};
use serde_json::json;

use crate::{
    client::Client,
    harness::{Recording, grant, registration, stream},
    library_support::{Cluster, refusal},
    ws_client::{Got, WsViewer},
};

impl Cluster {
    fn window(&self, id: impl std::fmt::Display, path: &str) -> RequestBuilder {
        tls_harness::client().get(format!("http://{}/streams/{id}/window/{path}", self.node))
    }

    async fn window_manifest(&self, id: StreamId) -> Manifest {
        self.window(id, "manifest").send().await.unwrap().json().await.unwrap()
    }

    async fn window_blob(&self, id: StreamId, hash: &str) -> Vec<u8> {
        let answer = self.window(id, &format!("blobs/{hash}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.bytes().await.unwrap().to_vec()
    }

    /// Bytes of groups in the node's memory.
    async fn kept_bytes(&self) -> u64 {
        let metrics =
            tls_harness::client().get(format!("http://{}/metrics", self.node)).send().await.unwrap();
        let text = metrics.text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with("undead_cdn_library_cache_bytes "));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }

    async fn broadcaster(&self, id: StreamId, recording: &Recording) -> Client {
        let broadcaster = Client::connect(self.node, "").await;
        let answer = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        broadcaster
    }
}

/// Media of a viewer up to the group with this number.
async fn seen_before(viewer: &mut WsViewer, group: u64) -> Vec<u8> {
    let mut seen = Vec::new();
    loop {
        match viewer.next().await {
            Got::Chunk { name, .. } if name.1 == group => return seen,
            Got::Init { data, .. } | Got::Chunk { data, .. } => seen.extend_from_slice(&data),
            Got::Event(..) => {}
            Got::Closed(code) => panic!("closed with {code:?}"),
        }
    }
}

#[tokio::test]
async fn a_window_has_what_viewers_get_up_to_the_group_that_is_not_over() {
    let (cluster, id, recording) = (Cluster::start().await, stream("a"), Recording::usual());
    let broadcaster = cluster.broadcaster(id, &recording).await;
    let mut viewer = WsViewer::connect(cluster.node, &format!("/ws/{id}")).await;
    let (first, rest) = recording.segments.split_at(recording.segments.len() / 2);
    broadcaster.send_all(id, first).await;
    let early = cluster.window_manifest(id).await;
    broadcaster.send_all(id, rest).await;
    let manifest = cluster.window_manifest(id).await;
    let [take] = &manifest.takes[..] else { panic!("one take: {manifest:?}") };
    assert!(manifest.is_growing && !early.takes[0].fragments.is_empty());
    assert!(take.fragments.starts_with(&early.takes[0].fragments[..1]), "names and times stay");
    assert_eq!(take.fragments[0].start_ms, 0);
    for (fragment, next) in take.fragments.iter().zip(&take.fragments[1..]) {
        assert_eq!(fragment.start_ms + fragment.duration_ms, next.start_ms);
    }

    let mut window = cluster.window_blob(id, &take.init.as_ref().unwrap().hash).await;
    for fragment in &take.fragments {
        let blob = cluster.window_blob(id, &fragment.blob.hash).await;
        assert_eq!(blob.len() as u64, fragment.blob.bytes);
        window.extend(blob);
    }
    let expected = seen_before(&mut viewer, take.fragments.len() as u64).await;
    assert!(window == expected, "{} bytes for {}", window.len(), expected.len());
}

#[tokio::test]
async fn a_range_of_a_group_is_served_and_what_no_manifest_named_is_unknown() {
    let (cluster, id, recording) = (Cluster::start().await, stream("a"), Recording::usual());
    let broadcaster = cluster.broadcaster(id, &recording).await;
    broadcaster.send_all(id, &recording.segments).await;
    let manifest = cluster.window_manifest(id).await;
    let hash = &manifest.takes[0].fragments[0].blob.hash;
    let whole = cluster.window_blob(id, hash).await;
    let part = cluster.window(id, &format!("blobs/{hash}")).header(header::RANGE, "bytes=5-9");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), whole[5..10]);
    for wrong in ["0".repeat(64), "nonsense".into(), hash.to_uppercase()] {
        let answer = cluster.window(id, &format!("blobs/{wrong}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (404, "unknown_blob".into()), "{wrong}");
    }
}

#[tokio::test]
async fn a_group_is_written_only_for_an_answer_that_has_it_and_once_for_all_of_them() {
    let (cluster, id, recording) = (Cluster::start().await, stream("a"), Recording::usual());
    let broadcaster = cluster.broadcaster(id, &recording).await;
    broadcaster.send_all(id, &recording.segments).await;
    let manifest = cluster.window_manifest(id).await;
    let blob = &manifest.takes[0].fragments[0].blob;
    let path = format!("blobs/{}", blob.hash);
    let get = || cluster.window(id, &path);
    let head = tls_harness::client().head(get().build().unwrap().url().clone()).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], blob.bytes.to_string());
    let etag = head.headers()[header::ETAG].clone();
    for (name, value, status) in [
        (header::IF_NONE_MATCH, etag.to_str().unwrap(), StatusCode::NOT_MODIFIED),
        (header::RANGE, "bytes=999999999-", StatusCode::RANGE_NOT_SATISFIABLE),
    ] {
        assert_eq!(get().header(name, value).send().await.unwrap().status(), status);
    }
    assert_eq!(cluster.kept_bytes().await, 0, "nothing was written yet");
    let first = cluster.window_blob(id, &blob.hash).await;
    assert_eq!(cluster.kept_bytes().await, blob.bytes);
    assert_eq!(cluster.window_blob(id, &blob.hash).await, first);
    assert_eq!(cluster.kept_bytes().await, blob.bytes, "the same one");
}

#[tokio::test]
async fn takes_follow_one_another_on_one_time_line() {
    let (cluster, id, recording) = (Cluster::start().await, stream("a"), Recording::usual());
    let broadcaster = cluster.broadcaster(id, &recording).await;
    broadcaster.send_all(id, &recording.segments).await;
    let answer = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(answer["ok"], true, "{answer}");
    broadcaster.send_all(id, &recording.segments).await;
    let manifest = cluster.window_manifest(id).await;
    let [first, second] = &manifest.takes[..] else { panic!("two takes: {manifest:?}") };
    let last = first.fragments.last().unwrap();
    assert_eq!(second.fragments[0].start_ms, last.start_ms + last.duration_ms);
    assert_eq!(cluster.window_manifest(id).await, manifest, "the same again");
}

#[tokio::test]
async fn the_window_of_a_private_stream_needs_a_watch_grant_and_an_unknown_stream_has_none() {
    let (cluster, id, recording) = (Cluster::start().await, stream("p"), Recording::usual());
    let broadcaster = Client::connect(cluster.node, "").await;
    let publish = grant(id, Action::Publish, Visibility::Private);
    let private = json!({ "stream_id": id, "grant": publish, "mime": recording.mime });
    assert_eq!(broadcaster.call("register_new_stream", private).await["ok"], true);
    broadcaster.send_all(id, &recording.segments).await;
    let watch = grant(id, Action::Watch, Visibility::Private);
    let manifest: Manifest =
        cluster.window(id, &format!("manifest?grant={watch}")).send().await.unwrap().json().await.unwrap();
    let blob = format!("blobs/{}", manifest.takes[0].fragments[0].blob.hash);
    for (path, grant) in [("manifest", ""), (&blob, ""), ("manifest", &publish), (&blob, &publish)] {
        let answer = cluster.window(id, &format!("{path}?grant={grant}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (403, "invalid_grant".into()), "{path}");
    }
    for unknown in [stream("nobody").to_string(), "nonsense".into()] {
        let answer = cluster.window(&unknown, "manifest").send().await.unwrap();
        assert_eq!(refusal(answer).await, (404, "unknown_stream".into()), "{unknown}");
    }
}
