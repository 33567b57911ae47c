//! A node on a port of its own, recordings to publish, and a Socket.IO client that shares no code with the node.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use cdn::{Config, Limits, Node};
use protocol::{
    StreamId,
    grant::{Action, Claims, Signer},
    stream::Visibility,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Client};

/// Longest wait for anything that should happen.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A running node without a main server.
pub(crate) struct TestNode {
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl TestNode {
    /// A node with default limits.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A node with other limits.
    pub(crate) async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = Config::new("test", "http://test");
        config.grant_keys = vec![signer().public_key().clone()];
        // All nodes of a test run share its processors, which the tests themselves keep busy.
        config.limits.cpu_permille = 1000;
        change(&mut config.limits);
        let shutdown = CancellationToken::new();
        let node = Node::start(config, shutdown.clone()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = node.app().nest("/cdn/a", node.app());
        let (limits, stopping) = (serving::Limits::for_open_files(65_536), shutdown.clone());
        let served = tokio::spawn(async move {
            serving::serve(listener, app, limits, stopping).await;
            node.stopped().await;
        });
        Self { address, shutdown, served }
    }

    /// A new connection over WebSocket.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, "").await
    }

    /// A connection that registered a public stream.
    pub(crate) async fn broadcaster(&self, stream: StreamId, mime: &str) -> Client {
        let broadcaster = self.connect().await;
        let answer = broadcaster.call("register_new_stream", registration(stream, mime)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        broadcaster
    }

    /// The text a page of the node has.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = tls_harness::get(format!("http://{}{path}", self.address)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Stops the node and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(TEST_TIMEOUT, self.served).await.expect("the node stops").unwrap();
    }
}

/// Who signs the grants of the tests.
pub(crate) fn signer() -> Signer {
    Signer::from_seed(&[7; 32]).unwrap()
}

/// A grant for a stream.
pub(crate) fn grant(stream: StreamId, action: Action, visibility: Visibility) -> String {
    signer().sign(&Claims::new(stream, action, visibility, 4_000_000_000)).unwrap()
}

/// The payload that registers a public stream.
pub(crate) fn registration(stream: StreamId, mime: &str) -> Value {
    json!({ "stream_id": stream, "grant": grant(stream, Action::Publish, Visibility::Public), "mime": mime })
}

/// The id of a stream with this title.
pub(crate) fn stream(title: &str) -> StreamId {
    StreamId::new(title, 1)
}

/// What a browser's recorder emitted, segment by segment.
pub(crate) struct Recording {
    pub(crate) mime: String,
    pub(crate) segments: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct Index {
    mime: String,
    file: String,
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    bytes: usize,
}

impl Recording {
    /// The recording in a folder of `crates/media/fixtures`.
    pub(crate) fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures").join(name);
        let index: Index = serde_json::from_slice(&fs::read(folder.join("segments.json")).unwrap()).unwrap();
        let mut rest = fs::read(folder.join(index.file)).unwrap();
        let segments = index
            .segments
            .iter()
            .map(|segment| {
                let after = rest.split_off(segment.bytes);
                std::mem::replace(&mut rest, after)
            })
            .collect();
        Self { mime: index.mime, segments }
    }

    /// VP9 and Opus, a keyframe a second, a segment every 100 ms.
    pub(crate) fn usual() -> Self {
        Self::load("webm-vp9-opus-100ms-key1s")
    }
}

impl Client {
    /// Sends a segment as an old, simple client does.
    pub(crate) async fn send(&self, stream: StreamId, segment: &[u8]) -> Value {
        self.call_with("broadcast_data", json!({ "stream_id": stream, "segment": client::BINARY }), segment)
            .await
    }

    /// Sends all segments and checks that each is accepted.
    pub(crate) async fn send_all(&self, stream: StreamId, segments: &[Vec<u8>]) {
        for segment in segments {
            let answer = self.send(stream, segment).await;
            assert_eq!(answer["ok"], true, "{answer}");
        }
    }

    /// Watches a stream from its newest keyframe on.
    pub(crate) async fn watch(&self, stream: StreamId) {
        let answer = self.call("watch_stream", json!(stream)).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// The next `streaming_data`, whatever states come before it.
    pub(crate) async fn media(&mut self) -> client::Event {
        loop {
            let event = self.event().await;
            match event.name.as_str() {
                "streaming_data" => return event,
                "stream_state" => {}
                other => panic!("{other} instead of media: {}", event.payload),
            }
        }
    }

    /// The state of the next `stream_state`, whatever media comes before it.
    pub(crate) async fn state(&mut self) -> String {
        loop {
            let event = self.event().await;
            if event.name == "stream_state" {
                return event.payload["state"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Waits until the stream is in this state.
    pub(crate) async fn until_state(&mut self, state: &str) {
        while self.state().await != state {}
    }

    /// Everything that comes until the stream is over.
    pub(crate) async fn until_ended(&mut self) -> Vec<client::Event> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            if event.name == "stream_state" && event.payload["state"] == "ended" {
                return events;
            }
            events.push(event);
        }
    }
}

/// The names of the chunks among `events`.
pub(crate) fn names(events: &[client::Event]) -> Vec<(u64, u64, u64)> {
    let media = events.iter().filter(|event| event.payload["kind"] == "media");
    media.map(client::Event::chunk_name).collect()
}

/// Whether `next` names the chunk after the one of so many `frames` called `have`, which may be the last of its group.
pub(crate) fn follows(have: (u64, u64, u64), frames: u64, next: (u64, u64, u64)) -> bool {
    next == (have.0, have.1, have.2 + frames) || next == (have.0, have.1 + 1, 0)
}

/// Fails unless each chunk in `events` follows the one before.
pub(crate) fn assert_no_gap(events: &[client::Event]) {
    let media: Vec<_> = events.iter().filter(|event| event.payload["kind"] == "media").collect();
    for pair in media.windows(2) {
        let (have, next) = (pair[0].chunk_name(), pair[1].chunk_name());
        assert!(follows(have, pair[0].frames(), next), "no gap: {have:?} {next:?}");
    }
}
