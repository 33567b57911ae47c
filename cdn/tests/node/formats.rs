//! One stream in every format: under the same names, from any node, and told at once where a format cannot be made.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use media::{Output, TakeParser};
use protocol::StreamId;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    client::Client,
    harness::{Recording, TestNode, follows, names, registration, stream},
    nodes::{EdgeNode, Nodes},
    ws_client::{Got, WsViewer, chunks, code},
};

type Name = (u64, u64, u64);

/// A viewer that takes some of a stream here and some there, and notes what it has.
#[derive(Default)]
struct Wanderer {
    /// The chunks it got, with how many frames each holds.
    chunks: Vec<(Name, u64)>,
    /// The beginnings of the init segments it got.
    inits: Vec<Vec<u8>>,
}

impl Wanderer {
    /// Goes on after what it has, over a WebSocket, for so many chunks.
    async fn over_ws(&mut self, node: &EdgeNode, id: StreamId, format: &str, count: usize) {
        let after = self
            .chunks
            .last()
            .map_or(String::new(), |((take, group, index), _)| format!("&after={take}.{group}.{index}"));
        let mut viewer = WsViewer::connect(node.address, &format!("/ws/{id}?format={format}{after}")).await;
        let end = self.chunks.len() + count;
        while self.chunks.len() < end {
            match viewer.next().await {
                Got::Init { data, .. } => self.init(&data),
                Got::Chunk { name, frames, .. } => self.chunk(name, frames),
                Got::Event(name, payload) => assert_ne!(name, "skipped", "{payload}"),
                Got::Closed(code) => panic!("{code:?}"),
            }
        }
        viewer.close().await;
    }

    /// Goes on after what it has, over Socket.IO, for so many chunks.
    async fn over_socket_io(&mut self, node: &EdgeNode, id: StreamId, format: &str, count: usize) {
        let mut viewer = Client::connect(node.address, "").await;
        let ((take, group, index), _) = *self.chunks.last().unwrap();
        let after = json!({ "take": take, "group": group, "index": index });
        let request = json!({ "stream_id": id, "after": after, "format": format });
        assert_eq!(viewer.call("watch_stream", request).await["ok"], true);
        let end = self.chunks.len() + count;
        while self.chunks.len() < end {
            let event = viewer.event().await;
            assert_ne!(event.name, "skipped", "{}", event.payload);
            match event.payload["kind"].as_str() {
                Some("init") => self.init(event.binary.as_ref().unwrap()),
                Some("media") => self.chunk(event.chunk_name(), event.frames()),
                _ => {}
            }
        }
    }

    fn init(&mut self, data: &[u8]) {
        self.inits.push(data[..8].to_vec());
    }

    fn chunk(&mut self, name: Name, frames: u64) {
        if let Some((have, of_it)) = self.chunks.last() {
            assert!(follows(*have, *of_it, name), "{name:?} after {of_it} frames from {have:?}");
        }
        self.chunks.push((name, frames));
    }
}

#[tokio::test]
async fn a_viewer_moves_between_formats_transports_and_nodes_without_loss_or_repeat() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..2]).await;
    // So that the edge has all of it too.
    let _stays = edge.viewer(id).await;
    let mut direct = WsViewer::connect(origin.address, &format!("/ws/{id}")).await;
    broadcaster.send_all(id, &recording.segments[2..]).await;
    let mut wanderer = Wanderer { chunks: chunks(&mut direct, 1).await, ..Wanderer::default() };
    wanderer.over_ws(&edge, id, "mp4,webm", 3).await;
    wanderer.over_socket_io(&origin, id, "frames", 3).await;
    wanderer.over_ws(&origin, id, "webm", 3).await;
    wanderer.over_socket_io(&edge, id, "webm", 3).await;
    wanderer.over_ws(&edge, id, "frames", 3).await;
    wanderer.over_socket_io(&edge, id, "mp4", 3).await;
    let is = |init: &[u8]| match init {
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "webm",
        [_, _, _, _, b'f', b't', b'y', b'p'] => "mp4",
        [b'{', ..] => "frames",
        other => panic!("{other:?}"),
    };
    let inits: Vec<_> = wanderer.inits.iter().map(|init| is(init)).collect();
    assert_eq!(
        inits,
        ["mp4", "frames", "webm", "webm", "frames", "mp4"],
        "what each format needs comes first"
    );
}

