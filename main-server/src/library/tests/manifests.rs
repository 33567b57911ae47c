//! Fragments reach the manifest once each, in whatever order and through whichever main server they arrive.

use futures_util::future::join_all;
use protocol::item::{Manifest, State};

use super::{fragment, item, take};
use crate::{
    cluster::tests::{Cluster, Member, until},
    library::{Error, TakeFragment, new_id},
};

async fn manifest(server: &Member, item_id: protocol::ItemId) -> Manifest {
    server.library.manifest(item_id, None).await.unwrap().manifest.unwrap()
}

/// The start and end times of the fragments of each take, in seconds.
fn times(manifest: &Manifest) -> Vec<Vec<(u64, u64)>> {
    let of_take = |take: &protocol::item::ManifestTake| {
        let fragments = take.fragments.iter();
        fragments.map(|f| (f.start_ms / 1000, (f.start_ms + f.duration_ms) / 1000)).collect()
    };
    manifest.takes.iter().map(of_take).collect()
}

async fn growing(server: &Member) -> protocol::ItemId {
    item(server, "a", |new| new.state = State::Growing).await
}

#[tokio::test]
async fn what_was_appended_is_there_once_at_every_main_server() {
    let (a, b) = Cluster::new().await.pair().await;
    let item_id = growing(&a).await;
    let first = a.library.append(item_id, &take(0), &[fragment(2, 1), fragment(3, 2)]).await.unwrap();
    assert_eq!(first.overlapping, 0);
    // Repeated, as after a lost answer, with one more fragment, through the other server.
    let again = b.library.append(item_id, &take(0), &[fragment(2, 1), fragment(3, 2), fragment(5, 1)]).await;
    assert_eq!(again.unwrap().recorded.len(), 1);
    for server in [&a, &b] {
        let seen = async || times(&manifest(server, item_id).await) == [[(0, 10), (10, 30), (30, 40)]];
        until("the manifest has it", seen).await;
        let record = server.library.get(item_id).await.unwrap();
        assert_eq!((record.duration_ms, record.bytes), (40_000, 4_000));
        let tracks: Vec<_> =
            record.tracks.iter().map(|track| format!("{} {}", track.kind, track.codec)).collect();
        assert_eq!(tracks, ["video vp9", "audio opus"]);
    }
    let offset_ms = manifest(&a, item_id).await.takes[0].offset_ms;
    assert_eq!(offset_ms, -20_000, "the recording began within the take");
}

#[tokio::test]
async fn appends_at_the_same_time_through_several_servers_are_all_kept() {
    let (a, b) = Cluster::new().await.pair().await;
    let item_id = growing(&a).await;
    let appends = (0..24).map(|group| {
        let server = if group % 2 == 0 { &a } else { &b };
        async move { server.library.append(item_id, &take(0), &[fragment(group, 1)]).await.map(drop) }
    });
    // A writer that always loses gives up with a conflict; the caller retries.
    for (group, outcome) in join_all(appends).await.into_iter().enumerate() {
        if outcome.is_err() {
            a.library.append(item_id, &take(0), &[fragment(group as u64, 1)]).await.unwrap();
        }
    }
    until("the other server knows all of them", async || {
        let ranges = b.library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap().recorded;
        let known = (ranges.len(), ranges[0].groups, b.library.get(item_id).await.unwrap().duration_ms);
        known == (1, 24, 240_000)
    })
    .await;
}

#[tokio::test]
async fn a_fragment_that_overlaps_others_in_part_is_refused_and_one_within_them_passed_over() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = growing(&server).await;
    let append = async |fragments: &[TakeFragment]| {
        let appended = server.library.append(item_id, &take(0), fragments).await.unwrap();
        let ranges: Vec<_> =
            appended.recorded.iter().map(|range| (range.first.group, range.groups)).collect();
        (appended.overlapping, ranges)
    };
    assert_eq!(append(&[fragment(0, 3), fragment(3, 3)]).await, (0, vec![(0, 6)]));
    assert_eq!(append(&[fragment(2, 3), fragment(1, 1)]).await, (0, vec![(0, 6)]));
    assert_eq!(
        append(&[fragment(5, 3), fragment(510, 4), fragment(513, 2)]).await,
        (2, vec![(0, 6), (510, 4)])
    );
    assert_eq!(
        append(&[fragment(511, 2), fragment(514, 1)]).await,
        (0, vec![(0, 6), (510, 5)]),
        "across parts"
    );
}

