//! Any order of push, join, read, skip and evict gives each viewer an init segment, then a keyframe, and no silent gap.

use std::sync::Mutex;

use media::Run;
use proptest::prelude::*;
use protocol::{
    Format, StreamId,
    event::{FrameName, SkipReason},
    stream::Visibility,
};

use super::{budget::Account, *};
use crate::rendition::Chunk;

const LIMITS: HubLimits =
    HubLimits { ring: RingLimits { window_ms: 1000, group_bytes: 6000 }, budget_bytes: 20_000, streams: 4 };

#[derive(Clone, Debug)]
enum Step {
    /// The producer of a stream appends a run; `key` begins a group, `take` a take.
    Push { stream: usize, key: bool, take: bool, frames: u32, bytes: usize, wait_ms: u64 },
    /// A viewer joins at the newest keyframe.
    Join { stream: usize },
    /// A viewer joins after a run, `back` runs before the newest, of which it names one frame.
    Resume { stream: usize, back: usize, frame: u32 },
    /// A viewer takes up to `count` things.
    Read { viewer: usize, count: usize },
    /// The lag policy skips a viewer.
    Skip { viewer: usize },
    /// A viewer continues in another format.
    Switch { viewer: usize, format: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2usize, prop::bool::weighted(0.25), prop::bool::weighted(0.04), (1..5u32, 1..300usize), 0..200u64)
            .prop_map(|(stream, key, take, (frames, bytes), wait_ms)| Step::Push { stream, key, take, frames, bytes, wait_ms }),
        1 => (0..2usize).prop_map(|stream| Step::Join { stream }),
        1 => (0..2usize, 0..30usize, 0..4u32).prop_map(|(stream, back, frame)| Step::Resume { stream, back, frame }),
        4 => (0..8usize, 1..10usize).prop_map(|(viewer, count)| Step::Read { viewer, count }),
        1 => (0..8usize, 0..3usize).prop_map(|(viewer, format)| Step::Switch { viewer, format }),
        1 => (0..8usize).prop_map(|viewer| Step::Skip { viewer }),
    ]
}

/// One stream with everything its producer ever pushed.
struct Producer {
    shared: SharedStream,
    pushed: Vec<(Span, bool)>,
}

impl Producer {
    fn push(&mut self, (key, take): (bool, bool), (frames, bytes): (u32, usize), now_ms: u64) {
        let mut stream = lock(&self.shared);
        let name = match self.pushed.last() {
            None => FrameName { take: 0, group: 0, index: 0 },
            Some((last, _)) if take => FrameName { take: last.first.take + 1, group: 0, index: 0 },
            Some((last, _)) if key => FrameName { group: last.first.group + 1, index: 0, ..last.first },
            Some((last, _)) => FrameName { index: last.first.index + last.frames, ..last.first },
        };
        if (name.group, name.index) == (0, 0) {
            stream.begin_take(name.take);
            stream.ring_mut().push_tracks(name.take, samples::tracks()).unwrap();
        }
        stream.ring_mut().push(name.take, samples::run(name, frames, bytes), None, now_ms).unwrap();
        self.pushed.push((Span { first: name, frames }, name.index == 0));
    }
}

/// A viewer that checks what it is given.
struct Viewer {
    stream: usize,
    cursor: Cursor,
    format: Format,
    init: Option<u64>,
    last: Option<FrameName>,
    announced: Option<FrameName>,
}

impl Viewer {
    fn new(stream: usize, after: Option<FrameName>) -> Self {
        let cursor = after.map_or_else(Cursor::newest, Cursor::after);
        Self {
            stream,
            cursor,
            format: Format::WebM,
            init: after.map(|last| last.take),
            last: after,
            announced: None,
        }
    }

