//! Recordings of real processes: nodes and main servers are killed without warning, the object store goes away, and every frame of the
//! broadcast is in the recording once, in order.
//!
//! The short form runs with the other tests, four times as fast as a broadcast. `make record` is the long one: ten minutes at the speed of
//! a broadcast.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod broadcaster;
mod cluster;
mod media;
mod socketio;
#[path = "../support/storage.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod storage;

use std::time::Duration;

use self::{
    broadcaster::Broadcaster,
    cluster::Cluster,
    media::{Broadcast, Frames},
    storage::Place,
};

/// How long a broadcast is, and how fast it is sent.
#[derive(Clone, Copy)]
struct Form {
    /// Of the first take; the second one has half of that.
    seconds: u64,
    /// Times the speed of a broadcast.
    speed: u32,
    /// How long the object store is away, in seconds of media.
    away: u64,
}

fn form() -> Form {
    match std::env::var_os("LONG_RECORDING") {
        Some(_) => Form { seconds: 400, speed: 1, away: 60 },
        None => Form { seconds: 40, speed: 4, away: 8 },
    }
}

#[tokio::test]
async fn every_frame_is_recorded_once_while_nodes_the_main_server_and_the_object_store_fail() {
    check_every_frame(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_is_recorded_once_while_nodes_the_main_server_and_s3_fail() {
    check_every_frame(Place::S3s).await;
}

#[tokio::test]
#[ignore = "slow: make places"]
async fn every_frame_is_recorded_once_in_another_s3_with_nats() {
    check_every_frame(Place::MotoAndNats).await;
}

async fn check_every_frame(place: Place) {
    let Form { seconds, speed, away } = form();
    let takes = [Broadcast::make(seconds, 0).await, Broadcast::make(seconds / 2, 1).await];
    let mut cluster = Cluster::start(place, &["a", "b", "c"]).await;
    let mut live = Broadcaster::start(&cluster, &takes[0], speed).await;
    let at = |share: u64| seconds * share / 100;

    live.send_until(at(25)).await;
    let first = cluster.node_at(&live.node());
    cluster.kill_node(&first);
    cluster.lose_spool(&first);
    live.send_until(at(35)).await;
    cluster.start_node(&first).await;

    live.send_until(at(45)).await;
    cluster.objects_away().await;
    live.send_until(at(45) + away / 2).await;
    cluster.kill_main_server();
    live.send_until(at(45) + away).await;
    cluster.objects_back().await;
    cluster.start_main_server().await;

    live.send_until(at(85)).await;
    let second = cluster.node_at(&live.node());
    cluster.restart_node(&second).await;
    live.send_until(seconds).await;

    // The broadcaster's page takes another source.
    live.begin_take(&takes[1]).await;
    live.send_until(seconds / 4).await;
    let third = cluster.node_at(&live.node());
    cluster.restart_node(&third).await;
    live.send_until(seconds / 2).await;
    let item_id = live.item_id.clone();
    live.end().await;

    cluster.until_ready(&item_id).await;
    let manifest = cluster.until_manifest(&item_id, |manifest| manifest.takes.len() == 2).await;
    for (number, (broadcast, take)) in takes.iter().zip(&manifest.takes).enumerate() {
        let recorded = Frames::decode(cluster.media(take).await).await;
        broadcast.frames().await.compare(&recorded, &format!("take {number}"));
    }
    let whole = cluster.download(&item_id).await;
    assert!(cluster.export(&item_id) == whole, "an export is what a download gives");
    let (all, last) = media::packets_after(&whole, seconds + seconds / 2 - 5);
    assert!(last > 0 && last < all / 4, "a player that seeks reads {last} of {all} packets");
    let whole = Frames::decode(whole).await;
    assert_eq!(whole.seconds(), usize::try_from(seconds + seconds / 2).unwrap());
}

#[tokio::test]
async fn a_client_that_goes_on_right_after_its_last_acknowledgement_loses_no_frame() {
    check_acknowledgements(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn a_client_that_goes_on_right_after_its_last_acknowledgement_loses_no_frame_in_s3() {
    check_acknowledgements(Place::S3s).await;
}

#[tokio::test]
#[ignore = "slow: make places"]
async fn a_client_that_goes_on_right_after_its_last_acknowledgement_loses_no_frame_in_another_s3_with_nats() {
    check_acknowledgements(Place::MotoAndNats).await;
}

/// Nodes die with their disks, each right after an acknowledgement in the middle of a group.
async fn check_acknowledgements(place: Place) {
    let seconds = 44;
    let broadcast = Broadcast::make(seconds, 0).await;
    let mut cluster = Cluster::start(place, &["a", "b", "c"]).await;
    let mut live = Broadcaster::start(&cluster, &broadcast, 4).await;
    live.keeps_nothing();
    for second in [8, 17, 26, 35] {
        live.send_until(second).await;
        cluster.until_relayed(&live.node()).await;
        live.send_until(second + 1).await;
        let node = cluster.node_at(&live.node());
        cluster.kill_node(&node);
        cluster.lose_spool(&node);
        live.send_until(second + 2).await;
        cluster.start_node(&node).await;
    }
    live.send_until(seconds).await;
    let item_id = live.item_id.clone();
    live.end().await;
    cluster.until_ready(&item_id).await;
    let manifest = cluster.until_manifest(&item_id, |manifest| manifest.takes.len() == 1).await;
    let recorded = Frames::decode(cluster.media(&manifest.takes[0]).await).await;
    broadcast.frames().await.compare(&recorded, "the broadcast");
}

/// Both nodes that recorded it are dead, and the third one's ring does not keep what it has for as long as the main server is away.
#[tokio::test]
async fn a_node_that_takes_the_stream_over_while_no_main_server_answers_records_it() {
    let seconds = 100;
    let broadcast = Broadcast::make(seconds, 0).await;
    let (names, window) = (["a", "b", "c"], Duration::from_secs(5));
    let mut cluster = Cluster::start_keeping(Place::Folder, &names, window).await;
    let mut live = Broadcaster::start(&cluster, &broadcast, 5).await;
    live.send_until(10).await;
    let recorders = cluster.until_recorders(2).await;
    live.send_until(12).await;
    cluster.kill_main_server();
    recorders.iter().for_each(|name| cluster.kill_node(name));
    live.send_until(70).await;
    cluster.start_main_server().await;
    live.send_until(80).await;
    for name in &recorders {
        cluster.start_node(name).await;
    }
    live.send_until(seconds).await;
    let item_id = live.item_id.clone();
    live.end().await;
    cluster.until_ready(&item_id).await;
    let manifest = cluster.until_manifest(&item_id, |manifest| manifest.takes.len() == 1).await;
    let recorded = Frames::decode(cluster.media(&manifest.takes[0]).await).await;
    broadcast.frames().await.compare(&recorded, "the broadcast");
}

#[tokio::test]
async fn when_everything_is_killed_at_most_the_newest_group_is_lost() {
    check_newest_group(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_everything_is_killed_at_most_the_newest_group_is_lost_in_s3() {
    check_newest_group(Place::S3s).await;
}

#[tokio::test]
#[ignore = "slow: make places"]
async fn when_everything_is_killed_at_most_the_newest_group_is_lost_in_another_s3_with_nats() {
    check_newest_group(Place::MotoAndNats).await;
}

async fn check_newest_group(place: Place) {
    let broadcast = Broadcast::make(30, 0).await;
    let mut cluster = Cluster::start(place, &["a", "b"]).await;
    let mut live = Broadcaster::start(&cluster, &broadcast, 4).await;
    live.send_until(25).await;
    let item_id = live.item_id.clone();
    // What was sent lately is on its way to the disk.
    cluster.until_spooled(&live.node()).await;
    drop(live);
    cluster.kill_all();
    cluster.start_main_server().await;
    for name in ["a", "b"] {
        cluster.start_node(name).await;
    }
    cluster.until_ready(&item_id).await;
    let sent = broadcast.frames().await;
    let is_whole = |frames: &Frames| frames.is_begin_of(&sent) && frames.seconds() >= 23;
    let recorded = async || {
        let manifest = cluster.manifest(&item_id).await;
        match manifest.takes.as_slice() {
            [take] => Some(Frames::decode(cluster.media(take).await).await),
            _ => None,
        }
    };
    cluster::until("the recording has all but the newest group", async || {
        recorded().await.is_some_and(|frames| is_whole(&frames))
    })
    .await;
}

/// Interval for looking whether a condition holds.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
