//! What a viewer gets, whenever it comes.

use protocol::{grant::Action, stream::Visibility};
use serde_json::json;

use crate::{
    client::{BINARY, Client},
    harness::{Recording, TestNode, assert_no_gap, grant, names, stream},
    ws_client::Got,
};

#[tokio::test]
async fn old_simple_client_is_forwarded_whole() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    broadcaster.send_all(id, &recording.segments).await;
    assert_eq!(broadcaster.call("end_stream", json!({ "stream_id": id })).await, json!({ "ok": true }));

    let events = viewer.until_ended().await;
    let media: Vec<_> = events.iter().filter(|event| event.name == "streaming_data").collect();
    assert_eq!((&media[0].payload["kind"], &media[0].payload["take"]), (&json!("init"), &json!(0)));
    assert_eq!(media[0].payload["mime"], "video/webm;codecs=\"vp9,opus\"");
    assert!(media[0].binary.as_ref().unwrap().starts_with(&[0x1A, 0x45, 0xDF, 0xA3]), "an EBML header");
    let names = names(&events);
    assert_eq!(names[0], (0, 0, 0));
    assert_eq!(names.len(), media.len() - 1);
    assert!(names.is_sorted() && names.len() >= recording.segments.len() - 2, "{names:?}");
    assert_no_gap(&events);
    node.stop().await;
}

#[tokio::test]
async fn who_waits_for_the_stream_misses_nothing_of_what_comes_first() {
    // Its first segment with media brings more than one group.
    let (node, recording) = (TestNode::start().await, Recording::load("mp4-avc1-opus-250ms"));
    let id = stream("a");
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let (mut viewer, mut ws) = (node.connect().await, node.ws(id, "").await);
    viewer.watch(id).await;
    ws.event("watching").await;
    broadcaster.send_all(id, &recording.segments).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let names = names(&viewer.until_ended().await);
    assert!(names[0] == (0, 0, 0) && names.iter().any(|name| name.1 > 0), "{names:?}");
    let (all, _) = ws.until_closed().await;
    let chunks =
        all.iter().filter_map(|got| if let Got::Chunk { name, .. } = got { Some(*name) } else { None });
    assert_eq!(chunks.collect::<Vec<_>>(), names);
    node.stop().await;
}

#[tokio::test]
async fn late_joiner_starts_at_newest_keyframe() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let mut everything = node.connect().await;
    let after = json!({ "take": 0, "group": 0, "index": 0 });
    everything.call("watch_stream", json!({ "stream_id": id, "after": after })).await;
    let mut late = node.connect().await;
    let answer = late.call("watch_stream", json!({ "stream_id": id })).await;
    assert_eq!((&answer["take"], &answer["window_ms"]), (&json!(0), &json!(30_000)));
    assert_eq!(answer["mime"], "video/webm;codecs=\"vp9,opus\"");
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;

    let all = names(&everything.until_ended().await);
    let newest_group = all.last().unwrap().1;
    assert!(newest_group >= 2, "the recording has several groups");
    let events = late.until_ended().await;
    let first = events.iter().find(|event| event.name == "streaming_data").unwrap();
    assert_eq!(first.payload["kind"], "init");
    let seen = names(&events);
    assert_eq!(seen[0], (0, newest_group, 0));
    assert!(all.ends_with(&seen), "and gets everything from there");
    node.stop().await;
}

#[tokio::test]
async fn viewer_that_resumes_gets_exactly_what_follows() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut first = node.connect().await;
    first.watch(id).await;
    let (before, after) = recording.segments.split_at(15);
    broadcaster.send_all(id, before).await;
    let mut have = Vec::new();
    while have.len() < 9 {
        let event = first.media().await;
        if event.payload["kind"] == "media" {
            have.push(event.chunk_name());
        }
    }
    drop(first);
    broadcaster.send_all(id, after).await;

    let (take, group, index) = *have.last().unwrap();
    let last = json!({ "take": take, "group": group, "index": index });
    let (mut resumed, mut restarted) = (node.connect().await, node.connect().await);
    resumed.call("watch_stream", json!({ "stream_id": id, "after": last })).await;
    restarted
        .call("watch_stream", json!({ "stream_id": id, "after": { "take": 0, "group": 0, "index": 0 } }))
        .await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let rest = names(&resumed.until_ended().await);
    let mut whole = vec![(0, 0, 0)];
    whole.extend(names(&restarted.until_ended().await));
    assert_eq!([have, rest].concat(), whole);
    node.stop().await;
}

