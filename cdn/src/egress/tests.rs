//! A pump over a transport whose connections take what the test lets them take.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use media::Init;
use protocol::{
    event::{FrameName, Skipped, StreamStateChanged},
    stream::{StreamState, Visibility},
};
use tokio::sync::watch;

use super::{shard::SHARD_VIEWERS, *};
use crate::{
    clock::Now,
    hub::{Closed, Hub, HubLimits, Readers, RingLimits, Trace, samples},
    rendition::Chunk,
};

const TEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Chunks of a group.
const GROUP: u64 = 10;
const MOST_PACKETS: usize = 32;
static DELIVERY: Delivery = Delivery::half(Backlog { packets: MOST_PACKETS, bytes: 1 << 20 });

#[derive(Clone, Debug, PartialEq)]
enum Packet {
    Init(u64),
    Chunk(FrameName, Arc<()>),
    Skipped(FrameName),
    State(StreamState),
    /// The first or the second of two.
    Dropped(u8),
    Unsupported,
    Path(Vec<String>),
}

#[derive(Default)]
struct Connection {
    got: Vec<Packet>,
    /// Of what is on the way, if the connection is slow.
    receipts: Vec<Receipt>,
    slow: bool,
    full: bool,
    /// How many packets it takes before it is full, if it will be.
    room: Option<usize>,
    /// Has a bug.
    broken: bool,
    closed: bool,
    dismissed: Option<Dismissal>,
}

/// A connection by its number.
#[derive(Clone)]
struct FakeViewer {
    number: u32,
    transport: FakeTransport,
}

/// Connections by number.
#[derive(Clone)]
struct FakeTransport {
    connections: Arc<Mutex<HashMap<u32, Connection>>>,
    announced: Arc<Mutex<Vec<StreamStateChanged>>>,
    changed: watch::Sender<()>,
    /// Where the chunks are that were sent, by name: one place for each format.
    made: Arc<Mutex<BTreeMap<FrameName, BTreeSet<usize>>>>,
    /// Memory that the packets of chunks share.
    memory: Arc<Mutex<Vec<Weak<()>>>>,
}

impl FakeTransport {
    fn new() -> Self {
        let (connections, announced) = (Arc::default(), Arc::default());
        let (made, memory) = (Arc::default(), Arc::default());
        Self { connections, announced, changed: watch::channel(()).0, made, memory }
    }

    fn viewer(&self, number: u32) -> FakeViewer {
        FakeViewer { number, transport: self.clone() }
    }

    fn with<T>(&self, viewer: u32, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(lock(&self.connections).entry(viewer).or_default())
    }

    fn chunks(&self, viewer: u32) -> Vec<FrameName> {
        let chunk = |packet: &Packet| match packet {
            Packet::Chunk(name, _) => Some(*name),
            _ => None,
        };
        self.with(viewer, |connection| connection.got.iter().filter_map(chunk).collect())
    }

    fn announce(&self, state: &StreamStateChanged) {
        lock(&self.announced).push(*state);
        self.changed.send_replace(());
    }

    async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.changed.subscribe();
        let met = async {
            while !condition(self) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, met).await.expect("it happens in time");
    }
}

impl Encoder for FakeTransport {
    type Viewer = FakeViewer;
    type Packet = Packet;

    fn init(&self, _: StreamId, take: u64, _: &Init, _: Option<i64>) -> Packet {
        Packet::Init(take)
    }

    fn chunk(&self, _: StreamId, chunk: &Chunk) -> Packet {
        lock(&self.made).entry(chunk.head.name).or_default().insert(chunk.data.as_ptr() as usize);
        let memory = Arc::default();
        lock(&self.memory).push(Arc::downgrade(&memory));
        Packet::Chunk(chunk.head.name, memory)
    }

    fn skipped(&self, skipped: &Skipped) -> Packet {
        Packet::Skipped(skipped.to)
    }

    fn state(&self, state: &StreamStateChanged) -> Packet {
        Packet::State(state.state)
    }

    fn relay_path(&self, path: &[String]) -> Option<Packet> {
        Some(Packet::Path(path.to_vec()))
    }

    fn dropped(&self, _: &StreamStateChanged) -> Vec<Packet> {
        vec![Packet::Dropped(1), Packet::Dropped(2)]
    }

    fn unsupported(&self, _: &StreamStateChanged) -> Vec<Packet> {
        vec![Packet::Unsupported]
    }
}

impl ViewerConnection for FakeViewer {
    type Packet = Packet;

