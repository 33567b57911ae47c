//! A node whose object folder cannot be used, as a mount point whose disk is not there yet: it starts, and live streams go on.

use std::{fs, os::unix::fs::symlink};

use reqwest::header;
use serde_json::json;

use crate::{
    client::Client,
    harness::{Recording, assert_no_gap, registration, stream},
    library_support::{Cluster, item, refusal, request, take},
};

/// A symbolic link that leads to itself stands for a folder that cannot be used: tests may run with all rights.
#[tokio::test]
async fn a_node_whose_object_folder_is_away_serves_live_streams_and_items_once_the_folder_is_there() {
    let cluster = Cluster::start().await;
    let media: Vec<u8> = (0..100_000_u32).map(|at| (at / 7) as u8).collect();
    let blob = cluster.put(media.clone()).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("objects");
    symlink("objects", &folder).unwrap();
    let node = cluster.node_of(&folder).await;
    let get = async |path: &str| request(node.address, item(1), path).send().await.unwrap();
    let paths = [format!("blobs/{}", blob.hash), "fragments?from_ms=0".to_owned(), "download".to_owned()];

    for path in &paths {
        let answer = get(path).await;
        assert!(answer.headers().contains_key(header::RETRY_AFTER), "{path}: {answer:?}");
        assert_eq!(refusal(answer).await, (503, "objects_unavailable".into()), "{path}");
    }
    assert_eq!(get("manifest").await.status(), 200, "main servers have it");
    let (id, recording) = (stream("a"), Recording::usual());
    let (broadcaster, mut viewer) =
        (Client::connect(node.address, "").await, Client::connect(node.address, "").await);
    let registered = broadcaster.call("register_new_stream", registration(id, &recording.mime)).await;
    assert_eq!(registered["ok"], true, "{registered}");
    viewer.watch(id).await;
    let (first, second) = recording.segments.split_at(recording.segments.len() / 2);
    broadcaster.send_all(id, first).await;

    fs::remove_file(&folder).unwrap();
    symlink(cluster.folder.path(), &folder).unwrap();
    for path in &paths {
        let answer = get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.bytes().await.unwrap(), media, "{path}");
    }
    broadcaster.send_all(id, second).await;
    broadcaster.call("end_stream", json!({ "stream_id": id })).await;
    let events = viewer.until_ended().await;
    assert_no_gap(&events);
    let chunks = events.iter().filter(|event| event.payload["kind"] == "media").count();
    assert!(chunks >= recording.segments.len() - 2, "{chunks}");
}
