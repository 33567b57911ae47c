//! A WebSocket viewer that does not read costs other viewers nothing, and is notified of what it missed.

use serde_json::json;

use crate::{
    harness::{Recording, follows, registration, stream},
    slow_viewer::{RING_BYTES, ROUNDS, cramped_node},
    ws_client::{Got, WsViewer, names},
};

#[tokio::test]
async fn viewers_that_never_read_delay_no_other_and_are_notified_when_they_read_again() {
    let node = cramped_node().await;
    let (id, recording) = (stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut attentive = node.ws(id, "").await;
    attentive.event("watching").await;
    let mut deaf: Vec<WsViewer> = Vec::new();
    for _ in 0..10 {
        deaf.push(node.ws(id, "").await);
    }
    for round in 0..ROUNDS {
        if round > 0 {
            broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
        }
        broadcaster.send_all(id, &recording.segments).await;
        // The attentive viewer has this take's last chunks before the next take begins.
        let mut of_this_take = 0;
        while of_this_take < recording.segments.len() - 2 {
            match attentive.next().await {
                Got::Chunk { name, .. } => of_this_take += usize::from(name.0 == round),
                Got::Event(name, _) => assert_eq!(name, "stream_state", "an attentive viewer misses nothing"),
                Got::Init { .. } => {}
                Got::Closed(code) => panic!("closed: {code:?}"),
            }
        }
        let metrics = node.get("/metrics").await.1;
        assert!(number(&metrics, "undead_cdn_ring_bytes") <= RING_BYTES);
        assert_eq!(number(&metrics, "undead_cdn_viewers"), 11, "no viewer was cut off");
    }
    assert_eq!(number(&node.get("/metrics").await.1, "undead_cdn_lagging"), 10);
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    for mut viewer in deaf {
        let (all, _) = viewer.until_closed().await;
        follows_without_silent_gap(&all);
        let is_skip = |got: &Got| matches!(got, Got::Event(name, _) if name == "skipped");
        assert!(all.iter().any(is_skip), "it missed something, and is told");
        assert_eq!(names(&all).last().unwrap().0, ROUNDS - 1, "it ends at the live edge");
    }
    node.stop().await;
}

fn follows_without_silent_gap(all: &[Got]) {
    let mut have = None;
    let mut announced = None;
    for got in all {
        match got {
            Got::Event(name, payload) if name == "skipped" => {
                assert_eq!(payload["reason"], "lagged");
                announced = Some(payload["to"].clone());
            }
            Got::Chunk { name, frames, key, .. } => {
                let &(take, group, index) = name;
                if let Some(to) = announced.take() {
                    assert_eq!(to, json!({ "take": take, "group": group, "index": index }));
                    assert!(key, "what follows a skip begins with a keyframe");
                } else if let Some((last, frames)) = have {
                    let follows = follows(last, frames, *name) || (group, index) == (0, 0);
                    assert!(follows, "no silent gap before {name:?}");
                }
                have = Some((*name, *frames));
            }
            _ => {}
        }
    }
}

fn number(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the metric").parse().unwrap()
}
