//! A segment that takes long to parse delays nothing else, and the order of its own stream's events stays.

use std::{
    pin::{Pin, pin},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use protocol::grant::{Claims, Signer};

use super::*;
use crate::hub::{HubLimits, RingLimits};

const NOW: Now = Now { ms: 0, unix_ms: 1_700_000_000_000 };
const MIME: &str = "video/webm;codecs=vp8";

/// EBML header, Segment, Tracks with VP8 as track 1, and a Cluster.
const HEADER: &[u8] = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x97\
    \xae\x95\xd7\x81\x01\x83\x81\x01\x86\x85V_VP8\xe0\x86\xb0\x81\x40\xba\x81\x20\
    \x1f\x43\xb6\x75\xff\xe7\x81\x00";

/// Another Cluster.
const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75\xff\xe7\x81\x00";

/// The smallest keyframe there is, so often that it takes many slices.
fn many_slices() -> Bytes {
    b"\xa3\x85\x81\x00\x00\x80\x10".repeat(50_000).into()
}

/// Counts what a follower is told.
#[derive(Default)]
struct Told {
    appended: AtomicU32,
    arrived: AtomicU32,
}

impl Follower for Told {
    fn opened(&self, _: &SharedStream) {}

    fn arrived(&self, _: StreamId, _: &Arrival) {
        self.arrived.fetch_add(1, Relaxed);
    }

    fn state_changed(&self, _: StreamId) {}

    fn appended(&self, _: StreamId) {
        self.appended.fetch_add(1, Relaxed);
    }
}

fn ingest() -> Ingest {
    ingest_with(Vec::new())
}

fn ingest_with(followers: Vec<Arc<dyn Follower>>) -> Ingest {
    let signer = signer();
    let grants = Arc::new(Grants::new(std::slice::from_ref(signer.public_key())).unwrap());
    let ring = RingLimits { window_ms: 30_000, group_bytes: 32 << 20 };
    let hub = Hub::new(HubLimits { ring, budget_bytes: 512 << 20, streams: 10 }, |_, _| {});
    Ingest::new(Arc::new(Mutex::new(hub)), grants, Limits::default(), Arc::default(), followers)
}

fn signer() -> Signer {
    Signer::from_seed(&[7; 32]).unwrap()
}

fn id(title: &str) -> StreamId {
    StreamId::new(title, 1)
}

fn registration(stream_id: StreamId) -> RegisterNewStream {
    let claims =
        Claims { stream_id, action: Action::Publish, visibility: Visibility::Public, exp: 4_000_000_000 };
    let grant = signer().sign(&claims).unwrap();
    RegisterNewStream { stream_id, grant, mime: MIME.into(), take: Some(0), resume: None }
}

fn data(stream_id: StreamId, segment: impl Into<Bytes>) -> BroadcastData {
    BroadcastData { stream_id, take: None, seq: None, segment: segment.into(), captured_at_ms: None }
}

fn poll_once<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

async fn send(
    ingest: &Ingest,
    session: Session,
    stream: StreamId,
    segment: impl Into<Bytes>,
) -> Result<SegmentAccepted, WireError> {
    ingest.segment(session, data(stream, segment), Instant::now(), NOW).await
}

#[tokio::test]
async fn other_streams_are_served_between_the_slices_of_a_segment() {
    let ingest = ingest();
    let (busy, other) = (Session(1), Session(2));
    ingest.register(busy, registration(id("busy")), NOW).await.unwrap();
    send(&ingest, busy, id("busy"), HEADER).await.unwrap();
    let mut parsing = pin!(send(&ingest, busy, id("busy"), many_slices()));
    assert!(poll_once(&mut parsing).is_pending(), "it is parsed in slices");

    // Each of these would wait for ever if it needed the publisher that parses.
    assert!(ingest.publishers.try_lock().is_ok() && ingest.hub.try_lock().is_ok());
    let mut registering = pin!(ingest.register(other, registration(id("other")), NOW));
    let Poll::Ready(Ok(_)) = poll_once(&mut registering) else {
        panic!("another stream is registered at once")
    };
    let mut sending = pin!(send(&ingest, other, id("other"), HEADER));
    let Poll::Ready(Ok(_)) = poll_once(&mut sending) else { panic!("its segments are taken in at once") };
    assert_eq!(ingest.relayed(), []);
    assert_eq!(ingest.orphans(0, NOW), []);
    assert!(ingest.wanted(id("busy"), NOW).is_some());
    ingest.drop_idle(id("busy"), 0, NOW);
    ingest.expire(Authority::ThisNode, NOW);
    ingest.disconnected(other, NOW);
    assert!(poll_once(&mut parsing).is_pending(), "it is still parsed");

    assert_eq!(parsing.await.unwrap().have.seq, 1);
}

#[tokio::test]
async fn viewers_get_the_chunks_of_a_slice_before_the_segment_is_done() {
    let told = Arc::new(Told::default());
    let (ingest, id) = (ingest_with(vec![told.clone()]), id("a"));
    ingest.register(Session(1), registration(id), NOW).await.unwrap();
    send(&ingest, Session(1), id, HEADER).await.unwrap();
    let told = || (told.appended.load(Relaxed), told.arrived.load(Relaxed));
    assert_eq!(told(), (0, 1), "an ordinary segment is told of once");
    let mut parsing = pin!(send(&ingest, Session(1), id, many_slices()));
    assert!(poll_once(&mut parsing).is_pending());
    assert_eq!(told(), (1, 1));
    assert!(lock(&ingest.carried(id).unwrap()).ring().newest_name().is_some());
    parsing.await.unwrap();
    assert_eq!(told().1, 2);
}

#[tokio::test]
async fn a_broadcaster_that_comes_back_waits_for_the_segment_that_is_parsed() {
    let (ingest, id) = (ingest(), id("a"));
    let (before, after) = (Session(1), Session(2));
    ingest.register(before, registration(id), NOW).await.unwrap();
    send(&ingest, before, id, HEADER).await.unwrap();
    let mut parsing = pin!(send(&ingest, before, id, many_slices()));
    assert!(poll_once(&mut parsing).is_pending());
    let mut registering = pin!(ingest.register(after, registration(id), NOW));
    assert!(poll_once(&mut registering).is_pending());
    let mut late = pin!(send(&ingest, before, id, CLUSTER));
    assert!(poll_once(&mut late).is_pending());

    assert_eq!(parsing.await.unwrap().have.seq, 1);
    assert_eq!(registering.await.unwrap().next_segment, 2);
    assert_eq!(late.await.unwrap_err().code, ErrorCode::AlreadyPublishing);
}

#[tokio::test]
async fn a_stream_that_ends_while_its_broadcaster_waits_to_register_is_over() {
    let (ingest, id) = (ingest(), id("a"));
    ingest.register(Session(1), registration(id), NOW).await.unwrap();
    send(&ingest, Session(1), id, HEADER).await.unwrap();
    let mut parsing = pin!(send(&ingest, Session(1), id, many_slices()));
    assert!(poll_once(&mut parsing).is_pending());
    let mut registering = pin!(ingest.register(Session(2), registration(id), NOW));
    assert!(poll_once(&mut registering).is_pending());
    ingest.finish(id);
    drop(parsing.await);
    assert_eq!(registering.await.unwrap_err().code, ErrorCode::UnknownStream);
    assert_eq!(lock(&ingest.hub).len(), 0);
}

#[tokio::test]
async fn what_a_segment_of_tiny_elements_took_is_paid_off_by_its_stream_alone() {
    let ingest = ingest();
    for (session, title) in [(Session(1), "tiny"), (Session(2), "other")] {
        ingest.register(session, registration(id(title)), NOW).await.unwrap();
        send(&ingest, session, id(title), HEADER).await.unwrap();
    }
    let mut refused = None;
    for _ in 0..20 {
        refused = refused.or(send(&ingest, Session(1), id("tiny"), many_slices()).await.err());
    }
    assert_eq!(refused.unwrap().code, ErrorCode::LimitReached, "7 MB of it are too much at once");
    send(&ingest, Session(2), id("other"), CLUSTER).await.unwrap();
}