#[tokio::test]
async fn an_edge_of_an_edge_serves_a_format_that_the_origin_never_made() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge, outer) =
        (nodes.node("origin").await, nodes.node("edge").await, nodes.node("outer").await);
    nodes.script("edge", vec![origin.url()]);
    nodes.script("outer", vec![edge.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..recording.segments.len() / 2]).await;
    let _stays = edge.viewer(id).await;
    let mut viewer = WsViewer::connect(outer.address, &format!("/ws/{id}?format=mp4")).await;
    assert_eq!(viewer.event("watching").await["mime"].as_str().map(|mime| &mime[..9]), Some("video/mp4"));
    nodes.until_path(&outer, id, &["origin", "edge"]).await;
    broadcaster.send_all(id, &recording.segments[recording.segments.len() / 2..]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let (far, _) = viewer.until_closed().await;
    let data = |got: &Got| match got {
        Got::Init { data, .. } => Some(((0, 0, 0), data.clone())),
        Got::Chunk { name, data, .. } => Some((*name, data.clone())),
        _ => None,
    };
    let far: Vec<_> = far.iter().filter_map(data).collect();
    assert!(far.len() > recording.segments.len() / 2, "{}", far.len());
    assert!(far.iter().skip(1).all(|(_, data)| data[4..8] == *b"moof"));

    // The origin gives the very same, once it is asked.
    let again = stream("b");
    let broadcaster = origin.broadcaster(again, &recording.mime).await;
    let mut near = WsViewer::connect(origin.address, &format!("/ws/{again}?format=mp4")).await;
    broadcaster.send_all(again, &recording.segments).await;
    broadcaster.call("end_stream", json!({ "stream_id": again })).await;
    let near: BTreeMap<_, _> = near.until_closed().await.0.iter().filter_map(data).skip(1).collect();
    assert!(far.iter().skip(1).all(|(name, data)| near.get(name) == Some(data)), "byte for byte");
}

/// What a client reads of the `frames` format: `docs/protocol.md`, section *Frames*.
#[derive(Debug, PartialEq)]
struct Record {
    track: usize,
    key: bool,
    pts_us: u64,
    data: Bytes,
}

fn records(mut chunk: Bytes) -> Vec<Record> {
    let mut records = Vec::new();
    while chunk.has_remaining() {
        let mut header = chunk.clone();
        let (track, flags) = (usize::from(header.get_u8()), header.get_u8());
        let (header_bytes, data_bytes) = (usize::from(header.get_u16()), header.get_u32() as usize);
        let pts_us = header.get_u64();
        let data = chunk.split_to(header_bytes + data_bytes).slice(header_bytes..);
        if flags & 2 == 0 {
            records.push(Record { track, key: flags & 1 != 0, pts_us, data });
        }
    }
    records
}

#[tokio::test]
async fn bare_frames_are_those_that_the_broadcaster_sent() {
    for name in ["webm-vp9-opus-100ms-key1s", "mp4-avc1-opus-250ms"] {
        let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::load(name));
        let broadcaster = node.broadcaster(id, &recording.mime).await;
        let mut viewer = node.ws(id, "?format=frames").await;
        broadcaster.send_all(id, &recording.segments).await;
        broadcaster.call("end_stream", json!({ "stream_id": id })).await;
        let (mut tracks, mut got) = (Value::Null, Vec::new());
        for message in viewer.until_closed().await.0 {
            match message {
                Got::Init { data, .. } => tracks = serde_json::from_slice(&data).unwrap(),
                Got::Chunk { data, frames, .. } => {
                    got.extend(records(data));
                    assert!(frames > 0);
                }
                _ => {}
            }
        }
        let kinds: Vec<_> = tracks["tracks"].as_array().unwrap().iter().map(|track| &track["kind"]).collect();
        assert!(kinds.contains(&&json!("video")) && kinds.contains(&&json!("audio")), "{tracks}");

        let mut parser = TakeParser::new(&recording.mime).unwrap();
        let outputs =
            recording.segments.iter().flat_map(|segment| parser.push_segment(segment.clone()).unwrap());
        let frames = outputs.filter_map(|output| match output {
            Output::Run(run) => Some(run.frames),
            Output::Tracks(_) => None,
        });
        let expected = frames.flatten().filter(|frame| !frame.data.is_empty()).map(|frame| Record {
            track: frame.track,
            key: frame.key,
            pts_us: frame.pts_us,
            data: frame.data,
        });
        assert_eq!(got, expected.collect::<Vec<_>>(), "{name}");
        assert!(got.len() > 50);
        node.stop().await;
    }
}

