//! When pumps run: while a stream has viewers, and anew after a panic or when the stream opens again.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::{Context, Waker},
};

use super::*;
use crate::{clock::Now, hub::Trace};

#[tokio::test]
async fn one_viewer_causes_few_keyframes_however_often_it_asks_or_watches_anew() {
    let rig = Rig::new();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    lock(&rig.stream).upstream().set(Some(Arc::new(move || {
        counted.fetch_add(1, Relaxed);
    })));
    let watch = |viewer, role, replacing: Option<&Session>| {
        let (viewer, delivery, cursor) = (rig.transport.viewer(viewer), &DELIVERY, Cursor::newest());
        let applicant = Applicant {
            viewer,
            role,
            is_asked: false,
            address: None,
            delivery,
            cursor,
            formats: None,
            replacing,
        };
        rig.egress.admit(&rig.stream, applicant).ok().unwrap().start(|| {}).expect("the stream is here")
    };
    let seconds = |seconds: u64| Now { ms: seconds * 1000, unix_ms: 0 };
    let mut session = watch(0, Role::Viewer, None);
    for second in 0..60 {
        session.request_keyframe(seconds(second));
        session = watch(0, Role::Viewer, Some(&session));
    }
    assert_eq!(asked.load(Relaxed), 6, "one in ten seconds");
    watch(1, Role::Viewer, None).request_keyframe(seconds(58));
    assert_eq!(asked.load(Relaxed), 7, "other viewers still may");
    let relay = watch(2, Role::Relay, None);
    (60..64).for_each(|second| relay.request_keyframe(seconds(second)));
    assert_eq!(asked.load(Relaxed), 11, "a relay speaks for many viewers");
}

#[tokio::test]
async fn stream_that_is_closed_and_opened_again_at_once_is_served_on() {
    let mut rig = Rig::new();
    rig.transport.with(0, |connection| connection.slow = true);
    rig.watch(0, Cursor::newest());
    rig.push(2 * MOST_PACKETS as u64);
    rig.transport.until(|transport| !transport.chunks(0).is_empty()).await;
    rig.reopen();
    rig.watch(1, Cursor::newest());
    // Its viewer takes the rest: the pump of the closed stream ends only now.
    rig.transport.with(0, |connection| connection.slow = false);
    drop(rig.transport.with(0, |connection| std::mem::take(&mut connection.receipts)));
    rig.transport.until(|transport| transport.with(0, |connection| connection.dismissed.is_some())).await;
    while rig.egress.tasks.len() > 1 {
        tokio::task::yield_now().await;
    }
    rig.push(3);
    rig.transport.until(|transport| transport.chunks(1).len() == 3).await;
    rig.watch(2, Cursor::newest());
    rig.transport.until(|transport| transport.chunks(2).len() == 3).await;
}

#[tokio::test]
async fn pump_of_a_closed_stream_ends_although_another_stream_has_its_id() {
    let mut rig = Rig::new();
    rig.watch(0, Cursor::newest());
    // Until it has seen its viewer and waits for a first chunk.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    rig.reopen();
    rig.transport
        .until(|transport| transport.with(0, |connection| connection.got.contains(&Packet::Dropped(2))))
        .await;
}

#[tokio::test]
async fn viewer_that_comes_too_late_is_not_welcomed() {
    let rig = Rig::new();
    let applicant = Applicant {
        viewer: rig.transport.viewer(0),
        role: Role::Viewer,
        is_asked: false,
        address: None,
        delivery: &DELIVERY,
        cursor: Cursor::newest(),
        formats: None,
        replacing: None,
    };
    let admitted = rig.egress.admit(&rig.stream, applicant).ok().unwrap();
    rig.close(Closed::Ended);
    rig.closed().await;
    assert!(admitted.start(|| panic!("nothing comes of it")).is_none());
}

#[tokio::test]
async fn a_pump_that_panicked_is_replaced_for_new_viewers() {
    let mut rig = Rig::new();
    rig.transport.with(1, |connection| connection.broken = true);
    (0..3).for_each(|viewer| rig.watch(viewer, Cursor::newest()));
    rig.push(1);
    let lost = async {
        while !lock(&rig.sessions).iter().all(Session::is_over) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, lost).await.expect("its pump panics");
    for viewer in [0, 2] {
        let dismissed = rig.transport.with(viewer, |connection| connection.dismissed);
        assert_eq!(dismissed, Some(Dismissal::Closed(Closed::Dropped)), "the other viewers are told");
    }
    rig.watch(3, Cursor::newest());
    rig.transport.until(|transport| transport.chunks(3).len() == 1).await;
    rig.push(2);
    rig.transport.until(|transport| transport.chunks(3).len() == 3).await;
    let channel = rig.egress.channel(&rig.stream).unwrap();
    assert_eq!(lock(&channel.shards).len(), 1, "the one that panicked is forgotten");
}

