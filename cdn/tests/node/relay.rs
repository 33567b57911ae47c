//! An edge serves what its origin does: the same names, times and takes, pulled once, whatever breaks on the way.

use std::time::Duration;

use protocol::{StreamId, grant::Action, stream::Visibility};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{BINARY, Client, Event},
    harness::{Recording, assert_no_gap, grant, names, registration, stream},
    nodes::{EdgeNode, Nodes},
    proxy::Proxy,
    ws_client::{self, WsViewer},
};

/// Sends segment `seq` of a take; gives the answer.
async fn send(client: &Client, id: StreamId, seq: usize, segment: &[u8]) -> Value {
    send_captured(client, id, seq, segment, 1_700_000_000_000 + 100 * seq as u64).await
}

async fn send_captured(
    client: &Client,
    id: StreamId,
    seq: usize,
    segment: &[u8],
    captured_at_ms: u64,
) -> Value {
    let payload = json!({
        "stream_id": id, "take": 0, "seq": seq, "segment": BINARY, "captured_at_ms": captured_at_ms,
    });
    let answer = client.call_with("broadcast_data", payload, segment).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

/// Sends some segments of a recording; gives the state after the last.
async fn send_some(
    client: &Client,
    id: StreamId,
    recording: &Recording,
    which: std::ops::Range<usize>,
) -> Value {
    let mut answer = Value::Null;
    for seq in which {
        answer = send(client, id, seq, &recording.segments[seq]).await;
    }
    answer["resume"].clone()
}

/// A broadcaster that goes on with take 0 after the segment whose state this is.
async fn resume(node: &EdgeNode, id: StreamId, recording: &Recording, state: Value) -> (Client, usize) {
    let client = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["take"] = json!(0);
    registration["resume"] = state;
    let answer = client.call("register_new_stream", registration).await;
    assert_eq!(answer["ok"], true, "{answer}");
    (client, answer["next_segment"].as_u64().unwrap() as usize)
}

/// Takes events until the chunk with this name came.
async fn until_chunk(viewer: &mut Client, last: (u64, u64, u64)) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = viewer.event().await;
        let is_last = event.payload["kind"] == "media" && event.chunk_name() == last;
        events.push(event);
        if is_last {
            return events;
        }
    }
}

/// The newest chunk a node has.
async fn newest(node: &EdgeNode, id: StreamId) -> (u64, u64, u64) {
    let mut viewer = WsViewer::connect(node.address, &format!("/ws/{id}")).await;
    let newest = viewer.event("watching").await["newest"].clone();
    let number = |field: &str| newest[field].as_u64().unwrap();
    (number("take"), number("group"), number("index"))
}

/// Takes events until `count` chunks came.
async fn chunks(viewer: &mut Client, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while names(&events).len() < count {
        events.push(viewer.event().await);
    }
    events
}

fn assert_whole(events: &[Event]) {
    assert!(events.iter().all(|event| event.name != "skipped"), "nothing is skipped");
    assert_no_gap(events);
}

/// Fails unless the media is the same to the last byte, under the same names, at the same times.
fn assert_same_media(events: &[Event], expected: &[Event]) {
    let media = |events: &[Event]| -> Vec<(Value, Option<Vec<u8>>)> {
        let media = events.iter().filter(|event| event.name == "streaming_data");
        let whole = media.map(|event| (event.payload.clone(), event.binary.clone()));
        whole
            .map(|(mut payload, binary)| {
                // The estimate of when a take began gets better with time; each is told the newest.
                payload.as_object_mut().unwrap().remove("origin_time_ms");
                (payload, binary)
            })
            .collect()
    };
    let (media, expected) = (media(events), media(expected));
    assert_eq!(media.len(), expected.len());
    for (got, expected) in media.iter().zip(&expected) {
        assert_eq!(got.0, expected.0);
        assert!(got.1 == expected.1, "the bytes of {}", got.0);
    }
}