    fn take(&mut self, next: &Next, stream: &mut LiveStream, pushed: &[(Span, bool)]) {
        match next {
            Next::Init(take) => self.init = Some(*take),
            Next::Skipped { from, to, .. } => {
                assert_eq!(*from, self.last, "says what the viewer has");
                assert!(self.last < Some(*to), "skips forward");
                self.announced = Some(*to);
            }
            Next::Chunk(position, head) => {
                let chunk = stream.ring_mut().chunk(*position, self.format).unwrap();
                assert_eq!(chunk.head, *head, "is the same in every format");
                self.take_chunk(&chunk, pushed);
            }
        }
    }

    fn take_chunk(&mut self, chunk: &Chunk, pushed: &[(Span, bool)]) {
        let name = chunk.head.name;
        assert_eq!(self.init, Some(name.take), "has the init segment of every chunk");
        let at = pushed.iter().position(|(span, _)| *span == Span::from(&chunk.head)).unwrap();
        match (self.announced.take(), self.last) {
            (Some(to), _) => assert_eq!(to, name, "gets what was announced"),
            (None, Some(last)) => assert!(pushed[at - 1].0.holds(last), "has no silent gap"),
            (None, None) => assert!(chunk.head.key, "starts with a keyframe"),
        }
        self.last = Some(name);
    }
}

proptest! {
    #[test]
    fn every_viewer_gets_init_then_keyframe_and_no_silent_gap(steps in prop::collection::vec(step(), 1..300)) {
        let mut hub = Hub::new(LIMITS, |_, _| {});
        let mut producers: Vec<Producer> = ["a", "b"]
            .map(|title| hub.open(StreamId::new(title, 1), Visibility::Public).unwrap())
            .map(|shared| Producer { shared, pushed: Vec::new() })
            .into();
        let mut viewers: Vec<Viewer> = Vec::new();
        let mut now_ms = 0;
        for step in steps {
            match step {
                Step::Push { stream, key, take, frames, bytes, wait_ms } => {
                    now_ms += wait_ms;
                    producers[stream].push((key, take), (frames, bytes), now_ms);
                    hub.budget().enforce();
                    prop_assert!(!hub.budget().is_exceeded());
                }
                Step::Join { stream } => {
                    let mut viewer = Viewer::new(stream, None);
                    viewer.cursor = viewer.cursor.waiting_on(lock(&producers[stream].shared).ring());
                    viewers.push(viewer);
                }
                Step::Resume { stream, back, frame } => {
                    let pushed = &producers[stream].pushed;
                    let after = pushed.len().checked_sub(back + 1).map(|at| pushed[at].0).map(|span| FrameName {
                        index: span.first.index + frame % span.frames,
                        ..span.first
                    });
                    viewers.push(Viewer::new(stream, after));
                }
                Step::Read { viewer, count } => {
                    let Some(viewer) = viewers.get_mut(viewer) else { continue };
                    let producer = &producers[viewer.stream];
                    for _ in 0..count {
                        let mut stream = lock(&producer.shared);
                        let Some(next) = viewer.cursor.next(stream.ring()) else { break };
                        viewer.take(&next, &mut stream, &producer.pushed);
                    }
                    hub.budget().enforce();
                    prop_assert!(!hub.budget().is_exceeded(), "counts what is made");
                }
                Step::Switch { viewer, format } => {
                    let Some(viewer) = viewers.get_mut(viewer) else { continue };
                    viewer.format = Format::ALL[format];
                    let Some(last) = viewer.last else { continue };
                    (viewer.cursor, viewer.init) = (Cursor::after(last).without_init(), None);
                    viewer.announced = None;
                }
                Step::Skip { viewer } => {
                    let Some(viewer) = viewers.get_mut(viewer) else { continue };
                    viewer.cursor.skip_to_newest(lock(&producers[viewer.stream].shared).ring());
                }
            }
        }
        drop(viewers);
        for id in ["a", "b"].map(|title| StreamId::new(title, 1)) {
            hub.remove(id);
        }
        prop_assert_eq!(hub.budget().bytes(), 0, "all bytes are given back");
        drop(producers);
    }
}