#[tokio::test]
async fn a_stream_without_viewers_has_no_pump_and_one_that_all_left_is_not_woken_for_media() {
    let mut rig = Rig::new();
    rig.push(3);
    assert_eq!(rig.egress.tasks.len(), 1, "the announcer alone");
    rig.watch(0, Cursor::newest());
    rig.transport.until(|transport| transport.chunks(0).len() == 3).await;
    lock(&rig.sessions).clear();
    while rig.viewers() > 0 {
        tokio::task::yield_now().await;
    }
    // Nothing that reads media waits any more: a trace would be held by it.
    struct Unread;
    impl Trace for Unread {
        fn read(&self, _: u32, _: u32) {}
    }
    let trace: Arc<dyn Trace> = Arc::new(Unread);
    rig.readers().media(Some(&trace));
    assert_eq!(Arc::strong_count(&trace), 1);
    rig.watch(1, Cursor::newest());
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(1).len() == 4).await;
}

fn is_waiting(future: &mut (impl Future + Unpin)) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// How long `future` takes, in whole seconds.
async fn seconds(future: impl Future) -> u64 {
    #[allow(clippy::disallowed_methods, reason = "the paused time of the test's runtime")]
    let begun = tokio::time::Instant::now();
    future.await;
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn what_a_recorded_stream_acknowledges_the_connection_of_a_relay_took_unless_it_is_too_slow() {
    let mut rig = Rig::new();
    let (readers, stream) = (rig.readers(), rig.stream.clone());
    let end = || lock(&stream).ring().end();
    let recorder = readers.keep(end());
    let newest = || {
        recorder.wrote(end(), true);
        Box::pin(readers.unwritten(end).unwrap().written())
    };
    // A viewer is not waited for, however slow.
    rig.transport.with(0, |connection| connection.slow = true);
    rig.watch(0, Cursor::newest());
    rig.relay(1);
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(1).len() == 1).await;
    assert!(newest().await);

    let taken = |transport: &FakeTransport| {
        drop(transport.with(1, |connection| std::mem::take(&mut connection.receipts)));
    };
    rig.transport.with(1, |connection| connection.slow = true);
    rig.push(1);
    let mut first = newest();
    rig.push(1);
    let mut second = newest();
    rig.transport.until(|transport| transport.chunks(1).len() == 2).await;
    assert!(is_waiting(&mut first), "it is on its way");
    taken(&rig.transport);
    first.await;
    rig.transport.until(|transport| transport.chunks(1).len() == 3).await;
    assert!(is_waiting(&mut second), "it waited behind the first");
    taken(&rig.transport);
    second.await;

    // It stops taking.
    rig.push(1);
    assert_eq!(seconds(newest()).await, 1);
    rig.push(1);
    assert_eq!(seconds(newest()).await, 0, "not once more");
    rig.transport.with(1, |connection| connection.slow = false);
    taken(&rig.transport);
    rig.transport.until(|transport| transport.chunks(1).len() == 5).await;
    rig.transport.with(1, |connection| connection.slow = true);
    rig.push(1);
    let mut third = newest();
    rig.transport.until(|transport| transport.chunks(1).len() == 6).await;
    assert!(is_waiting(&mut third), "it has caught up");
    lock(&rig.sessions).clear();
    assert!(third.await, "it is gone");
}

#[tokio::test]
async fn a_pump_that_all_viewers_left_keeps_no_chunk() {
    let mut rig = Rig::new();
    rig.push(3);
    rig.watch(0, Cursor::newest());
    rig.transport.until(|transport| transport.chunks(0).len() == 3).await;
    assert_eq!(lock(&rig.transport.memory).len(), 3);
    lock(&rig.transport.connections).clear();
    lock(&rig.sessions).clear();
    let given_up = async {
        while lock(&rig.transport.memory).iter().any(|memory| memory.strong_count() > 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, given_up).await.expect("the pump gives up what it kept");
}