#[tokio::test]
async fn a_format_that_cannot_be_made_is_refused_before_any_media() {
    let (node, id, recording) =
        (TestNode::start().await, stream("a"), Recording::load("mp4-avc1-opus-250ms"));
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let none = node.ws(id, "?format=hls").await.refused().await;
    assert_eq!(none, ("unsupported_format".into(), code(CloseCode::Policy)), "no format it knows");
    let mut waiting = node.ws(id, "?format=webm").await;
    waiting.event("watching").await;
    broadcaster.send_all(id, &recording.segments).await;
    let (got, closed) = waiting.until_closed().await;
    assert!(!got.iter().any(|got| matches!(got, Got::Init { .. } | Got::Chunk { .. })), "{got:?}");
    let Some(Got::Event(name, error)) = got.last() else { panic!("{got:?}") };
    assert_eq!(
        (&**name, &error["code"], closed),
        ("error", &json!("unsupported_format"), code(CloseCode::Policy))
    );

    let late = node.ws(id, "?format=webm").await.refused().await;
    assert_eq!(late, ("unsupported_format".into(), code(CloseCode::Policy)), "H.264 has no place in WebM");
    let request = json!({ "stream_id": id, "format": "webm" });
    let answer = node.connect().await.call("watch_stream", request).await;
    assert_eq!(answer["error"]["code"], "unsupported_format", "{answer}");
    let request = json!({ "stream_id": id, "format": "webm,mp4" });
    let answer = node.connect().await.call("watch_stream", request).await;
    assert_eq!(answer["mime"].as_str().map(|mime| &mime[..9]), Some("video/mp4"), "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn viewers_whose_format_does_not_fit_a_later_take_are_dismissed_after_the_last_chunk() {
    let (node, id) = (TestNode::start().await, stream("a"));
    let (first, second) = (Recording::usual(), Recording::load("mp4-avc1-opus-250ms"));
    let broadcaster = node.broadcaster(id, &first.mime).await;
    let (mut ws, mut over_socket_io) = (node.ws(id, "?format=webm").await, node.connect().await);
    over_socket_io.call("watch_stream", json!({ "stream_id": id, "format": "webm" })).await;
    let mut stays = node.ws(id, "?format=webm,mp4").await;
    broadcaster.send_all(id, &first.segments).await;
    broadcaster.call("register_new_stream", registration(id, &second.mime)).await;
    broadcaster.send_all(id, &second.segments).await;
    let (got, closed) = ws.until_closed().await;
    let Some(Got::Event(name, error)) = got.last() else { panic!("{got:?}") };
    assert_eq!(
        (&**name, &error["code"], closed),
        ("error", &json!("unsupported_format"), code(CloseCode::Policy))
    );
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &crate::client::Event| event.name != "stream_dropped") {
        events.push(over_socket_io.event().await);
    }
    let last = |names: &[Name]| *names.last().unwrap();
    assert_eq!(last(&names(&events)), last(&crate::ws_client::names(&got)));
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let takes: Vec<_> = stays.until_closed().await.0;
    assert!(crate::ws_client::names(&takes).iter().any(|name| name.0 == 1), "goes on in the other format");
    node.stop().await;
}
