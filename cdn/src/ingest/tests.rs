//! A segment that takes long to parse delays nothing else, and the order of its own stream's events stays.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use media::Output;
use protocol::{
    ErrorCode, StreamId, WireError,
    event::FrameName,
    grant::{Action, Claims, Signer},
    node::Access,
    stream::{StreamState, Visibility},
};

use super::{source::StreamSource, streams::Ending, *};
use crate::{
    clock::{Clock, Now},
    config::Limits,
    grants::Grants,
    hub::{self, AskKeyframe, Hub, HubLimits, RingLimits, Subscriber, samples},
    lock::lock,
};

const NOW: Now = Now { ms: 0, unix_ms: 1_700_000_000_000 };
const MIME: &str = "video/webm;codecs=vp8";

/// EBML header, Segment, Tracks with VP8 as track 1, and a Cluster.
const HEADER: &[u8] = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x97\
    \xae\x95\xd7\x81\x01\x83\x81\x01\x86\x85V_VP8\xe0\x86\xb0\x81\x40\xba\x81\x20\
    \x1f\x43\xb6\x75\xff\xe7\x81\x00";

/// Another Cluster.
const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75\xff\xe7\x81\x00";

/// The smallest keyframe there is (RFC 6386, section 9.1).
const PICTURE: &[u8] = b"\xa3\x8e\x81\x00\x00\x80\x10\x00\x00\x9d\x01\x2a\x40\x00\x20\x00";

/// A keyframe so often that it takes many slices.
fn many_slices() -> Bytes {
    PICTURE.repeat(50_000).into()
}

fn ingest() -> Ingest {
    let signer = signer();
    let grants = Arc::new(Grants::new(std::slice::from_ref(signer.public_key())).unwrap());
    let ring = RingLimits { window_ms: 30_000, group_bytes: 32 << 20 };
    let hub = Hub::new(HubLimits { ring, budget_bytes: 512 << 20, streams: 10 }, |_, _| {});
    let context = (Limits::default(), Arc::default(), Clock::start());
    Ingest::new(Arc::new(Mutex::new(hub)), grants, context, Vec::new())
}

fn signer() -> Signer {
    Signer::from_seed(&[7; 32]).unwrap()
}

fn id(title: &str) -> StreamId {
    StreamId::new(title, 1)
}

/// Of a link whose keyframes no reader needs.
fn unasked() -> AskKeyframe {
    Arc::new(|| {})
}

fn registration(stream: StreamId) -> Registration {
    let claims = Claims::new(stream, Action::Publish, Visibility::Public, 4_000_000_000);
    let grant = signer().sign(&claims).unwrap();
    Registration { stream, grant, mime: MIME.into(), take: Some(0), resume: None, ask_keyframe: None }
}

fn data(stream: StreamId, segment: impl Into<Bytes>) -> Segment {
    Segment { stream, take: None, seq: None, data: segment.into(), captured_at_ms: None, arrived_us: 0 }
}

fn poll_once<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

async fn send(
    ingest: &Ingest,
    connection: ConnectionId,
    stream: StreamId,
    segment: impl Into<Bytes>,
) -> Result<Accepted, WireError> {
    ingest.segment(connection, data(stream, segment), NOW).await
}

#[tokio::test]
async fn other_streams_are_served_between_the_slices_of_a_segment() {
    let ingest = ingest();
    let (busy, other) = (ConnectionId(1), ConnectionId(2));
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
    let (ingest, id) = (ingest(), id("a"));
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    let subscriber = Subscriber::new(&stream, Arc::default());
    let was_woken = || poll_once(&mut pin!(subscriber.woken())).is_ready();
    send(&ingest, ConnectionId(1), id, [HEADER, PICTURE].concat()).await.unwrap();
    assert!(was_woken() && !was_woken(), "an ordinary segment wakes readers once");
    let mut parsing = pin!(send(&ingest, ConnectionId(1), id, many_slices()));
    assert!(poll_once(&mut parsing).is_pending());
    assert!(was_woken() && lock(&stream).ring().newest().is_some());
    parsing.await.unwrap();
    assert!(was_woken());
}

