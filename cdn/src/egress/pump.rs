//! One stream's fan-out over one transport: on every change, offers each viewer what it has not seen.
//!
//! Lag policy: a viewer may fall [`Limits::max_lag`](crate::Limits::max_lag) behind the closest it ever was to the live
//! edge, so one that resumes far back or joins in a long group has time to catch up. Beyond that it skips to the newest
//! group. That is decided when it can take something again; until then its cursor just stays.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use protocol::{
    StreamId,
    event::{ChunkName, Skipped, StreamStateChanged},
    stream::StreamState,
};
use tokio::time::Instant;

use super::{Admission, Channel, Flow, Offer, Outlet, Shared, forward::Forwarding};
use crate::{
    hub::{Cursor, Next, SharedStream},
    lock::lock,
};

/// Shortest time between two announcements that only change the number of viewers.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// How long viewers of an ended stream may take to get the rest of it.
const FAREWELL: Duration = Duration::from_secs(10);

/// How long a viewer without room may take nothing at all before it counts as gone. The library beneath notices a lost
/// connection only once it can write to it again, or the network gives up on it.
pub(super) const STUCK: Duration = Duration::from_secs(20);

/// A viewer on its way to the pump.
pub(super) struct Joining<V> {
    pub(super) viewer: V,
    pub(super) cursor: Cursor,
    pub(super) flow: Arc<Flow>,
    pub(super) admission: Arc<Admission>,
}

struct Viewer<V> {
    id: V,
    cursor: Cursor,
    flow: Arc<Flow>,
    /// How far it may be behind before it skips.
    allowed_lag_ms: u64,
    /// Whether it was told the stream's state.
    greeted: bool,
    /// Since when it has no room, and what its connection had taken then.
    stuck: Option<(Instant, usize)>,
    _admission: Arc<Admission>,
}

/// Where a round left a viewer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    AtLiveEdge,
    Behind,
    Gone,
}

pub(super) struct Pump<O: Outlet> {
    id: StreamId,
    stream: SharedStream,
    channel: Arc<Channel<O::Viewer>>,
    shared: Arc<Shared<O>>,
    viewers: Vec<Viewer<O::Viewer>>,
    /// Wire forms of the ring's chunks, made when the first viewer needs them.
    encoded: BTreeMap<ChunkName, O::Packet>,
    announced: Option<(StreamStateChanged, Instant)>,
    /// What this round forwards, if that is measured.
    forwarding: Option<Arc<Forwarding>>,
    /// The newest chunk of the rounds before.
    known: Option<ChunkName>,
}

impl<O: Outlet> Pump<O> {
    pub(super) fn new(
        stream: SharedStream,
        channel: Arc<Channel<O::Viewer>>,
        shared: Arc<Shared<O>>,
    ) -> Self {
        let id = lock(&stream).id();
        Self {
            id,
            stream,
            channel,
            shared,
            viewers: Vec::new(),
            encoded: BTreeMap::new(),
            announced: None,
            forwarding: None,
            known: None,
        }
    }

    /// Runs until the stream is over and everybody was told, or [`FAREWELL`] after its end.
    pub(super) async fn run(mut self) {
        let mut leave_at = None;
        loop {
            let due = self.round();
            if self.state().state == StreamState::Ended {
                let deadline = *leave_at.get_or_insert_with(|| Instant::now() + FAREWELL);
                if self.viewers.is_empty() || Instant::now() >= deadline {
                    break;
                }
            }
            self.sleep(due.into_iter().chain(leave_at).min()).await;
        }
        self.shared.outlet.announce(&self.state());
        for viewer in &self.viewers {
            self.shared.outlet.dismiss(viewer.id, self.id);
        }
    }

    /// Until something changes, or `due`.
    async fn sleep(&self, due: Option<Instant>) {
        let changed = self.channel.wake.notified();
        match due {
            None => changed.await,
            // Running out of time is one of the two ways this is meant to end.
            Some(due) => drop(tokio::time::timeout_at(due, changed).await),
        }
    }

