//! An edge serves what its origin does: the same names, times and takes, pulled once.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Client, Event},
    harness::{Recording, names, stream},
    nodes::Nodes,
    relay_support::{
        assert_same_media, assert_whole, chunks, newest, resume, retry_viewer, send_captured, send_some,
        until_chunk,
    },
    ws_client::{self, WsViewer},
};

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
async fn stream_without_readers_is_dropped_and_not_called_ended() {
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
    // No node has it, so no viewer gets it.
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

#[tokio::test]
async fn node_that_would_be_too_far_from_the_origin_pulls_from_another_node() {
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