#[tokio::test]
async fn a_stream_has_one_producer_at_a_time() {
    let (ingest, id) = (ingest(), id("a"));
    let pulled = ingest.relay(id, Access::Open, unasked(), NOW).unwrap();
    let second = ingest.relay(id, Access::Open, unasked(), NOW).err().unwrap();
    assert_eq!(second.code, ErrorCode::AlreadyPublishing);
    let tracks = vec![Output::Tracks(samples::tracks())];
    let written = Written { take: 0, epoch_ms: None, outputs: tracks, segment_bytes: None };
    assert_eq!(pulled.write(written, None, NOW), Ok(false));
    let again = Registration { take: Some(1), ..registration(id) };
    ingest.register(ConnectionId(1), again, NOW).await.unwrap();
    assert!(pulled.stopped().is_cancelled());
    assert_eq!(pulled.gap(), Err(Superseded), "its broadcaster is here now");
    assert!(ingest.relay(id, Access::Open, unasked(), NOW).is_err());
    ingest.disconnected(ConnectionId(1), NOW);
    let pulled = ingest.relay(id, Access::Open, unasked(), NOW).unwrap();
    ingest.finish(id);
    assert_eq!(pulled.state(StreamState::Live), Err(Superseded));
}

#[tokio::test]
async fn keyframes_are_asked_of_the_producer_there_is_if_it_can_make_them() {
    let (ingest, id, asked) = (ingest(), id("a"), Arc::new(AtomicU32::new(0)));
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    let upstream = lock(&stream).upstream().clone();
    upstream.request_keyframe(0);
    let counted = asked.clone();
    let ask: AskKeyframe = Arc::new(move || {
        counted.fetch_add(1, Relaxed);
    });
    let able = Registration { ask_keyframe: Some(ask.clone()), ..registration(id) };
    ingest.register(ConnectionId(2), able, NOW).await.unwrap();
    upstream.request_keyframe(0);
    assert_eq!(asked.load(Relaxed), 1);
    ingest.disconnected(ConnectionId(2), NOW);
    upstream.request_keyframe(5000);
    assert_eq!(asked.load(Relaxed), 1, "it is gone");
    let _pulled = ingest.relay(id, Access::Open, ask, NOW).unwrap();
    upstream.request_keyframe(9000);
    assert_eq!(asked.load(Relaxed), 2, "the node it is pulled from is asked");
}

#[tokio::test]
async fn a_broadcaster_that_comes_back_waits_for_the_segment_that_is_parsed() {
    let (ingest, id) = (ingest(), id("a"));
    let (before, after) = (ConnectionId(1), ConnectionId(2));
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
    ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap();
    send(&ingest, ConnectionId(1), id, HEADER).await.unwrap();
    let mut parsing = pin!(send(&ingest, ConnectionId(1), id, many_slices()));
    assert!(poll_once(&mut parsing).is_pending());
    let mut registering = pin!(ingest.register(ConnectionId(2), registration(id), NOW));
    assert!(poll_once(&mut registering).is_pending());
    ingest.finish(id);
    drop(parsing.await);
    assert_eq!(registering.await.err().unwrap().code, ErrorCode::UnknownStream);
    assert_eq!(lock(&ingest.hub).len(), 0);
}

#[tokio::test]
async fn what_a_segment_of_tiny_elements_took_is_paid_off_by_its_stream_alone() {
    let ingest = ingest();
    for (connection, title) in [(ConnectionId(1), "tiny"), (ConnectionId(2), "other")] {
        ingest.register(connection, registration(id(title)), NOW).await.unwrap();
        send(&ingest, connection, id(title), HEADER).await.unwrap();
    }
    let mut refused = None;
    for _ in 0..20 {
        refused = refused.or(send(&ingest, ConnectionId(1), id("tiny"), many_slices()).await.err());
    }
    assert_eq!(refused.unwrap().code, ErrorCode::LimitReached, "7 MB of it are too much at once");
    send(&ingest, ConnectionId(2), id("other"), CLUSTER).await.unwrap();
}

#[tokio::test]
async fn segments_a_second_are_bounded_and_only_their_stream_notices() {
    let ingest = ingest();
    for (connection, title) in [(ConnectionId(1), "many"), (ConnectionId(2), "other")] {
        ingest.register(connection, registration(id(title)), NOW).await.unwrap();
        send(&ingest, connection, id(title), HEADER).await.unwrap();
    }
    let most = 4 * Limits::default().stream_segments_per_s;
    for _ in 1..most {
        send(&ingest, ConnectionId(1), id("many"), Bytes::new()).await.unwrap();
    }
    let refused = send(&ingest, ConnectionId(1), id("many"), Bytes::new()).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::LimitReached);
    send(&ingest, ConnectionId(2), id("other"), CLUSTER).await.unwrap();
    let later = Now { ms: 1000, ..NOW };
    let again = ingest.segment(ConnectionId(1), data(id("many"), Bytes::new()), later).await;
    assert_eq!(again.unwrap().have.seq, most, "the refused one was not taken");
}

/// Sends a keyframe. Gives what its acknowledgement waits for.
async fn unwritten(ingest: &Ingest, id: StreamId) -> hub::Unwritten {
    let accepted = send(ingest, ConnectionId(1), id, PICTURE).await.unwrap();
    accepted.unwritten.expect("the stream is recorded")
}