    /// Serves everybody once. Gives the time at which the next one is due even if nothing changes.
    fn round(&mut self) -> Option<Instant> {
        self.forwarding = Forwarding::begin(self.id, mem::take(&mut *lock(&self.channel.arrivals)));
        self.admit();
        // Read before serving: when it says that the stream is over, its last chunk is in the ring.
        let state = self.state();
        let mut at_live_edge = 0;
        let mut viewers = mem::take(&mut self.viewers);
        viewers.retain_mut(|viewer| {
            let served = self.serve(viewer, &state);
            at_live_edge += u32::from(served == Served::AtLiveEdge);
            served != Served::Gone
        });
        self.viewers = viewers;
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.handed(at_live_edge, state.viewers.saturating_sub(at_live_edge));
        }
        self.forget_encoded();
        self.announce()
    }

    fn state(&self) -> StreamStateChanged {
        let viewers = u32::try_from(self.viewers.len()).unwrap_or(u32::MAX);
        StreamStateChanged { stream_id: self.id, state: lock(&self.stream).state(), viewers }
    }

    fn admit(&mut self) {
        for Joining { viewer, cursor, flow, admission } in lock(&self.channel.joining).drain(..) {
            self.viewers.push(Viewer {
                id: viewer,
                cursor,
                flow,
                allowed_lag_ms: u64::MAX,
                greeted: false,
                stuck: None,
                _admission: admission,
            });
        }
    }

    /// Offers a viewer what it has not seen, until it has everything or no room.
    fn serve(&mut self, viewer: &mut Viewer<O::Viewer>, state: &StreamStateChanged) -> Served {
        loop {
            if viewer.flow.has_left() {
                return Served::Gone;
            }
            if !viewer.flow.has_room() {
                return self.without_room(viewer);
            }
            viewer.stuck = None;
            let offer = if !viewer.greeted && state.state != StreamState::Created {
                self.greet(viewer, state)
            } else {
                let mut ahead = viewer.cursor;
                match self.next(viewer, &mut ahead) {
                    Some(next) => self.offer(viewer, ahead, &next),
                    None if state.state == StreamState::Ended => return self.farewell(viewer, state),
                    None => return Served::AtLiveEdge,
                }
            };
            match offer {
                Offer::Taken => {}
                Offer::Full => return Served::Behind,
                Offer::Closed => return Served::Gone,
            }
        }
    }

    fn without_room(&self, viewer: &mut Viewer<O::Viewer>) -> Served {
        let taken = viewer.flow.taken();
        match viewer.stuck {
            Some((since, before)) if before == taken => {
                if since.elapsed() < STUCK {
                    return Served::Behind;
                }
                self.shared.outlet.dismiss(viewer.id, self.id);
                Served::Gone
            }
            _ => {
                viewer.stuck = Some((Instant::now(), taken));
                Served::Behind
            }
        }
    }

    fn greet(&self, viewer: &mut Viewer<O::Viewer>, state: &StreamStateChanged) -> Offer {
        let outlet = &self.shared.outlet;
        let offer = outlet.offer(viewer.id, &outlet.state(state), viewer.flow.receipt(0, None));
        viewer.greeted = offer == Offer::Taken;
        offer
    }

    fn farewell(&self, viewer: &mut Viewer<O::Viewer>, state: &StreamStateChanged) -> Served {
        let outlet = &self.shared.outlet;
        if outlet.offer(viewer.id, &outlet.state(state), viewer.flow.receipt(0, None)) == Offer::Full {
            return Served::Behind;
        }
        outlet.dismiss(viewer.id, self.id);
        Served::Gone
    }

    /// What `ahead`, a copy of the viewer's cursor, gives next, after the lag policy.
    fn next(&self, viewer: &mut Viewer<O::Viewer>, ahead: &mut Cursor) -> Option<Next> {
        let stream = lock(&self.stream);
        let lag_ms = ahead.lag_ms(stream.ring());
        if lag_ms > viewer.allowed_lag_ms {
            ahead.skip_to_newest(stream.ring());
        }
        let max_lag_ms = u64::try_from(self.shared.limits.max_lag.as_millis()).unwrap_or(u64::MAX);
        viewer.allowed_lag_ms = viewer.allowed_lag_ms.min(lag_ms.saturating_add(max_lag_ms));
        ahead.next(stream.ring())
    }

    /// Offers `next`; if it is taken, the viewer's cursor is where `ahead` is.
    fn offer(&mut self, viewer: &mut Viewer<O::Viewer>, ahead: Cursor, next: &Next) -> Offer {
        let (packet, bytes) = self.encode(next);
        let is_new = matches!(next, Next::Chunk(chunk) if Some(chunk.name) > self.known);
        let forwarding = self.forwarding.clone().filter(|_| is_new);
        let offer = self.shared.outlet.offer(viewer.id, &packet, viewer.flow.receipt(bytes, forwarding));
        if offer == Offer::Taken {
            viewer.cursor = ahead;
            let metrics = &self.shared.metrics;
            metrics.egress_bytes.add(bytes as u64);
            match next {
                Next::Init(_) => {}
                Next::Chunk(_) => metrics.chunks_sent.add(1),
                Next::Skipped { .. } => metrics.skips.add(1),
            }
        }
        offer
    }

    /// The wire form of `next` and the bytes of its payload.
    fn encode(&mut self, next: &Next) -> (O::Packet, usize) {
        let (outlet, id) = (&self.shared.outlet, self.id);
        match next {
            Next::Init(init) => {
                let stream = lock(&self.stream);
                let origin_ms = stream.origin_ms().filter(|_| stream.take() == init.take);
                (outlet.init(id, init, origin_ms), init.data.len())
            }
            Next::Chunk(chunk) => {
                let encoded = self.encoded.entry(chunk.name).or_insert_with(|| outlet.chunk(id, chunk));
                (encoded.clone(), chunk.data.len())
            }
            Next::Skipped { from, to, reason } => {
                (outlet.skipped(&Skipped { stream_id: id, from: *from, to: *to, reason: *reason }), 0)
            }
        }
    }

    fn forget_encoded(&mut self) {
        let stream = lock(&self.stream);
        self.known = stream.ring().newest_name();
        let oldest = stream.ring().chunk(stream.ring().first()).map(|chunk| chunk.name);
        while let Some(unused) = self.encoded.first_entry().filter(|entry| Some(*entry.key()) < oldest) {
            unused.remove();
        }
    }

    /// Announces the state if it changed: at once, or within [`COUNT_INTERVAL`] if only the number of viewers did.
    fn announce(&mut self) -> Option<Instant> {
        let state = self.state();
        if matches!(state.state, StreamState::Created | StreamState::Ended) {
            return None;
        }
        if let Some((last, at)) = self.announced {
            let due = at + COUNT_INTERVAL;
            if last == state {
                return None;
            }
            if last.state == state.state && Instant::now() < due {
                return Some(due);
            }
        }
        self.shared.outlet.announce(&state);
        self.announced = Some((state, Instant::now()));
        None
    }
}