    fn offer(&self, packet: &Packet, receipt: PendingReceipt<'_>) -> Offer {
        let offer = self.transport.with(self.number, |connection| {
            if connection.closed {
                return Offer::Closed;
            }
            assert!(!connection.broken, "a bug");
            if connection.full {
                return Offer::Full;
            }
            if let Some(room) = &mut connection.room {
                *room -= 1;
                connection.full = *room == 0;
            }
            connection.got.push(packet.clone());
            if connection.slow {
                connection.receipts.push(receipt.issue());
            }
            Offer::Taken
        });
        self.transport.changed.send_replace(());
        offer
    }

    fn dismiss(&self, why: Dismissal) {
        self.transport.with(self.number, |connection| connection.dismissed = Some(why));
    }
}

struct Rig {
    hub: Hub,
    transport: FakeTransport,
    egress: Egress<FakeTransport>,
    stream: SharedStream,
    id: StreamId,
    audience: Arc<Audience>,
    metrics: Arc<Metrics>,
    /// Of the viewers, none of which leaves.
    sessions: Mutex<Vec<Session>>,
    pushed: u64,
}

impl Rig {
    fn new() -> Self {
        let ring = RingLimits { window_ms: 1_000_000, group_bytes: 1 << 20 };
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 30, streams: 1 }, |_, _| {});
        let id = StreamId::new("a", 1);
        let stream = open(&mut hub, id);
        let (transport, metrics) = (FakeTransport::new(), Arc::<Metrics>::default());
        let limits = Limits { max_lag: Duration::from_secs(2), ..Limits::default() };
        let audience = Audience::new(&limits);
        let counted = (limits, metrics.clone(), audience.clone());
        let tasks = (TaskTracker::new(), CancellationToken::new());
        let egress = Egress::new(transport.clone(), counted, Clock::start(), tasks);
        let sessions = Mutex::default();
        let rig = Self { hub, transport, egress, audience, stream, id, metrics, sessions, pushed: 0 };
        rig.announce();
        rig
    }

    /// Has the broadcaster told how the stream is doing.
    fn announce(&self) {
        let transport = self.transport.clone();
        let announcer = Announcer::new(&self.stream, Clock::start(), move |state| transport.announce(state));
        self.egress.tasks.spawn(announcer.run());
    }

    fn readers(&self) -> Arc<Readers> {
        lock(&self.stream).readers().clone()
    }

    fn viewers(&self) -> u32 {
        self.readers().counts().now(Role::Viewer)
    }

    /// Closes the stream and opens another one of the same id.
    fn reopen(&mut self) {
        self.hub.remove(self.id);
        self.close(Closed::Dropped);
        self.stream = open(&mut self.hub, self.id);
        self.pushed = 0;
    }

    fn watch(&self, viewer: u32, cursor: Cursor) {
        self.watch_in(viewer, cursor, None);
    }

    fn watch_in(&self, viewer: u32, cursor: Cursor, formats: Option<Formats>) {
        let (viewer, role) = (self.transport.viewer(viewer), Role::Viewer);
        let applicant = Applicant { viewer, role, delivery: &DELIVERY, cursor, formats, replacing: None };
        let session = self.egress.admit(&self.stream, applicant).ok().unwrap().start(|| {});
        lock(&self.sessions).push(session.expect("the stream is here"));
    }

    /// A group a second.
    fn push(&mut self, chunks: u64) {
        for _ in 0..chunks {
            let name = name(self.pushed);
            let mut stream = lock(&self.stream);
            let begins = stream.set_state(StreamState::Live);
            stream.ring_mut().push(0, samples::run(name, 1, 100), None, self.pushed * 100).unwrap();
            self.pushed += 1;
            if begins {
                stream.readers().changed();
            }
        }
        self.readers().media(None);
    }

    /// Waits until every pump stopped.
    async fn closed(&self) {
        self.egress.tasks.close();
        self.egress.tasks.wait().await;
    }

    fn close(&self, why: Closed) {
        lock(&self.stream).close(why);
        self.readers().changed();
    }
}

fn open(hub: &mut Hub, id: StreamId) -> SharedStream {
    let stream = hub.open(id, Visibility::Public).unwrap();
    lock(&stream).ring_mut().push_tracks(0, samples::tracks()).unwrap();
    stream
}

fn name(at: u64) -> FrameName {
    FrameName { take: 0, group: at / GROUP, index: (at % GROUP) as u32 }
}

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
        let applicant = Applicant { viewer, role, delivery, cursor, formats: None, replacing };
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