/// A stream with groups of three chunks of 10 bytes, one a millisecond, and a window that keeps them all.
fn stream(chunks: u64) -> Mutex<LiveStream> {
    let ring = Ring::new(RingLimits { window_ms: 1000, group_bytes: 10_000 }, Account::default(), |_, _| {});
    let mut stream = LiveStream::new(StreamId::new("a", 1), Visibility::Public.into(), ring);
    stream.ring_mut().push_tracks(0, samples::tracks()).unwrap();
    for at in 0..chunks {
        stream.ring_mut().push(0, run(at), None, at).unwrap();
    }
    Mutex::new(stream)
}

/// The name of a run, whose two frames are counted.
fn name(at: u64) -> FrameName {
    FrameName { take: 0, group: at / 3, index: 2 * (at % 3) as u32 }
}

fn run(at: u64) -> Run {
    samples::run(name(at), 2, 5)
}

/// The names a cursor gives until it is at the live edge, and what it skipped.
fn read(cursor: &mut Cursor, stream: &Mutex<LiveStream>) -> (Vec<FrameName>, Vec<SkipReason>) {
    let (mut names, mut skips) = (Vec::new(), Vec::new());
    while let Some(next) = cursor.next(lock(stream).ring()) {
        match next {
            Next::Chunk(_, head) => names.push(head.name),
            Next::Skipped { reason, .. } => skips.push(reason),
            Next::Init(_) => {}
        }
    }
    (names, skips)
}

