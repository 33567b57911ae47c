//! Watching over plain WebSocket: the same media as over Socket.IO, from the same places, told in the same words.

use protocol::{grant::Action, stream::Visibility};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{
    client,
    harness::{self, Recording, TestNode, follows, grant, registration, stream},
    ws_client::{Got, WsViewer, chunks, clock, code, names},
};

#[tokio::test]
async fn viewer_gets_what_socket_io_viewers_get_to_the_last_byte() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let (mut over_ws, mut over_socket_io) = (node.ws(id, "").await, node.connect().await);
    over_socket_io.watch(id).await;
    let welcome = over_ws.event("watching").await;
    let window_ms = 30_000;
    assert_eq!(welcome, json!({ "mime": null, "take": 0, "origin_time_ms": null, "window_ms": window_ms }));
    broadcaster.send_all(id, &recording.segments).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;

    let expected = over_socket_io.until_ended().await;
    let (all, code_sent) = over_ws.until_closed().await;
    assert_eq!(code_sent, code(CloseCode::Normal));
    assert_eq!(names(&all), harness::names(&expected));
    let data = |got: &Got| match got {
        Got::Init { data, .. } | Got::Chunk { data, .. } => Some(data.to_vec()),
        _ => None,
    };
    let bytes: Vec<Vec<u8>> = all.iter().filter_map(data).collect();
    let expected: Vec<Vec<u8>> =
        expected.into_iter().filter_map(|event: client::Event| event.binary).collect();
    assert_eq!(bytes, expected);
    let Some(Got::Event(name, state)) = all.last() else { panic!("the state comes last") };
    assert_eq!((&**name, &state["state"]), ("stream_state", &json!("ended")));
    node.stop().await;
}

#[tokio::test]
async fn late_joiner_is_told_where_live_is_and_starts_at_the_newest_keyframe() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let mut late = node.ws(id, "").await;
    let newest = late.event("watching").await["newest"].clone();
    assert_eq!(late.event("stream_state").await["state"], "live");
    let Got::Init { take: 0, .. } = late.next().await else { panic!("the init segment first") };
    let Got::Chunk { name, key: true, .. } = late.next().await else { panic!("then a keyframe") };
    assert_eq!((name.1, name.2), (newest["group"].as_u64().unwrap(), 0));
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let last = *names(&late.until_closed().await.0).last().unwrap();
    assert_eq!(json!({ "take": last.0, "group": last.1, "index": last.2 }), newest);
    node.stop().await;
}

#[tokio::test]
async fn viewer_that_resumes_gets_exactly_what_follows() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut whole = node.ws(id, "").await;
    broadcaster.send_all(id, &recording.segments).await;
    let first = chunks(&mut whole, 4).await;
    let (have, frames) = *first.last().unwrap();
    // By its first frame, and by its last.
    for index in [have.2, have.2 + frames - 1] {
        let mut resumed = node.ws(id, &format!("?after=0.{}.{index}", have.1)).await;
        resumed.event("watching").await;
        let rest = chunks(&mut resumed, 3).await;
        assert!(follows(have, frames, rest[0].0), "{rest:?} after {have:?}");
        resumed.close().await;
    }
    let mut resumed = node.ws(id, &format!("?after=0.{}.{}", have.1, have.2)).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let (rest_of_all, rest) = (whole.until_closed().await.0, resumed.until_closed().await.0);
    assert_eq!(names(&rest), names(&rest_of_all));
    assert!(!rest.iter().any(|got| matches!(got, Got::Init { .. })), "it has the init segment");
    node.stop().await;
}

#[tokio::test]
async fn viewer_whose_chunk_left_the_window_is_told() {
    let node = TestNode::with(|limits| limits.ring_bytes = 350_000).await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let mut viewer = node.ws(id, "?after=0.0.0").await;
    viewer.event("watching").await;
    viewer.event("stream_state").await;
    let skipped = viewer.event("skipped").await;
    assert_eq!((&skipped["reason"], &skipped["from"]["group"]), (&json!("left_window"), &json!(0)));
    let Got::Chunk { name, key: true, .. } = viewer.next().await else { panic!("goes on at a keyframe") };
    assert_eq!(skipped["to"], json!({ "take": name.0, "group": name.1, "index": name.2 }));
    node.stop().await;
}

