//! Whatever a source does, the edge bounds it, goes on to the next, and tells its viewers of what is missing.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    StreamId,
    event::{ChunkHead, DataKind, FrameName},
    message,
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{
    harness::{Recording, names, stream},
    nodes::Nodes,
};

/// What something that listens where a node should does with a connection.
#[derive(Clone, Copy, Debug)]
enum Bad {
    /// Never answers the handshake.
    Mute,
    /// Answers the handshake and then nothing.
    Silent,
    /// Says what no node says.
    Nonsense,
    /// Begins a message of a gigabyte.
    Huge,
    /// Sends media without saying where it comes from.
    NoPath,
    /// Gets the stream from the edge itself.
    Loop,
    /// Welcomes, names chunks, and brings none.
    Stalls,
}

impl Bad {
    /// Where it listens.
    async fn start(self, id: StreamId) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(self.treat(connection, id));
            }
        });
        url
    }

    async fn treat(self, connection: TcpStream, id: StreamId) {
        if matches!(self, Self::Mute) {
            std::future::pending::<()>().await;
        }
        let Ok(mut socket) = accept_async(connection).await else { return };
        let messages = match self {
            Self::Mute | Self::Silent => vec![],
            Self::Nonsense => vec![Message::text("Hello!")],
            Self::Huge => {
                let head = [0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0];
                socket.get_mut().write_all(&head).await.unwrap();
                vec![]
            }
            Self::NoPath => vec![welcome(Some(name(0, 0))), init(0), chunk(0, 0)],
            Self::Loop => vec![welcome(None), path(&["origin", "edge", "this"])],
            Self::Stalls => vec![welcome(Some(name(0, 5))), path(&["this"]), live(id), init(0), chunk(0, 0)],
        };
        for message in messages {
            socket.send(message).await.unwrap();
        }
        // Until the edge has enough of it.
        while let Some(Ok(_)) = socket.next().await {}
    }
}

fn name(group: u64, index: u32) -> FrameName {
    FrameName { take: 7, group, index }
}

fn text(event: &str, payload: serde_json::Value) -> Message {
    Message::text(json!([event, payload]).to_string())
}

fn welcome(newest: Option<FrameName>) -> Message {
    let newest = newest.map(|newest| json!(newest));
    text(
        "watching",
        json!({ "mime": null, "take": 7, "origin_time_ms": null, "window_ms": 1, "newest": newest }),
    )
}

fn path(path: &[&str]) -> Message {
    text("relay_path", json!({ "path": path }))
}

fn live(id: StreamId) -> Message {
    text("stream_state", json!({ "stream_id": id, "state": "live", "viewers": 0 }))
}

fn binary(kind: &DataKind, data: &[u8]) -> Message {
    let mut message = BytesMut::new();
    message::put_head(kind, &mut message);
    message.put_slice(data);
    Message::Binary(message.freeze())
}

fn init(take: u64) -> Message {
    let mime = "application/x-undead-frames".into();
    let tracks = r#"{"tracks":[{"kind":"video","codec":"vp8","width":16,"height":16,"display_width":16,"display_height":16,"rotation":0}]}"#;
    binary(&DataKind::Init { take: take + 7, mime, origin_time_ms: None }, tracks.as_bytes())
}

/// One picture of a track in the `frames` format.
fn record(track: u8, pts_us: u64, duration_us: u64) -> Bytes {
    let mut record = BytesMut::new();
    record.put_slice(&[track, 1, 0, 32]);
    record.put_u32(4);
    record.put_u64(pts_us);
    record.put_u64(pts_us);
    record.put_u32(duration_us as u32);
    record.put_u32(0);
    record.put_slice(b"data");
    record.freeze()
}

fn chunk(group: u64, index: u32) -> Message {
    chunk_of(0, group, index)
}

fn chunk_of(track: u8, group: u64, index: u32) -> Message {
    let key = index == 0;
    let name = name(group, index);
    let (pts_ms, duration_ms) = (group * 1000, 100);
    binary(
        &DataKind::Media(ChunkHead { name, frames: 1, key, pts_ms, duration_ms, captured_at_ms: Some(5) }),
        &record(track, pts_ms * 1000, duration_ms * 1000),
    )
}

#[tokio::test]
async fn source_that_behaves_badly_is_left_for_the_next() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let origin = nodes.node("origin").await;
    let edge = nodes.node("edge").await;
    for bad in [Bad::Mute, Bad::Silent, Bad::Nonsense, Bad::Huge, Bad::NoPath, Bad::Loop] {
        let id = stream(&format!("{bad:?}"));
        let broadcaster = origin.broadcaster(id, &recording.mime).await;
        broadcaster.send_all(id, &recording.segments).await;
        nodes.script("edge", vec![bad.start(id).await, origin.url()]);
        let mut viewer = edge.viewer(id).await;
        assert!(viewer.media().await.payload["take"] == 0, "{bad:?}");
        nodes.until_path(&edge, id, &["origin"]).await;
    }
}