#[tokio::test]
async fn what_two_servers_wrote_at_the_same_time_leaves_no_hole() {
    let (a, b) = Cluster::new().await.pair().await;
    let item_id = growing(&a).await;
    a.library.append(item_id, &take(0), &[fragment(509, 1)]).await.unwrap();
    until("the other server knows", async || b.library.recorded(item_id).await.is_ok()).await;
    // Each writes a part that the other one has not read yet.
    let record = b.library.get(item_id).await.unwrap();
    let before = b.library.manifests.load(item_id, record.media_version).await.unwrap();
    a.library.append(item_id, &take(0), &[fragment(510, 5)]).await.unwrap();
    let mut takes = before.takes.clone();
    b.library.manifests.append(item_id, &take(0), &[fragment(512, 4)], &mut takes).await.unwrap();
    b.library.manifests.evict(item_id);

    let recorded = async |fragments: &[TakeFragment]| {
        let recorded = b.library.append(item_id, &take(0), fragments).await.unwrap().recorded;
        recorded.iter().map(|range| (range.first.group, range.groups)).collect::<Vec<_>>()
    };
    assert_eq!(recorded(&[fragment(516, 1)]).await, [(509, 6), (516, 1)]);
    assert_eq!(recorded(&[fragment(515, 1)]).await, [(509, 8)]);
    let library = &b.library;
    library.set_state(item_id, State::Ready, None).await.unwrap();
    assert_eq!(times(&manifest(&b, item_id).await), [[(0, 10), (10, 60), (60, 70), (70, 80)]]);
}

#[tokio::test]
async fn a_take_that_nodes_of_two_versions_wrote_plays_through() {
    let (a, b) = Cluster::new().await.pair().await;
    let item_id = growing(&a).await;
    let mut other = take(0);
    other.format.init = Some(super::blob(77));
    other.format.mime = "video/webm;codecs=\"vp9, opus\"".into();
    for (take, fragment) in [(&take(0), fragment(0, 1)), (&other, fragment(1, 1)), (&other, fragment(2, 1))] {
        a.library.append(item_id, take, &[fragment]).await.unwrap();
    }
    b.library.append(item_id, &take(0), &[fragment(3, 1), fragment(2, 1)]).await.unwrap();
    let manifest = manifest(&b, item_id).await;
    assert_eq!(times(&manifest), [vec![(0, 10)], vec![(10, 20), (20, 30)], vec![(30, 40)]]);
    let heads: Vec<_> = manifest.takes.iter().map(|take| (take.mime.as_str(), take.init.clone())).collect();
    let [one, two] = [take(0), other].map(|take| take.format);
    let expected = [&one, &two, &one].map(|format| (format.mime.as_str(), format.init.clone()));
    assert_eq!(heads, expected);
    let mut named = std::collections::BTreeSet::new();
    b.library.named_blobs(|hash| _ = named.insert(hash.to_owned())).await.unwrap();
    assert!(named.contains(&super::blob(77).hash));
}