#[tokio::test]
async fn origin_sends_a_stream_once_to_each_edge_and_all_viewers_get_all_of_it() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let edges = [nodes.node("edge-1").await, nodes.node("edge-2").await, nodes.node("edge-3").await];
    // Even an edge that lost its link for a moment, on a busy machine, comes back to the origin.
    edges.iter().for_each(|edge| nodes.script(&edge.name, vec![origin.url()]));
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..1).await;
    nodes.until_path(&origin, id, &[]).await;
    let (mut viewers, mut over_ws) = (Vec::new(), Vec::new());
    for edge in &edges {
        for _ in 0..3 {
            viewers.push(edge.viewer(id).await);
            over_ws.push(WsViewer::connect(edge.address, &format!("/ws/{id}")).await);
        }
        nodes.until_path(edge, id, &["origin"]).await;
    }
    let mut direct = origin.viewer(id).await;
    nodes.until_carried(&origin, id, |carried| carried.is_some_and(|carried| carried.relays == 3)).await;
    send_some(&broadcaster, id, &recording, 1..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let expected = direct.until_ended().await;
    assert_whole(&expected);
    assert!(names(&expected).len() >= recording.segments.len() - 2);
    for viewer in &mut viewers {
        let events = viewer.until_ended().await;
        assert_same_media(&events, &expected);
    }
    for viewer in &mut over_ws {
        assert_eq!(ws_client::names(&viewer.until_closed().await.0), names(&expected));
    }
    let chunks = names(&expected).len() as u64;
    assert_eq!(origin.metric("undead_cdn_chunks_sent_total").await, chunks * 4, "three edges and one viewer");
    for edge in &edges {
        assert_eq!(edge.metric("undead_cdn_relay_chunks_in_total").await, chunks);
        nodes.until_carried(edge, id, |carried| carried.is_none()).await;
    }
}

#[tokio::test]
async fn late_joiner_at_an_edge_is_served_from_the_edges_own_ring() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..recording.segments.len()).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut first = edge.viewer(id).await;
    let sent = origin.metric("undead_cdn_chunks_sent_total").await;
    let asks = nodes.asks();
    let mut late = edge.viewer(id).await;
    let mut back = edge.connect().await;
    let after = json!({ "take": 0, "group": 0, "index": 0 });
    back.call("watch_stream", json!({ "stream_id": id, "after": after })).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let (first, late) = (first.until_ended().await, late.until_ended().await);
    assert_same_media(&first, &late);
    assert_eq!(names(&late)[0].2, 0, "from a keyframe");
    let back = back.until_ended().await;
    assert_whole(&back);
    let after_first = names(&back)[0];
    assert!((after_first.0, after_first.1) == (0, 0) && after_first.2 > 0, "{after_first:?}");
    assert_eq!(names(&back).last(), names(&late).last());
    assert_eq!(origin.metric("undead_cdn_chunks_sent_total").await, sent);
    assert_eq!(nodes.asks(), asks);
}

