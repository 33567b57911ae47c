//! What a viewer gets: everything, or whole groups if it is slow, and then the end.

use protocol::event::StreamStateChanged;

use super::*;

#[tokio::test]
async fn slow_viewer_skips_whole_groups_and_the_fast_one_gets_everything() {
    let mut rig = Rig::new();
    rig.transport.with(1, |connection| connection.slow = true);
    rig.watch(0, Cursor::newest());
    rig.watch(1, Cursor::newest());
    for round in 1..=10 {
        rig.push(GROUP);
        rig.transport.until(|transport| transport.chunks(0).len() as u64 == round * GROUP).await;
    }
    let before = rig.transport.chunks(1);
    assert!(
        before.len() <= MOST_PACKETS,
        "no more than {MOST_PACKETS} packets are on the way to the slow one"
    );

    rig.transport.with(1, |connection| connection.slow = false);
    let receipts = rig.transport.with(1, |connection| std::mem::take(&mut connection.receipts));
    drop(receipts);
    rig.transport.until(|transport| transport.chunks(1).last() == Some(&name(99))).await;
    let to = name(90);
    let got = rig.transport.with(1, |connection| connection.got.clone());
    let skip = got.iter().position(|packet| *packet == Packet::Skipped(to)).expect("it is told");
    assert_eq!(got[skip + 1], Packet::Chunk(to, Arc::default()), "goes on with the newest group's keyframe");
    assert_eq!(rig.transport.chunks(1)[before.len()..], (90..100).map(name).collect::<Vec<_>>());
    assert_eq!(rig.metrics.skips.get(), 1);
}

#[tokio::test]
async fn viewer_that_resumes_far_back_gets_everything_that_follows() {
    let mut rig = Rig::new();
    rig.push(200);
    rig.watch(0, Cursor::after(name(0)));
    rig.transport.until(|transport| transport.chunks(0).last() == Some(&name(199))).await;
    assert_eq!(rig.transport.chunks(0), (1..200).map(name).collect::<Vec<_>>());
}

#[tokio::test]
async fn viewer_whose_queue_is_full_is_offered_the_same_again() {
    let mut rig = Rig::new();
    rig.transport.with(0, |connection| connection.full = true);
    rig.watch(0, Cursor::newest());
    rig.push(3);
    rig.transport.with(0, |connection| connection.full = false);
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(0).len() == 4).await;
    let greeting = [Packet::State(StreamState::Live), Packet::Init(0)];
    let expected: Vec<_> =
        greeting.into_iter().chain((0..4).map(|at| Packet::Chunk(name(at), Arc::default()))).collect();
    assert_eq!(rig.transport.with(0, |connection| connection.got.clone()), expected);
}

#[tokio::test]
async fn end_comes_after_the_last_chunk() {
    let mut rig = Rig::new();
    rig.transport.with(1, |connection| connection.slow = true);
    rig.watch(0, Cursor::newest());
    rig.watch(1, Cursor::newest());
    for round in 1..=6 {
        rig.push(GROUP);
        rig.transport.until(|transport| transport.chunks(0).len() as u64 == round * GROUP).await;
    }
    rig.close(Closed::Ended);
    let ended = Packet::State(StreamState::Ended);
    let is_ended = |transport: &FakeTransport, viewer| {
        transport.with(viewer, |connection| connection.got.contains(&ended))
    };
    rig.transport.until(|transport| is_ended(transport, 0)).await;
    assert_eq!(rig.transport.chunks(0).last(), Some(&name(59)));
    assert!(!is_ended(&rig.transport, 1), "the slow one has not got everything yet");
    rig.transport.with(1, |connection| connection.slow = false);
    drop(rig.transport.with(1, |connection| std::mem::take(&mut connection.receipts)));
    rig.transport.until(|transport| is_ended(transport, 1)).await;
    assert_eq!(rig.transport.chunks(1).last(), Some(&name(59)));
    rig.closed().await;
    let announced = lock(&rig.transport.announced).last().copied();
    assert_eq!(announced.map(|state| state.state), Some(StreamState::Ended), "the broadcaster is told too");
}

#[tokio::test]
async fn viewer_whose_connection_closed_is_counted_no_more() {
    let mut rig = Rig::new();
    rig.watch(0, Cursor::newest());
    rig.watch(1, Cursor::newest());
    assert_eq!(rig.viewers(), 2);
    rig.transport.with(0, |connection| connection.closed = true);
    rig.push(1);
    rig.transport.until(|transport| lock(&transport.announced).iter().any(|state| state.viewers == 1)).await;
    assert_eq!((rig.viewers(), rig.audience.viewers()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn viewer_whose_connection_takes_nothing_for_long_counts_as_gone() {
    let mut rig = Rig::new();
    rig.transport.with(0, |connection| connection.slow = true);
    rig.watch(0, Cursor::newest());
    let full_after_s = MOST_PACKETS as u64 / GROUP;
    for second in 0..60 {
        let is_stalled_for_long = second >= full_after_s + pump::WRITE_STALL_TIMEOUT.as_secs();
        assert_eq!(rig.viewers(), u32::from(!is_stalled_for_long), "after {second} s");
        rig.push(GROUP);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn viewers_of_a_dropped_stream_are_told_so_after_the_last_chunk_and_that_it_ended_never() {
    let mut rig = Rig::new();
    rig.watch(0, Cursor::newest());
    rig.push(3);
    rig.close(Closed::Dropped);
    rig.closed().await;
    let (got, dismissed) = rig.transport.with(0, |connection| (connection.got.clone(), connection.dismissed));
    let last = [Packet::Chunk(name(2), Arc::default()), Packet::Dropped(1), Packet::Dropped(2)];
    assert_eq!(got[got.len() - 3..], last);
    assert_eq!(dismissed, Some(Dismissal::Closed(Closed::Dropped)));
    let ended = |state: &StreamStateChanged| state.state == StreamState::Ended;
    assert!(!got.contains(&Packet::State(StreamState::Ended)));
    assert!(!lock(&rig.transport.announced).iter().any(ended), "nor is a broadcaster");
}

#[tokio::test]
async fn viewer_whose_queue_fills_up_at_the_end_is_told_each_thing_once() {
    let mut rig = Rig::new();
    rig.watch(0, Cursor::newest());
    rig.push(1);
    rig.transport.until(|transport| transport.chunks(0).len() == 1).await;
    rig.transport.with(0, |connection| connection.room = Some(1));
    rig.close(Closed::Dropped);
    rig.transport.until(|transport| transport.with(0, |connection| connection.full)).await;
    rig.transport.with(0, |connection| (connection.full, connection.room) = (false, None));
    rig.readers().changed();
    rig.closed().await;
    let got = rig.transport.with(0, |connection| connection.got.clone());
    let last = [Packet::Chunk(name(0), Arc::default()), Packet::Dropped(1), Packet::Dropped(2)];
    assert_eq!(got[got.len() - 3..], last);
}