#[tokio::test]
async fn a_growing_manifest_ends_at_a_hole_that_may_be_filled_and_a_finished_one_does_not() {
    let server = Cluster::new().await.member(|_| {}).await;
    let (library, item_id) = (&server.library, growing(&server).await);
    let last = TakeFragment { ends_take: true, ..fragment(3, 1) };
    library.append(item_id, &take(0), &[fragment(0, 1), fragment(2, 1), last]).await.unwrap();
    library.append(item_id, &take(1), &[fragment(0, 1)]).await.unwrap();
    assert_eq!(times(&manifest(&server, item_id).await), [[(0, 10)]]);
    let all: [&[(u64, u64)]; 3] = [&[(0, 10)], &[(10, 20), (20, 30)], &[(30, 40)]];

    let filled = growing(&server).await;
    let last = TakeFragment { ends_take: true, ..fragment(2, 1) };
    library.append(filled, &take(0), &[fragment(0, 1), last]).await.unwrap();
    library.append(filled, &take(0), &[fragment(1, 1)]).await.unwrap();
    library.append(filled, &take(1), &[fragment(0, 1)]).await.unwrap();
    assert_eq!(times(&manifest(&server, filled).await), [vec![(0, 10), (10, 20), (20, 30)], vec![(30, 40)]]);

    library.settle(item_id).await.unwrap();
    assert_eq!(times(&manifest(&server, item_id).await), all, "the hole is given up");
    library.append(item_id, &take(1), &[fragment(2, 1)]).await.unwrap();
    assert_eq!(times(&manifest(&server, item_id).await), all, "another one is not");
    library.set_state(item_id, State::Ready, None).await.unwrap();
    assert_eq!(times(&manifest(&server, item_id).await).len(), 4);
    assert_eq!(library.get(item_id).await.unwrap().duration_ms, 50_000);
}

#[tokio::test]
async fn a_version_names_one_state_of_the_manifest() {
    let server = Cluster::new().await.member(|_| {}).await;
    let (library, item_id) = (&server.library, growing(&server).await);
    let tag = async || library.manifest(item_id, None).await.unwrap().tag;
    let mut tags = vec![tag().await];
    library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap();
    tags.push(tag().await);
    library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap();
    assert_eq!(tag().await, tags[1], "nothing changed");
    library.set_state(item_id, State::Ready, None).await.unwrap();
    tags.push(tag().await);
    assert!(library.manifest(item_id, Some(&tags[2])).await.unwrap().manifest.is_none());
    for old in &tags[..2] {
        assert!(library.manifest(item_id, Some(old)).await.unwrap().manifest.is_some(), "{tags:?}");
    }
}

#[tokio::test]
async fn fragments_that_make_no_sense_are_refused() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = growing(&server).await;
    let append = async |take: &_, fragment| server.library.append(item_id, take, &[fragment]).await.map(drop);
    append(&take(0), fragment(0, 1)).await.unwrap();
    let mut other = take(0);
    other.format.mime = "audio/mpeg".into();
    assert!(matches!(append(&other, fragment(1, 1)).await, Err(Error::OtherTake(0))));
    for wrong in [
        TakeFragment { groups: 0, ..fragment(1, 1) },
        TakeFragment { groups: u64::MAX, ..fragment(1, 1) },
        TakeFragment { first_group: u64::MAX, ..fragment(1, 1) },
        TakeFragment { alternatives: vec![super::blob(1)], ..fragment(1, 1) },
        TakeFragment { blob: protocol::item::Blob { hash: "A".repeat(64), bytes: 1 }, ..fragment(1, 1) },
    ] {
        assert!(matches!(append(&take(0), wrong).await, Err(Error::Invalid(_))));
    }
    let unknown = server.library.append(new_id().unwrap(), &take(0), &[fragment(0, 1)]).await;
    assert!(matches!(unknown, Err(Error::Unknown)));
}

#[tokio::test]
async fn every_blob_of_an_item_is_named_and_those_of_a_lost_item_are_not() {
    let server = Cluster::new().await.member(|_| {}).await;
    let (library, item_id) = (&server.library, growing(&server).await);
    library.append(item_id, &take(1), &[fragment(5, 1)]).await.unwrap();
    library.set_poster(item_id, super::blob(8)).await.unwrap();
    library.add_preview(item_id, 0, super::blob(9)).await.unwrap();
    library.delete(item_id, crate::clock::Now::read()).await.unwrap();
    let named = async || {
        let mut named = std::collections::BTreeSet::new();
        library.named_blobs(|hash| _ = named.insert(hash.to_owned())).await.unwrap();
        named
    };
    let expected = [1, 8, 9, 5001].map(|number| super::blob(number).hash);
    assert_eq!(named().await, expected.into(), "a deleted item can be restored");
    // Simulates a crash in the middle of a removal.
    library.items.remove(&item_id).await.unwrap();
    named().await;
    assert!(named().await.is_empty(), "a manifest without an item is deleted");
}