#[tokio::test]
async fn broken_relay_connections_leave_no_gap() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let proxy = Proxy::start(origin.address).await;
    nodes.script("edge", vec![proxy.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    let (mut viewer, mut direct) = (edge.viewer(id).await, origin.viewer(id).await);
    let mut seen = Vec::new();
    for seq in 5..recording.segments.len() {
        if seq % 8 == 0 {
            seen.extend(until_chunk(&mut viewer, newest(&origin, id).await).await);
            proxy.cut();
        }
        send(&broadcaster, id, seq, &recording.segments[seq]).await;
    }
    let newest = newest(&origin, id).await;
    seen.extend(until_chunk(&mut viewer, newest).await);
    let expected = until_chunk(&mut direct, newest).await;
    assert_whole(&seen);
    assert_eq!(names(&seen), names(&expected));
    assert!(edge.metric("undead_cdn_relay_reconnects_total").await >= 2);
}

#[tokio::test]
async fn source_that_falls_silent_is_left_for_the_next_without_a_gap() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let proxy = Proxy::start(origin.address).await;
    nodes.script("edge", vec![proxy.url(), origin.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    let mut viewer = edge.viewer(id).await;
    proxy.freeze();
    send_some(&broadcaster, id, &recording, 5..recording.segments.len()).await;
    let seen = until_chunk(&mut viewer, newest(&origin, id).await).await;
    assert_whole(&seen);
    assert!(seen.iter().all(|event| event.payload["state"] != "interrupted"), "sooner than anybody is told");
}

#[tokio::test]
async fn viewer_that_waits_for_a_stream_is_heard_meanwhile_and_may_leave() {
    let (nodes, id) = (Nodes::start().await, stream("a"));
    let edge = nodes.node("edge").await;
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    nodes.script("edge", vec![format!("http://{}", mute.local_addr().unwrap())]);
    let viewer = edge.connect().await;
    let (replaced, left, ()) = tokio::join!(
        viewer.call("watch_stream", json!(id)),
        viewer.call("watch_stream", json!({ "stream_id": id })),
        async {
            assert_eq!(viewer.call("clock", json!({ "t0_ms": 7 })).await["t0_ms"], 7);
            assert_eq!(viewer.call("leave_stream", json!({ "stream_id": id })).await["ok"], true);
        },
    );
    assert_eq!(
        (&replaced["error"]["code"], &left["error"]["code"]),
        (&json!("invalid_request"), &json!("invalid_request"))
    );
}

#[tokio::test]
async fn stream_that_ended_while_its_edge_was_cut_off_ends_there_too() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let proxy = Proxy::start(origin.address).await;
    nodes.script("edge", vec![proxy.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..5).await;
    let mut viewer = edge.viewer(id).await;
    proxy.close();
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    viewer.until_ended().await;
}

#[tokio::test]
async fn viewers_of_a_dead_edge_go_on_at_another_after_their_last_chunk() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let (doomed, other) = (nodes.node("edge-1").await, nodes.node("edge-2").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = doomed.viewer(id).await;
    let before = chunks(&mut viewer, 3).await;
    doomed.kill();
    viewer.closed().await;
    let (take, group, index) = *names(&before).last().unwrap();
    let mut viewer = other.connect().await;
    let after = json!({ "take": take, "group": group, "index": index });
    let answer = viewer.call("watch_stream", json!({ "stream_id": id, "after": after })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    send_some(&broadcaster, id, &recording, 10..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut all = before;
    all.extend(viewer.until_ended().await);
    assert_whole(&all);
}

#[tokio::test]
async fn origin_dies_and_its_broadcaster_goes_on_at_an_edge() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let (heir, other) = (nodes.node("edge-1").await, nodes.node("edge-2").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let early = send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewers = [heir.viewer(id).await, other.viewer(id).await];
    nodes.until_path(&heir, id, &["origin"]).await;
    nodes.until_path(&other, id, &["origin"]).await;
    send_some(&broadcaster, id, &recording, 10..14).await;
    let mut before = Vec::new();
    for viewer in &mut viewers {
        before.push(chunks(viewer, 5).await);
    }
    origin.kill();
    // Its state is older than what the edges have: they are given the same chunks under the same names.
    let (broadcaster, next) = resume(&heir, id, &recording, early).await;
    assert_eq!(next, 10);
    nodes.until_path(&heir, id, &[]).await;
    nodes.until_path(&other, id, &["edge-1"]).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut ends = Vec::new();
    for (viewer, before) in viewers.iter_mut().zip(before) {
        let mut all = before;
        all.extend(viewer.until_ended().await);
        assert_whole(&all);
        ends.push(names(&all).last().copied());
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn origin_whose_broadcaster_went_elsewhere_becomes_an_edge_and_its_viewers_stay() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (old, new) = (nodes.node("old").await, nodes.node("new").await);
    let broadcaster = old.broadcaster(id, &recording.mime).await;
    let state = send_some(&broadcaster, id, &recording, 0..10).await;
    let mut viewer = old.viewer(id).await;
    drop(broadcaster);
    let (broadcaster, next) = resume(&new, id, &recording, state).await;
    send_some(&broadcaster, id, &recording, next..15).await;
    nodes.until_path(&old, id, &["new"]).await;
    send_some(&broadcaster, id, &recording, 15..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let seen = viewer.until_ended().await;
    assert_whole(&seen);
    let last = names(&seen).last().copied().unwrap();
    assert!(last.1 >= 2, "all of it came: {last:?}");
}

#[tokio::test]
async fn streams_come_over_several_levels_and_each_node_knows_the_way() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let (middle, leaf) = (nodes.node("middle").await, nodes.node("leaf").await);
    nodes.script("leaf", vec![middle.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    let state = send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let _keeps = middle.viewer(id).await;
    let mut viewer = leaf.viewer(id).await;
    nodes.until_path(&leaf, id, &["origin", "middle"]).await;
    origin.kill();
    let (broadcaster, next) = resume(&middle, id, &recording, state).await;
    nodes.until_path(&leaf, id, &["middle"]).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    assert_whole(&viewer.until_ended().await);
}

#[tokio::test]
async fn stream_that_nobody_wants_any_more_is_let_go_and_not_called_over() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let edge = nodes.node_with("edge", |limits| limits.linger = Duration::from_millis(300)).await;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let viewer = edge.viewer(id).await;
    nodes.until_path(&edge, id, &["origin"]).await;
    viewer.call("leave_stream", json!({ "stream_id": id })).await;
    nodes.until_carried(&edge, id, |carried| carried.is_none()).await;
    assert!(!nodes.is_over(id));
    nodes.until_carried(&origin, id, |carried| carried.is_some_and(|carried| carried.relays == 0)).await;
    let mut again = edge.viewer(id).await;
    send_some(&broadcaster, id, &recording, 10..12).await;
    chunks(&mut again, 1).await;
}

#[tokio::test]
async fn nodes_told_to_pull_from_each_other_do_not_feed_themselves() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let [a, b, c] = [nodes.node("a").await, nodes.node("b").await, nodes.node("c").await];
    for (node, source) in [("a", &c), ("b", &a), ("c", &b)] {
        nodes.script(node, vec![source.url()]);
    }
    // Nobody has it: nobody gets it.
    let viewers = [a.connect().await, b.connect().await, c.connect().await];
    let watch = async |viewer: &Client| viewer.call("watch_stream", json!(id)).await;
    let answers = tokio::join!(watch(&viewers[0]), watch(&viewers[1]), watch(&viewers[2]));
    for answer in [answers.0, answers.1, answers.2] {
        assert_eq!(answer["error"]["code"], "no_node_available", "{answer}");
    }
    // Now it comes from a, over b, to c. When it comes from nowhere, a is told to pull it from c.
    let broadcaster = a.broadcaster(id, &recording.mime).await;
    let state = send_some(&broadcaster, id, &recording, 0..10).await;
    let mut viewers = Vec::new();
    for (node, path) in [(&a, &[][..]), (&b, &["a"]), (&c, &["a", "b"])] {
        viewers.push(retry_viewer(node, id).await);
        nodes.until_path(node, id, path).await;
    }
    drop(broadcaster);
    let asks = nodes.asks();
    while nodes.asks() < asks + 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nodes.until_path(&a, id, &[]).await;
    let (broadcaster, next) = resume(&a, id, &recording, state).await;
    send_some(&broadcaster, id, &recording, next..recording.segments.len()).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut seen = Vec::new();
    for viewer in &mut viewers {
        let events = viewer.until_ended().await;
        assert_whole(&events);
        seen.push(names(&events).last().copied());
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

/// A viewer of a stream that could not be had a moment ago.
async fn retry_viewer(node: &EdgeNode, id: StreamId) -> Client {
    for _ in 0..100 {
        let viewer = node.connect().await;
        if viewer.call("watch_stream", json!(id)).await["ok"] == true {
            return viewer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} gets the stream in time", node.name);
}

#[tokio::test]
async fn private_stream_is_fetched_only_for_who_may_watch_it() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    nodes.make_private();
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["grant"] = json!(grant(id, Action::Publish, Visibility::Private));
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let viewer = edge.connect().await;
    let answer = viewer.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "invalid_grant", "{answer}");
    assert_eq!(origin.metric("undead_cdn_relays").await, 0);
    let request = json!({ "stream_id": id, "grant": grant(id, Action::Watch, Visibility::Private) });
    let answer = viewer.call("watch_stream", request).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let answer = edge.connect().await.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "invalid_grant", "also once it is here: {answer}");
}

#[tokio::test]
async fn viewers_who_come_before_the_broadcaster_are_let_in_when_it_comes() {
    let (nodes, id, recording) = (Nodes::start().await, stream("soon"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let early = [origin.connect().await, edge.connect().await].map(|viewer| {
        tokio::spawn(async move {
            let answer = viewer.call("watch_stream", json!(id)).await;
            (viewer, answer)
        })
    });
    while nodes.asks() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    for viewer in early {
        let (mut viewer, answer) = viewer.await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        chunks(&mut viewer, 3).await;
    }
}

#[tokio::test]
async fn viewers_who_wait_for_the_same_stream_share_one_question() {
    let (nodes, id) = (Nodes::start().await, stream("nowhere"));
    let edge = nodes.node("edge").await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(edge.connect().await);
    }
    let calls: Vec<_> = viewers
        .into_iter()
        .map(|viewer| tokio::spawn(async move { viewer.call("watch_stream", json!(id)).await }))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap()["error"]["code"], "no_node_available");
    }
    assert!(nodes.asks() < 20, "{} questions of 20 viewers", nodes.asks());
}

#[tokio::test]
async fn simple_broadcaster_that_comes_to_an_edge_begins_the_next_take() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments[..10]).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    let first = chunks(&mut viewer, 1).await;
    assert_eq!(names(&first)[0].0, 0);
    origin.kill();
    let broadcaster = edge.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let second = until_chunk(&mut viewer, (1, 0, 0)).await;
    assert!(second.iter().any(|event| event.name == "skipped"), "what the origin had besides is missing");
}

#[tokio::test]
async fn node_that_would_be_too_far_from_the_origin_pulls_from_somebody_else() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let names = ["origin", "first", "second", "third", "fourth"];
    let mut chain = Vec::new();
    for name in names {
        chain.push(nodes.node(name).await);
    }
    let id = stream("too far");
    let broadcaster = chain[0].broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    for (hops, node) in chain.iter().enumerate().skip(1).take(3) {
        nodes.script(&node.name, vec![chain[hops - 1].url()]);
        node.viewer(id).await.media().await;
        nodes.until_path(node, id, &names[..hops]).await;
    }
    nodes.script("fourth", vec![chain[3].url(), chain[1].url()]);
    chain[4].viewer(id).await.media().await;
    nodes.until_path(&chain[4], id, &["origin", "first"]).await;
}

#[tokio::test]
async fn viewer_waits_while_nobody_has_room_for_its_node_yet() {
    let (nodes, recording) = (Nodes::start().await, Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let id = stream("rush");
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    nodes.until_path(&origin, id, &[]).await;
    nodes.have_no_room(2);
    edge.viewer(id).await.media().await;
    assert_eq!(nodes.asks(), 3);
}

#[tokio::test]
async fn a_stream_that_ended_here_is_over_without_a_question() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes.node("origin").await;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let viewer = origin.connect().await;
    let answer = viewer.call("watch_stream", json!(id)).await;
    assert_eq!(answer["error"]["code"], "unknown_stream", "{answer}");
    assert_eq!(nodes.asks(), 0);
}

#[tokio::test]
async fn nodes_pull_from_where_nodes_reach_a_node_and_not_from_where_browsers_do() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let origin = nodes
        .node_configured("origin", |config| {
            // In a container the second leads to another loopback, where nothing listens.
            config.peer_url = Some(config.public_url.clone());
            config.public_url = "http://127.0.0.1:1".into();
        })
        .await;
    let edge = nodes.node("edge").await;
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..10).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    nodes.until_path(&edge, id, &["origin"]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    assert_whole(&viewer.until_ended().await);
}

