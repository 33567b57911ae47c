//! Readers never read across missing runs without being notified, whatever they had before.

use bytes::Bytes;
use protocol::{
    StreamId,
    event::{FrameName, SkipReason},
    stream::Visibility,
};

use super::{Cursor, Hub, HubLimits, LiveStream, Next, RingLimits, SharedStream, Span, samples};
use crate::lock::lock;

/// Frames of a run.
const FRAMES: u32 = 3;

/// The first frame of a run.
fn name(group: u64, run: u32) -> FrameName {
    FrameName { take: 0, group, index: run * FRAMES }
}

fn span(group: u64, run: u32) -> Span {
    Span { first: name(group, run), frames: FRAMES }
}

fn stream() -> (Hub, SharedStream) {
    let ring = RingLimits { window_ms: 10_000, group_bytes: 10_000 };
    let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 20, streams: 1 }, |_, _| {});
    let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
    lock(&stream).ring_mut().push_tracks(0, samples::tracks()).unwrap();
    (hub, stream)
}

fn push(stream: &mut LiveStream, group: u64, run: u32) {
    stream.ring_mut().push(0, samples::run(name(group, run), FRAMES, 10), None, 0).unwrap();
}

/// What a cursor gives, in a short form.
fn read(cursor: &mut Cursor, stream: &LiveStream) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(next) = cursor.next(stream.ring()) {
        seen.push(match next {
            Next::Init(take) => format!("init {take}"),
            Next::Chunk(_, head) => format!("{}.{}", head.name.group, head.name.index / FRAMES),
            Next::Skipped { from, to, reason } => {
                let (from, left) = (from.unwrap(), reason == SkipReason::LeftWindow);
                format!("{}.{} to {}.{} {left}", from.group, from.index / FRAMES, to.group, to.index / FRAMES)
            }
        });
    }
    seen
}

#[test]
fn viewer_at_the_live_edge_is_told_of_a_gap_and_goes_on_at_the_next_keyframe() {
    let (hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|run| push(&mut stream, 0, run));
    let (mut at_edge, mut behind) = (Cursor::newest(), Cursor::after(name(0, 0)));
    assert_eq!(read(&mut at_edge, &stream), ["init 0", "0.0", "0.1", "0.2"]);
    behind.next(stream.ring());
    stream.ring_mut().gap();
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
    let before = hub.budget().bytes();
    stream.ring_mut().gap();
    assert!(hub.budget().bytes() + 2 * 3 * 10 < before, "the budget knows what went");
}

#[test]
fn the_largest_fragment_and_the_rest_of_the_largest_segment_leave_no_gap() {
    let limits = RingLimits { window_ms: 10_000, group_bytes: 1 << 30 };
    let mut hub = Hub::new(HubLimits { ring: limits, budget_bytes: 1 << 30, streams: 1 }, |_, _| {});
    let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
    let mut stream = lock(&stream);
    stream.ring_mut().push_tracks(0, samples::tracks()).unwrap();
    // 32 MiB of a fragment and 16 MiB of a segment, in as many frames as a run has.
    let mut run = samples::run(name(0, 0), 4096, 0);
    let data = Bytes::from(vec![0; 48 << 20]);
    let frame_bytes = data.len() / run.frames.len();
    for (at, frame) in run.frames.iter_mut().enumerate() {
        frame.data = data.slice(at * frame_bytes..(at + 1) * frame_bytes);
    }
    assert_eq!(stream.ring_mut().push(0, run, None, 0), Ok(()));
}

#[test]
fn names_up_to_a_gap_do_not_come_again() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    push(&mut stream, 0, 0);
    stream.ring_mut().gap();
    assert_eq!(stream.ring().newest(), Some(span(0, 0)));
    for index in 0..FRAMES {
        let again = FrameName { take: 0, group: 0, index };
        assert!(stream.ring_mut().push(0, samples::run(again, 1, 10), None, 0).is_err(), "{index}");
    }
    assert!(stream.ring_mut().push(0, samples::run(name(0, 1), 1, 10), None, 0).is_ok());
}

#[test]
fn resumed_ring_knows_the_chunk_before_its_first() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    stream.ring_mut().follow(span(3, 7));
    push(&mut stream, 4, 0);
    let mut exactly = Cursor::after(name(3, 7));
    assert_eq!(read(&mut exactly, &stream), ["4.0"], "between two groups, and nothing is missing");
    let mut by_last = Cursor::after(FrameName { take: 0, group: 3, index: 7 * FRAMES + 2 });
    assert_eq!(read(&mut by_last, &stream), ["4.0"], "named by the last frame of the run");
    let mut before = Cursor::after(name(3, 6));
    assert_eq!(read(&mut before, &stream), ["3.6 to 4.0 true", "4.0"]);
}

#[test]
fn ring_that_has_what_it_is_to_follow_stays() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|run| push(&mut stream, 0, run));
    stream.ring_mut().follow(span(0, 2));
    stream.ring_mut().follow(span(0, 1));
    push(&mut stream, 0, 3);
    let mut viewer = Cursor::after(name(0, 0));
    assert_eq!(read(&mut viewer, &stream), ["0.1", "0.2", "0.3"]);
}

#[test]
fn ring_that_lacks_what_it_is_to_follow_shows_a_gap_but_not_to_who_has_it() {
    let (_hub, stream) = stream();
    let mut stream = lock(&stream);
    (0..3).for_each(|run| push(&mut stream, 0, run));
    let mut here = Cursor::after(name(0, 2));
    here.next(stream.ring());
    stream.ring_mut().follow(span(0, 5));
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
    (0..3).for_each(|run| push(&mut stream, 0, run));
    assert_eq!(stream.ring().bytes_per_s(), 10_000, "10 bytes a millisecond, however late they came");
}