#[tokio::test(start_paused = true)]
async fn a_segment_of_a_recorded_stream_waits_until_it_is_written_or_cannot_be() {
    let (ingest, id) = (ingest(), id("a"));
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    let accepted = send(&ingest, ConnectionId(1), id, HEADER).await.unwrap();
    assert!(accepted.unwritten.is_none(), "it is not recorded");
    let readers = lock(&stream).readers().clone();
    let end = || lock(&stream).ring().end();
    let recorder = readers.keep(end());
    let (first, second) = (unwritten(&ingest, id).await, unwritten(&ingest, id).await);
    assert_eq!(end(), 2);
    let (mut first, mut second) = (pin!(first.written()), pin!(second.written()));
    assert!(poll_once(&mut first).is_pending() && poll_once(&mut second).is_pending());
    recorder.wrote(1, false);
    assert_eq!((poll_once(&mut first), poll_once(&mut second)), (Poll::Ready(true), Poll::Pending));
    recorder.wrote(2, true);
    assert_eq!(poll_once(&mut second), Poll::Ready(true));

    // It is too slow: none waits until it has caught up.
    let late = [unwritten(&ingest, id).await, unwritten(&ingest, id).await].map(hub::Unwritten::written);
    let [first, second] = late;
    assert!(!first.await, "after a while");
    #[allow(clippy::disallowed_methods, reason = "the paused time of the test's runtime")]
    let told_at = tokio::time::Instant::now();
    recorder.wrote(3, false);
    assert!(second.await && unwritten(&ingest, id).await.written().await);
    assert_eq!(told_at.elapsed().as_millis(), 0);
    recorder.wrote(end(), true);
    let last = unwritten(&ingest, id).await;
    let mut last = pin!(last.written());
    assert!(poll_once(&mut last).is_pending());
    drop(recorder);
    assert_eq!(poll_once(&mut last), Poll::Ready(true), "it is not recorded any more");
}

#[tokio::test]
async fn a_frame_does_not_keep_the_segment_that_it_is_a_little_part_of() {
    let (ingest, id) = (ingest(), id("a"));
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    send(&ingest, ConnectionId(1), id, HEADER).await.unwrap();
    // A Void element of a megabyte (RFC 8794, section 11.3.2).
    let void = [b"\xec\x10\x10\x00\x00".to_vec(), vec![0; 1 << 20]].concat();
    let segment = Bytes::from([PICTURE.to_vec(), void].concat());
    send(&ingest, ConnectionId(1), id, segment.clone()).await.unwrap();
    assert_eq!(lock(&stream).ring().end(), 1);
    assert!(segment.is_unique(), "nothing else holds it");
}

#[tokio::test]
async fn a_stream_whose_source_came_back_since_it_was_looked_at_goes_on() {
    let (ingest, id, later) = (ingest(), id("a"), Now { ms: 60_000, ..NOW });
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    let abandoned = |source: &StreamSource| source.close_if_abandoned(30_000, later);
    ingest.disconnected(ConnectionId(1), NOW);
    ingest.register(ConnectionId(2), registration(id), later).await.unwrap();
    assert!(!ingest.close_if(id, Ending::ForGood, abandoned), "its broadcaster came back");
    assert!(!ingest.close_if(id, Ending::Dropped, |source| source.close_if_idle(0, later)));
    ingest.disconnected(ConnectionId(2), later);

    let pulled = ingest.relay(id, Access::Open, unasked(), later).unwrap();
    pulled.state(StreamState::Live).unwrap();
    pulled.lost(NOW);
    let source = lock(&ingest.publishers).by_stream[&id].source().clone();
    pulled.path(["origin".to_owned()].into()).unwrap();
    assert!(!source.interrupt_if_lost(2000, later) && lock(&stream).path().is_some());
    assert!(!ingest.close_if(id, Ending::Dropped, abandoned), "another source was found");
    pulled.lost(NOW);
    assert!(source.interrupt_if_lost(2000, later) && lock(&stream).path().is_none());
    assert!(ingest.close_if(id, Ending::Dropped, abandoned));
}

#[tokio::test]
async fn a_producer_ends_its_stream_only_while_it_is_the_producer() {
    let (ingest, id) = (ingest(), id("a"));
    let pulled = ingest.relay(id, Access::Open, unasked(), NOW).unwrap();
    ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap();
    assert!(!ingest.end_of(id, &pulled), "its broadcaster came here");
    ingest.register(ConnectionId(2), registration(id), NOW).await.unwrap();
    assert_eq!(ingest.end(ConnectionId(1), id).unwrap_err().code, ErrorCode::AlreadyPublishing);
    assert_eq!(ingest.end(ConnectionId(2), id), Ok(()));
    assert!(ingest.is_over(id));
}