#[tokio::test]
async fn a_capture_time_that_is_not_sure_is_told_by_no_node() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    nodes.script("edge", vec![origin.url()]);
    let broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..1).await;
    nodes.until_path(&origin, id, &[]).await;
    let mut viewer = edge.viewer(id).await;
    nodes.until_path(&edge, id, &["origin"]).await;
    let mut direct = origin.viewer(id).await;
    send_some(&broadcaster, id, &recording, 1..10).await;
    // The broadcaster paused for 20 s, or its clock was set.
    for seq in 10..20 {
        let captured_at_ms = 1_700_000_020_000 + 100 * seq as u64;
        send_captured(&broadcaster, id, seq, &recording.segments[seq], captured_at_ms).await;
    }
    let last = newest(&origin, id).await;
    let expected = until_chunk(&mut direct, last).await;
    let got = until_chunk(&mut viewer, last).await;
    assert_same_media(&got, &expected);
    let is_told = |event: &&Event| !event.payload["captured_at_ms"].is_null();
    let media = got.iter().filter(|event| event.payload["kind"] == "media");
    let (told, not_told): (Vec<&Event>, Vec<&Event>) = media.partition(is_told);
    assert!(!told.is_empty() && !not_told.is_empty(), "{} told, {} not", told.len(), not_told.len());
}