#[test]
fn a_stream_pays_with_its_own_window_and_the_others_are_not_even_locked() {
    let mut hub = Hub::new(LIMITS, |_, _| {});
    let mut open = |title| hub.open(StreamId::new(title, 1), Visibility::Public).unwrap();
    let streams = ["a", "b", "c"].map(&mut open);
    for (stream, chunks) in streams.iter().zip([3, 3, 30]) {
        let mut stream = lock(stream);
        stream.ring_mut().push_tracks(0, samples::tracks()).unwrap();
        (0..chunks).for_each(|at| stream.ring_mut().push(0, run(at), None, 0).unwrap());
    }
    assert!(hub.budget().is_exceeded());
    let [a, b, c] = &streams;
    let locked = (lock(a), lock(b));
    let (budget, (done, is_done)) = (hub.budget().clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        budget.enforce();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(std::time::Duration::from_secs(20)).expect("it waits for no other stream");
    drop(locked);
    assert!(!hub.budget().is_exceeded());
    let oldest = |stream: &SharedStream| lock(stream).ring().first();
    assert_eq!((oldest(a), oldest(b)), (0, 0));
    assert!(oldest(c) > 10);
}

#[test]
fn late_joiner_starts_at_newest_keyframe() {
    let stream = stream(8);
    let mut cursor = Cursor::newest();
    assert!(matches!(cursor.next(lock(&stream).ring()), Some(Next::Init(_))));
    assert_eq!(read(&mut cursor, &stream), (vec![name(6), name(7)], vec![]));
}

#[test]
fn viewer_that_comes_before_the_media_waits_for_it() {
    let stream = stream(0);
    let mut cursor = Cursor::newest();
    assert!(cursor.next(lock(&stream).ring()).is_none());
    lock(&stream).ring_mut().push(0, run(0), None, 0).unwrap();
    assert_eq!(read(&mut cursor, &stream).0, [name(0)]);
}

#[test]
fn viewer_that_waited_gets_every_group_that_comes_at_once() {
    let stream = stream(0);
    let mut waited = Cursor::newest().waiting_on(lock(&stream).ring());
    assert!(waited.next(lock(&stream).ring()).is_none());
    (0..8).for_each(|index| lock(&stream).ring_mut().push(0, run(index), None, 0).unwrap());
    assert_eq!(read(&mut waited, &stream).0, (0..8).map(name).collect::<Vec<_>>());
    let mut late = Cursor::newest().waiting_on(lock(&stream).ring());
    assert_eq!(read(&mut late, &stream).0, [name(6), name(7)], "who comes later does not wait");
}

#[test]
fn viewer_that_waited_starts_with_a_keyframe_where_the_first_chunk_is_none() {
    let stream = stream(0);
    let mut waited = Cursor::newest().waiting_on(lock(&stream).ring());
    (1..8).for_each(|index| lock(&stream).ring_mut().push(0, run(index), None, 0).unwrap());
    let first = read(&mut waited, &stream).0[0];
    assert!(first > name(1) && first.index == 0);
}

#[test]
fn viewer_that_resumes_gets_exactly_what_follows() {
    let stream = stream(8);
    assert_eq!(
        read(&mut Cursor::after(name(3)), &stream),
        (vec![name(4), name(5), name(6), name(7)], vec![])
    );
    assert_eq!(read(&mut Cursor::after(name(7)), &stream), (vec![], vec![]));
}

#[test]
fn viewer_that_is_ahead_of_the_node_waits_for_what_follows() {
    let stream = stream(5);
    let mut cursor = Cursor::after(name(6));
    assert_eq!(read(&mut cursor, &stream), (vec![], vec![]));
    for at in 5..9 {
        lock(&stream).ring_mut().push(0, run(at), None, at).unwrap();
    }
    assert_eq!(read(&mut cursor, &stream), (vec![name(7), name(8)], vec![]));
}

#[test]
fn viewer_whose_chunk_left_the_window_skips_to_the_newest_group() {
    let stream = stream(8);
    lock(&stream).ring_mut().give_way();
    lock(&stream).ring_mut().give_way();
    assert_eq!(read(&mut Cursor::after(name(2)), &stream).1, [SkipReason::LeftWindow]);
    let mut neighbour = Cursor::after(name(5));
    assert_eq!(
        read(&mut neighbour, &stream),
        (vec![name(6), name(7)], vec![]),
        "nothing is missing in between"
    );
}

#[test]
fn viewer_in_the_newest_group_has_nowhere_to_skip_to() {
    let stream = stream(8);
    let mut cursor = Cursor::after(name(6));
    cursor.skip_to_newest(lock(&stream).ring());
    assert_eq!(read(&mut cursor, &stream), (vec![name(7)], vec![]));
}

#[test]
fn group_larger_than_its_bound_loses_its_start_and_joiners_wait_for_the_next_keyframe() {
    let ring = Ring::new(RingLimits { window_ms: 1000, group_bytes: 3000 }, Account::default(), |_, _| {});
    let mut endless = LiveStream::new(StreamId::new("a", 1), Visibility::Public.into(), ring);
    endless.ring_mut().push_tracks(0, samples::tracks()).unwrap();
    for index in 0..10 {
        let name = FrameName { take: 0, group: 0, index };
        endless.ring_mut().push(0, samples::run(name, 1, 5), None, 0).unwrap();
    }
    assert!(endless.ring().first() > 0);
    let endless = Mutex::new(endless);
    let mut cursor = Cursor::newest();
    assert!(cursor.next(lock(&endless).ring()).is_none());
    lock(&endless).ring_mut().push(0, run(3), None, 0).unwrap();
    assert_eq!(read(&mut cursor, &endless).0, [name(3)]);
}

#[test]
fn takes_without_chunks_leave_no_init_segments_behind() {
    let stream = stream(3);
    let mut stream = lock(&stream);
    for take in 1..1000 {
        stream.begin_take(take);
        stream.ring_mut().push_tracks(take, samples::tracks()).unwrap();
    }
    let kept: Vec<u64> = (0..1000).filter(|take| stream.ring().renditions(*take).is_some()).collect();
    assert_eq!(kept, [0, 999], "the one of the chunks that are here, and the newest");
}