#[tokio::test]
async fn stream_of_which_no_source_is_any_good_is_refused_and_leaves_nothing_behind() {
    let nodes = Nodes::start().await;
    let edge = nodes.node("edge").await;
    for bad in [Bad::Nonsense, Bad::Huge, Bad::NoPath, Bad::Loop] {
        let id = stream(&format!("{bad:?}"));
        nodes.script("edge", vec![bad.start(id).await]);
        let answer = edge.connect().await.call("watch_stream", json!(id)).await;
        assert_eq!(answer["error"]["code"], "no_node_available", "{bad:?}: {answer}");
    }
    assert_eq!(edge.metric("undead_cdn_streams").await, 0);
}

#[tokio::test]
async fn source_that_stalls_is_left_after_what_it_brought() {
    let (nodes, id) = (Nodes::start().await, stream("a"));
    let edge = nodes.node("edge").await;
    let pause = Message::Ping(Bytes::new());
    let good =
        Good::start(vec![welcome(None), path(&["good"]), live(id), pause, chunk(0, 1), chunk(1, 0)]).await;
    nodes.script("edge", vec![Bad::Stalls.start(id).await, good.url.clone()]);
    let mut viewer = edge.viewer(id).await;
    let mut events = Vec::new();
    while names(&events).last() != Some(&(7, 1, 0)) {
        events.push(viewer.event().await);
    }
    assert_eq!(names(&events), [(7, 0, 0), (7, 0, 1), (7, 1, 0)]);
    assert!(good.asked().await.contains("&after=7.0.0"));
}

#[tokio::test]
async fn source_whose_frames_do_not_fit_its_tracks_is_left_and_takes_nothing_away() {
    let (nodes, id) = (Nodes::start().await, stream("a"));
    let edge = nodes.node("edge").await;
    let pause = || Message::Ping(Bytes::new());
    let begin = |newest| vec![welcome(newest), path(&["source"]), live(id)];
    let bad = [begin(Some(name(0, 0))), vec![init(0), chunk(0, 0), pause(), chunk_of(1, 0, 1)]].concat();
    let good = [begin(None), vec![pause(), chunk(0, 1)]].concat();
    let (bad, good) = (Good::start(bad).await, Good::start(good).await);
    nodes.script("edge", vec![bad.url.clone(), good.url.clone()]);
    let mut viewer = edge.viewer(id).await;
    let mut events = Vec::new();
    while names(&events).last() != Some(&(7, 0, 1)) {
        events.push(viewer.event().await);
    }
    assert_eq!(names(&events), [(7, 0, 0), (7, 0, 1)]);
    assert!(events.iter().all(|event| event.name != "skipped"), "the ring keeps what came before");
    assert!(good.asked().await.contains("&after=7.0.0"));
}

#[tokio::test]
async fn viewers_are_told_of_what_a_source_could_not_give() {
    let (nodes, id) = (Nodes::start().await, stream("a"));
    let edge = nodes.node("edge").await;
    let skipped = json!({ "stream_id": id, "from": name(0, 0), "to": name(2, 0), "reason": "left_window" });
    // The second gap is not even announced.
    let messages = vec![
        welcome(Some(name(0, 0))),
        path(&["good"]),
        live(id),
        init(0),
        chunk(0, 0),
        Message::Ping(Bytes::new()),
        text("skipped", skipped),
        chunk(2, 0),
        Message::Ping(Bytes::new()),
        chunk(4, 0),
        chunk(4, 1),
    ];
    let good = Good::start(messages).await;
    nodes.script("edge", vec![good.url.clone()]);
    let mut viewer = edge.viewer(id).await;
    let mut told = Vec::new();
    while told.last() != Some(&"4.1".to_owned()) {
        let event = viewer.event().await;
        match (event.name.as_str(), event.payload["kind"].as_str()) {
            ("skipped", _) => told.push(format!("to {}", event.payload["to"]["group"])),
            (_, Some("media")) => told.push(format!("{}.{}", event.payload["group"], event.payload["index"])),
            _ => {}
        }
    }
    assert_eq!(told, ["0.0", "to 2", "2.0", "to 4", "4.0", "4.1"]);
}

/// A source that sends what it is given, and waits a moment wherever there is a ping.
struct Good {
    url: String,
    asked: tokio::sync::watch::Receiver<String>,
}

impl Good {
    async fn start(messages: Vec<Message>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asks, asked) = tokio::sync::watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let bytes = connection.peek(&mut head).await.unwrap();
                asks.send_replace(String::from_utf8_lossy(&head[..bytes]).into_owned());
                let Ok(mut socket) = accept_async(connection).await else { continue };
                let messages = messages.clone();
                tokio::spawn(async move {
                    for message in messages {
                        if matches!(message, Message::Ping(_)) {
                            // So that viewers read what came before.
                            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                        }
                        socket.send(message).await.unwrap();
                    }
                    while let Some(Ok(_)) = socket.next().await {}
                });
            }
        });
        Self { url, asked }
    }

    /// What it was asked.
    async fn asked(&self) -> String {
        self.asked.clone().wait_for(|asked| !asked.is_empty()).await.unwrap().clone()
    }
}