/// Waits until a broadcaster is asked for a keyframe.
async fn keyframe_wanted(broadcaster: &mut Client) -> Value {
    loop {
        let event = broadcaster.event().await;
        if event.name == "keyframe_wanted" {
            return event.payload;
        }
    }
}

/// A broadcaster that can make keyframes when asked, and has sent some media.
async fn keyframe_maker(node: &EdgeNode, id: StreamId, recording: &Recording) -> Client {
    let broadcaster = node.connect().await;
    let mut registration = registration(id, &recording.mime);
    registration["keyframes"] = json!(true);
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    send_some(&broadcaster, id, recording, 0..3).await;
    broadcaster
}

#[tokio::test]
async fn keyframe_requests_travel_over_edges_to_the_broadcaster() {
    let (nodes, [a, b], recording) = (Nodes::start().await, ["a", "b"].map(stream), Recording::usual());
    let [origin, edge, far] =
        [nodes.node("origin").await, nodes.node("edge").await, nodes.node("edge-of-edge").await];
    nodes.script(&edge.name, vec![origin.url()]);
    nodes.script(&far.name, vec![edge.url()]);
    let mut broadcasters =
        [keyframe_maker(&origin, a, &recording).await, keyframe_maker(&origin, b, &recording).await];
    // The edge of an edge finds a stream only where it is already.
    let _near = edge.viewer(a).await;

    let mut over_ws = WsViewer::connect(far.address, &format!("/ws/{a}")).await;
    over_ws.event("watching").await;
    over_ws.send(Message::text(r#"["request_keyframe",{}]"#)).await;
    assert_eq!(keyframe_wanted(&mut broadcasters[0]).await, json!({ "stream_id": a }));

    let over_socket_io = edge.viewer(b).await;
    let answer = over_socket_io.call("request_keyframe", json!({ "stream_id": b })).await;
    assert_eq!(answer, json!({ "ok": true }));
    assert_eq!(keyframe_wanted(&mut broadcasters[1]).await, json!({ "stream_id": b }));

    let refused = over_socket_io.call("request_keyframe", json!({ "stream_id": a })).await;
    assert_eq!(refused["error"]["code"], "invalid_request", "it does not watch that");
}

#[tokio::test]
async fn a_broadcaster_that_did_not_say_so_is_not_asked_for_keyframes() {
    let (nodes, id, recording) = (Nodes::start().await, stream("a"), Recording::usual());
    let (origin, edge) = (nodes.node("origin").await, nodes.node("edge").await);
    let mut broadcaster = origin.broadcaster(id, &recording.mime).await;
    send_some(&broadcaster, id, &recording, 0..3).await;
    let mut viewer = WsViewer::connect(edge.address, &format!("/ws/{id}")).await;
    viewer.event("watching").await;
    viewer.send(Message::text(r#"["request_keyframe",{}]"#)).await;
    let direct = origin.viewer(id).await;
    direct.call("request_keyframe", json!({ "stream_id": id })).await;
    // The clock's answer comes after the request was handled, on each hop.
    viewer.send(ws_client::clock(1.0)).await;
    while !matches!(viewer.next().await, ws_client::Got::Event(name, _) if name == "clock") {}
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    loop {
        let event = broadcaster.event().await;
        assert_ne!(event.name, "keyframe_wanted");
        if event.payload["state"] == "ended" {
            break;
        }
    }
}
