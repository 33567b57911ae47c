//! Chunks that never came are never read across: whoever reads on is told, whatever it had before.

use bytes::Bytes;
use protocol::{
    StreamId,
    event::{ChunkName, SkipReason},
    stream::Visibility,
};

use super::{Chunk, Cursor, Hub, HubLimits, LiveStream, Next, RingLimits, SharedStream};
use crate::lock::lock;

fn name(group: u64, index: u32) -> ChunkName {
    ChunkName { take: 0, group, index }
}

fn stream() -> (Hub, SharedStream) {
    let ring = RingLimits { window_ms: 10_000, group_bytes: 10_000 };
    let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 20, streams: 1 }, |_, _| {});
    let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
    lock(&stream).push_init("video/webm".into(), Bytes::from_static(b"init"));
    (hub, stream)
}

fn push(stream: &mut LiveStream, group: u64, index: u32) {
    let data = Bytes::from_static(b"0123456789");
    let name = name(group, index);
    let chunk = Chunk { name, key: index == 0, pts_ms: 0, duration_ms: 1, captured_at_ms: None, data };
    stream.push(chunk, 0).unwrap();
}

/// What a cursor gives, in a short form.
fn read(cursor: &mut Cursor, stream: &LiveStream) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(next) = cursor.next(stream.ring()) {
        seen.push(match next {
            Next::Init(init) => format!("init {}", init.take),
            Next::Chunk(chunk) => format!("{}.{}", chunk.name.group, chunk.name.index),
            Next::Skipped { from, to, reason } => {
                let (from, left) = (from.unwrap(), reason == SkipReason::LeftWindow);
                format!("{}.{} to {}.{} {left}", from.group, from.index, to.group, to.index)
            }
        });
    }
    seen
}

#[test]
fn viewer_at_the_live_edge_is_told_of_a_gap_and_goes_on_at_the_next_keyframe() {
    let (hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|index| push(&mut stream, 0, index));
    let (mut at_edge, mut behind) = (Cursor::newest(), Cursor::after(name(0, 0)));
    assert_eq!(read(&mut at_edge, &stream), ["init 0", "0.0", "0.1", "0.2"]);
    behind.next(stream.ring());
    stream.gap();
    push(&mut stream, 1, 2);
    assert_eq!(read(&mut at_edge, &stream), [""; 0], "no keyframe yet");
    push(&mut stream, 2, 0);
    assert_eq!(read(&mut at_edge, &stream), ["0.2 to 2.0 true", "2.0"]);
    assert_eq!(read(&mut behind, &stream), ["0.1 to 2.0 true", "2.0"]);
    let mut elsewhere = Cursor::after(name(0, 2));
    assert_eq!(
        read(&mut elsewhere, &stream),
        ["0.2 to 2.0 true", "2.0"],
        "nor for who had the last one before it"
    );
    drop(stream);
    assert_eq!(hub.budget().bytes(), 2 * (10 + 512) + (4 + 10 + 512), "the budget knows what went");
}

#[test]
fn names_up_to_a_gap_do_not_come_again() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    push(&mut stream, 0, 0);
    stream.gap();
    assert_eq!(stream.ring().newest_name(), Some(name(0, 0)));
    let chunk = Chunk {
        name: name(0, 0),
        key: true,
        pts_ms: 0,
        duration_ms: 1,
        captured_at_ms: None,
        data: Bytes::new(),
    };
    assert!(stream.push(chunk, 0).is_err());
}

#[test]
fn resumed_ring_knows_the_chunk_before_its_first() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    stream.follow(name(3, 7));
    push(&mut stream, 4, 0);
    let mut exactly = Cursor::after(name(3, 7));
    assert_eq!(read(&mut exactly, &stream), ["4.0"], "between two groups, and nothing is missing");
    let mut before = Cursor::after(name(3, 6));
    assert_eq!(read(&mut before, &stream), ["3.6 to 4.0 true", "4.0"]);
}

#[test]
fn ring_that_has_what_it_is_to_follow_stays() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|index| push(&mut stream, 0, index));
    stream.follow(name(0, 2));
    stream.follow(name(0, 1));
    push(&mut stream, 0, 3);
    let mut viewer = Cursor::after(name(0, 0));
    assert_eq!(read(&mut viewer, &stream), ["0.1", "0.2", "0.3"]);
}

#[test]
fn ring_that_lacks_what_it_is_to_follow_shows_a_gap_but_not_to_who_has_it() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|index| push(&mut stream, 0, index));
    let mut here = Cursor::after(name(0, 2));
    here.next(stream.ring());
    stream.follow(name(0, 5));
    push(&mut stream, 0, 6);
    push(&mut stream, 1, 0);
    let mut elsewhere = Cursor::after(name(0, 5));
    assert_eq!(read(&mut elsewhere, &stream), ["0.6", "1.0"]);
    assert_eq!(read(&mut here, &stream), ["0.2 to 1.0 true", "1.0"]);
}

#[test]
fn rate_of_a_stream_is_its_bytes_over_the_time_they_cover() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    assert_eq!(stream.ring().bytes_per_s(), 0);
    (0..3).for_each(|index| push(&mut stream, 0, index));
    assert_eq!(stream.ring().bytes_per_s(), 10_000, "10 bytes a millisecond, however late they came");
}
