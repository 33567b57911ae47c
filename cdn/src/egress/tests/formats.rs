//! Formats are made once for all their readers, and for no one else.

use std::collections::BTreeSet;

use super::{super::shard::SHARD_VIEWERS, *};

#[tokio::test]
async fn chunks_of_a_format_are_made_once_for_all_its_readers_and_never_without_one() {
    let mut rig = Rig::new();
    rig.push(GROUP);
    let without_readers = rig.hub.budget().bytes();
    let wishes = [None, Some("webm"), Some("hls,mp4"), Some("mp4,webm"), Some("frames")]
        .map(|wish| wish.map(Formats::read));
    // More than one pump serves.
    let viewers = SHARD_VIEWERS + 20;
    for viewer in 0..viewers {
        rig.watch_in(viewer, Cursor::newest(), wishes[viewer as usize % wishes.len()]);
    }
    rig.transport
        .until(|transport| (0..viewers).all(|viewer| transport.chunks(viewer).len() as u64 == GROUP))
        .await;
    rig.push(GROUP);
    rig.transport
        .until(|transport| (0..viewers).all(|viewer| transport.chunks(viewer).len() as u64 == 2 * GROUP))
        .await;
    assert!(
        (0..viewers)
            .all(|viewer| rig.transport.chunks(viewer) == (0..2 * GROUP).map(name).collect::<Vec<_>>())
    );
    let made = lock(&rig.transport.made).values().map(BTreeSet::len).collect::<Vec<_>>();
    assert_eq!(made, [3; 2 * GROUP as usize], "WebM, MP4 and frames, once each");
    assert!(rig.hub.budget().bytes() > 2 * without_readers + 2 * GROUP * 2 * 100, "what is made counts");
}

#[tokio::test]
async fn formats_that_are_read_by_viewers_that_are_gone_are_not_made_any_more() {
    let mut rig = Rig::new();
    rig.watch(0, Cursor::newest());
    rig.watch_in(1, Cursor::newest(), Some(Formats::read("frames")));
    rig.push(1);
    rig.transport.until(|transport| !transport.chunks(0).is_empty() && !transport.chunks(1).is_empty()).await;
    rig.transport.with(1, |connection| connection.closed = true);
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(0).len() == 2).await;
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(0).len() == 3).await;
    assert_eq!(lock(&rig.transport.made)[&name(2)].len(), 1);
}

#[tokio::test]
async fn viewer_whose_formats_a_new_take_does_not_fit_is_told_so_and_dismissed() {
    let mut rig = Rig::new();
    rig.watch_in(0, Cursor::newest(), Some(Formats::read("webm")));
    rig.watch(1, Cursor::newest());
    rig.push(1);
    rig.transport.until(|transport| !transport.chunks(0).is_empty()).await;
    {
        let mut stream = lock(&rig.stream);
        stream.begin_take(1);
        stream.ring_mut().push_tracks(1, samples::aac()).unwrap();
        let first = FrameName { take: 1, group: 0, index: 0 };
        stream.ring_mut().push(1, samples::run(first, 1, 10), None, 100).unwrap();
    }
    rig.readers().media(None);
    rig.transport.until(|transport| transport.with(0, |connection| connection.dismissed.is_some())).await;
    let (got, dismissed) = rig.transport.with(0, |connection| (connection.got.clone(), connection.dismissed));
    assert_eq!(got[got.len() - 2..], [Packet::Chunk(name(0), Arc::default()), Packet::Unsupported]);
    assert_eq!(dismissed, Some(Dismissal::Unsupported));
    rig.transport.until(|transport| transport.chunks(1).len() == 2).await;
}