#[tokio::test]
async fn viewer_whose_chunk_left_the_window_is_told() {
    let node = TestNode::with(|limits| limits.ring_bytes = 350_000).await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let mut viewer = node.connect().await;
    let last = json!({ "take": 0, "group": 0, "index": 0 });
    viewer.call("watch_stream", json!({ "stream_id": id, "after": last })).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let events = viewer.until_ended().await;
    let skipped = events.iter().find(|event| event.name == "skipped").expect("a skip");
    assert_eq!(skipped.payload["reason"], "left_window");
    assert_eq!(skipped.payload["from"], last);
    let to = &skipped.payload["to"];
    let names = names(&events);
    assert_eq!(json!([names[0].0, names[0].1, names[0].2]), json!([to["take"], to["group"], to["index"]]));
    node.stop().await;
}

#[tokio::test]
async fn chunks_carry_the_time_of_capture() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.connect().await;
    viewer.watch(id).await;
    for (seq, segment) in recording.segments.iter().enumerate() {
        let captured_at_ms = 1_700_000_000_000_f64 + 100.0 * seq as f64 + 0.4;
        let payload = json!({
            "stream_id": id, "take": 0, "seq": seq, "captured_at_ms": captured_at_ms, "segment": BINARY,
        });
        let answer = broadcaster.call_with("broadcast_data", payload, segment).await;
        assert_eq!(answer["have"], json!({ "take": 0, "seq": seq }), "{answer}");
    }
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let events = viewer.until_ended().await;
    let last = &events.iter().rfind(|event| event.payload["kind"] == "media").unwrap().payload;
    let origin_ms = last["captured_at_ms"].as_i64().unwrap() - last["pts_ms"].as_i64().unwrap();
    assert!((origin_ms - 1_700_000_000_000).abs() < 1000, "{origin_ms}");
    node.stop().await;
}

#[tokio::test]
async fn private_stream_needs_a_watch_grant() {
    let (node, id, recording) = (TestNode::start().await, stream("p"), Recording::usual());
    let broadcaster = node.connect().await;
    let publish = grant(id, Action::Publish, Visibility::Private);
    let registration = json!({ "stream_id": id, "grant": publish, "mime": recording.mime });
    assert_eq!(broadcaster.call("register_new_stream", registration).await["ok"], true);
    let viewer = node.connect().await;
    for grant in [json!(null), json!("x"), json!(publish)] {
        let answer = viewer.call("watch_stream", json!({ "stream_id": id, "grant": grant })).await;
        assert_eq!(answer["error"]["code"], "invalid_grant", "{answer}");
    }
    let grant = grant(id, Action::Watch, Visibility::Private);
    let answer = viewer.call("watch_stream", json!({ "stream_id": id, "grant": grant })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn viewer_that_leaves_is_not_counted_and_gets_no_more() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let mut broadcaster = node.broadcaster(id, &recording.mime).await;
    let (mut leaver, mut stayer) = (node.connect().await, node.connect().await);
    leaver.watch(id).await;
    stayer.watch(id).await;
    broadcaster.send_all(id, &recording.segments[..5]).await;
    assert_eq!(leaver.call("leave_stream", json!({ "stream_id": id })).await, json!({ "ok": true }));
    loop {
        let event = broadcaster.event().await;
        if event.payload["viewers"] == 1 {
            break;
        }
    }
    // The answer of a call comes after everything that was sent before it.
    leaver.call("clock", json!({ "t0_ms": 0 })).await;
    let before = leaver.arrived();
    assert!(before.iter().any(|event| event.name == "streaming_data"), "it did watch");
    broadcaster.send_all(id, &recording.segments[5..]).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    stayer.until_state("ended").await;
    assert_eq!(
        leaver.call("leave_stream", json!({ "stream_id": id })).await,
        json!({ "ok": true }),
        "again is fine"
    );
    let after: Vec<_> = leaver.arrived().into_iter().map(|event| event.name).collect();
    assert!(after.is_empty(), "a viewer that left gets no more: {after:?}");
    node.stop().await;
}

#[tokio::test]
async fn nested_under_a_path_the_node_works_the_same() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    broadcaster.send_all(id, &recording.segments).await;
    let mut viewer = Client::connect(node.address, "/cdn/a").await;
    viewer.watch(id).await;
    assert_eq!(viewer.media().await.payload["kind"], "init");
    assert_eq!(node.get("/cdn/a/healthz").await, (200, r#"{"status":"ok"}"#.into()));
    assert_eq!(node.get("/readyz").await.0, 200);
    assert!(node.get("/metrics").await.1.contains("undead_cdn_viewers 1\n"));
    node.stop().await;
}