#[tokio::test]
async fn refusals_are_told_over_the_connection_and_close_it_with_1008() {
    let node = TestNode::with(|limits| limits.viewers = 1).await;
    let (open, private, recording) = (stream("o"), stream("p"), Recording::usual());
    let _broadcaster = node.broadcaster(open, &recording.mime).await;
    let owner = node.connect().await;
    let publish = grant(private, Action::Publish, Visibility::Private);
    let registration = json!({ "stream_id": private, "grant": publish, "mime": recording.mime });
    assert_eq!(owner.call("register_new_stream", registration).await["ok"], true);
    let may_watch = grant(open, Action::Watch, Visibility::Public);
    for (path, expected) in [
        (format!("/ws/{}", stream("nobody")), "unknown_stream"),
        ("/ws/nonsense".into(), "invalid_request"),
        (format!("/ws/{open}?after=7"), "invalid_request"),
        (format!("/ws/{open}?back_ms=soon"), "invalid_request"),
        (format!("/ws/{private}"), "invalid_grant"),
        (format!("/ws/{private}?grant={publish}"), "invalid_grant"),
        (format!("/ws/{open}?relay=edge"), "invalid_grant"),
        (format!("/ws/{open}?relay=edge&grant={may_watch}"), "invalid_grant"),
    ] {
        let refused = WsViewer::connect(node.address, &path).await.refused().await;
        assert_eq!(refused, (expected.to_owned(), code(CloseCode::Policy)), "{path}");
    }
    let watch = grant(private, Action::Watch, Visibility::Private);
    let mut viewer = node.ws(private, &format!("?grant={watch}")).await;
    viewer.event("watching").await;
    assert_eq!(node.ws(open, "").await.refused().await.0, "no_capacity", "the only place is taken");
    viewer.close().await;
    node.stop().await;
}

#[tokio::test]
async fn nested_under_a_path_the_endpoint_works_the_same() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = WsViewer::connect(node.address, &format!("/cdn/a/ws/{id}")).await;
    viewer.event("watching").await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    viewer.event("stream_state").await;
    let Got::Init { .. } = viewer.next().await else { panic!("the init segment") };
    viewer.send(clock(1.25)).await;
    let answer = loop {
        if let Got::Event(name, answer) = viewer.next().await {
            assert_eq!(name, "clock");
            break answer;
        }
    };
    assert_eq!(answer["t0_ms"], 1.25);
    assert!(answer["t1_ms"].as_i64().unwrap() <= answer["t2_ms"].as_i64().unwrap());
    let metrics = node.get("/metrics").await.1;
    assert!(metrics.contains("undead_cdn_ws_connections 1\n") && metrics.contains("undead_cdn_viewers 1\n"));
    node.stop().await;
    assert_eq!(viewer.until_closed().await.1, code(CloseCode::Away));
}

#[tokio::test]
async fn viewers_are_counted_over_all_transports() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let mut broadcaster = node.broadcaster(id, &recording.mime).await;
    let over_socket_io = node.connect().await;
    over_socket_io.watch(id).await;
    let over_ws = node.ws(id, "").await;
    broadcaster.send_all(id, &recording.segments[..3]).await;
    while broadcaster.event().await.payload["viewers"] != 2 {}
    over_ws.close().await;
    while broadcaster.event().await.payload["viewers"] != 1 {}
    node.stop().await;
}

#[tokio::test]
async fn relay_is_no_viewer_and_is_told_the_path_and_refused_where_it_would_close_a_ring() {
    let node = TestNode::with(|limits| limits.relays = 1).await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let permit = grant(id, Action::Relay, Visibility::Public);
    let mut edge = node.ws(id, &format!("?relay=edge&back_ms=60000&grant={permit}")).await;
    edge.event("watching").await;
    assert_eq!(edge.event("relay_path").await, json!({ "path": ["test"] }));
    edge.event("stream_state").await;
    let Got::Init { .. } = edge.next().await else { panic!("the init segment") };
    let Got::Chunk { name: (0, 0, 0), .. } = edge.next().await else { panic!("the oldest group") };
    for (hostname, expected) in [("test", "relay_loop"), ("other", "no_capacity")] {
        let mut refused = node.ws(id, &format!("?relay={hostname}&grant={permit}")).await;
        assert_eq!(refused.refused().await.0, expected);
    }
    let metrics = node.get("/metrics").await.1;
    assert!(metrics.contains("undead_cdn_relays 1\n") && metrics.contains("undead_cdn_viewers 0\n"));
    node.stop().await;
}

#[tokio::test]
async fn a_hundred_viewers_get_every_chunk() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewers = Vec::new();
    for _ in 0..100 {
        let mut viewer = node.ws(id, "").await;
        viewer.event("watching").await;
        viewers.push(tokio::spawn(async move { viewer.until_closed().await.0 }));
    }
    broadcaster.send_all(id, &recording.segments).await;
    let next_take = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(next_take["ok"], true, "{next_take}");
    broadcaster.send_all(id, &recording.segments).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let mut expected = None;
    for viewer in viewers {
        let names = names(&viewer.await.unwrap());
        assert!(names.len() > 2 * (recording.segments.len() - 3));
        assert_eq!(&names, expected.get_or_insert_with(|| names.clone()));
    }
    node.stop().await;
}