#[tokio::test]
async fn a_stream_is_live_from_its_first_frame_on_and_gives_way_until_then() {
    let (ingest, id) = (ingest(), id("a"));
    let stream = ingest.register(ConnectionId(1), registration(id), NOW).await.unwrap().stream;
    for nothing in [&b""[..], HEADER, CLUSTER] {
        send(&ingest, ConnectionId(1), id, nothing).await.unwrap();
        assert_eq!(lock(&stream).state(), StreamState::Created);
    }
    send(&ingest, ConnectionId(1), id, PICTURE).await.unwrap();
    assert_eq!(lock(&stream).state(), StreamState::Live);
    assert!(!ingest.drop_silent(Now { ms: 60_000, ..NOW }));
    ingest.disconnected(ConnectionId(1), NOW);
    ingest.register(ConnectionId(2), registration(id), NOW).await.unwrap();
    send(&ingest, ConnectionId(2), id, CLUSTER).await.unwrap();
    assert_eq!(
        lock(&stream).state(),
        StreamState::Interrupted,
        "its broadcaster is back and sends no frames"
    );
}

#[tokio::test]
async fn a_full_node_drops_a_stream_whose_segments_have_had_no_frame_for_long() {
    let ingest = ingest();
    let begin = async |number: u64, now| {
        let id = id(&number.to_string());
        ingest.register(ConnectionId(number), registration(id), now).await?;
        send(&ingest, ConnectionId(number), id, HEADER).await
    };
    for number in 0..10 {
        begin(number, NOW).await.unwrap();
    }
    assert_eq!(begin(10, NOW).await.unwrap_err().code, ErrorCode::NoCapacity, "their first frames may come");
    begin(10, Now { ms: 5000, ..NOW }).await.unwrap();
    assert_eq!(lock(&ingest.hub).len(), 10);
}

#[tokio::test]
async fn a_take_that_begins_once_more_where_it_was_relayed_keeps_what_readers_have_not_read() {
    for (take, gap_end) in [(0, 0), (1, 2)] {
        let (ingest, id) = (ingest(), id("a"));
        let pulled = ingest.relay(id, Access::Open, unasked(), NOW).unwrap();
        let run = samples::run(FrameName { take: 0, group: 0, index: 0 }, 1, 10);
        let outputs = vec![Output::Tracks(samples::tracks()), Output::Run(run)];
        pulled.write(Written { take: 0, epoch_ms: None, outputs, segment_bytes: None }, None, NOW).unwrap();
        let registration = Registration { take: Some(take), ..registration(id) };
        let stream = ingest.register(ConnectionId(1), registration, NOW).await.unwrap().stream;
        let stream = lock(&stream);
        assert_eq!(stream.ring().gap_end(), gap_end, "take {take}");
    }
}

#[tokio::test]
async fn runs_and_tracks_that_do_not_fit_their_take_are_malformed_and_take_nothing_away() {
    let (ingest, id) = (ingest(), id("a"));
    let pulled = ingest.relay(id, Access::Open, unasked(), NOW).unwrap();
    let write =
        |outputs| pulled.write(Written { take: 0, epoch_ms: None, outputs, segment_bytes: None }, None, NOW);
    let run = |index| samples::run(FrameName { take: 0, group: 0, index }, 1, 10);
    assert_eq!(write(vec![Output::Run(run(0))]), Err(WriteError::Malformed(hub::Error::NoTracks(0))));
    assert_eq!(write(vec![Output::Tracks(samples::tracks()), Output::Run(run(0))]), Ok(true));
    assert_eq!(write(vec![Output::Run(run(0))]), Ok(false), "it is here");
    let mut other_track = run(1);
    other_track.frames[0].track = 7;
    assert_eq!(write(vec![Output::Run(other_track)]), Err(WriteError::Malformed(hub::Error::Frames(0))));
    // As MP3 in MP4 each of these gaps has 168 bytes.
    let silence = samples::run(FrameName { take: 0, group: 0, index: 1 }, 300_000, 0);
    let refused = write(vec![Output::Run(silence)]);
    assert!(matches!(refused, Err(WriteError::Malformed(hub::Error::TooLarge(_)))), "{refused:?}");
    let other_tracks = vec![Output::Tracks(samples::aac())];
    assert_eq!(write(other_tracks), Err(WriteError::Malformed(hub::Error::OtherTracks(0))));
    let stream = ingest.carried(id).unwrap();
    let stream = lock(&stream);
    assert_eq!(stream.ring().first()..stream.ring().end(), 0..1);
}
