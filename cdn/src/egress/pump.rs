//! The fan-out to some of a stream's viewers over one transport: on every change, offers each what it has not seen.
//!
//! Lag policy: a viewer may fall [`Limits::max_lag`](crate::Limits::max_lag) behind the closest it ever was to the live
//! edge, so one that resumes far back or joins in a long group has time to catch up. Beyond that it skips to the newest
//! group. That is decided when it can take something again; until then its cursor just stays.

use std::{mem, sync::Arc, time::Duration};

use protocol::{StreamId, event::StreamStateChanged, stream::StreamState};
use supervisor::contain;

use super::{
    Dismissal, Flow, Offer, Outlet, Seat, Shard, Shared,
    announcer::{Announcements, state, woken_or_due},
    audience::Admission,
    encoded::{Encoded, Kind, Piece, Round, Unsupported, Wish},
    flow::Traces,
};
use crate::{
    clock::Now,
    hub::{Closed, Cursor, Role, SharedStream, Subscriber},
    lock::lock,
};

/// How long viewers of a closed stream may take to get the rest of it.
const DRAIN_TIMEOUT_MS: u64 = 10_000;
/// How long a viewer's connection may take nothing at all of what waits for it before the viewer is dismissed.
pub(super) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// A viewer on its way to the pump.
pub(super) struct Joining<V> {
    pub(super) viewer: V,
    pub(super) cursor: Cursor,
    pub(super) formats: Wish,
    pub(super) flow: Arc<Flow>,
    pub(super) admission: Arc<Admission>,
    pub(super) seat: Seat<V>,
}

struct Viewer<V> {
    id: V,
    cursor: Cursor,
    formats: Wish,
    flow: Arc<Flow>,
    /// How far it may be behind before it skips.
    allowed_lag_ms: u64,
    /// The state it was told, and the announcement that this was or came after.
    told: Option<(StreamStateChanged, u64)>,
    /// The path it was told, if it is a relay.
    told_path: Option<Arc<[String]>>,
    /// Since when it has no room, in node time, and what its connection had taken then.
    stalled: Option<(u64, usize)>,
    /// How many of the closing packets its connection took.
    closing_sent: usize,
    admission: Arc<Admission>,
    _seat: Seat<V>,
}

/// Where a round left a viewer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    AtLiveEdge,
    Behind,
    Gone,
}

/// What a round has for all viewers.
struct RoundUpdate<P> {
    now: Now,
    state: StreamStateChanged,
    /// Made when the first viewer has to be told.
    state_packet: Option<P>,
    path: Option<Arc<[String]>>,
    /// Why nothing more comes.
    closed: Option<Closed>,
    /// Made when the first viewer has everything of a closed stream.
    closing_packets: Option<Vec<P>>,
    round: Round<P>,
    /// The segments that the news came with, if they are traced.
    traces: Option<Traces>,
    sent: Sent,
}

/// What a round gave to connections, counted once at its end.
#[derive(Default)]
struct Sent {
    bytes: u64,
    chunks: u64,
    skips: u64,
}

impl Sent {
    fn count<P>(&mut self, piece: &Piece<P>) {
        self.bytes += piece.bytes as u64;
        match piece.kind {
            Kind::Init => {}
            Kind::Chunk(_) => self.chunks += 1,
            Kind::Skip => self.skips += 1,
        }
    }
}

pub(super) struct Pump<O: Outlet> {
    id: StreamId,
    subscriber: Subscriber,
    shard: Arc<Shard<O::Viewer>>,
    shared: Arc<Shared<O>>,
    viewers: Vec<Viewer<O::Viewer>>,
    encoded: Encoded<O::Packet>,
    /// What viewers were told.
    announcements: Announcements,
    /// How many of the viewers were behind after the last round.
    behind: u32,
}

impl<O: Outlet> Pump<O> {
    pub(super) fn new(stream: &SharedStream, shard: Arc<Shard<O::Viewer>>, shared: Arc<Shared<O>>) -> Self {
        let id = lock(stream).id();
        Self {
            id,
            subscriber: Subscriber::new(stream, shard.wake.clone()),
            shard,
            encoded: Encoded::new(&lock(stream)),
            shared,
            viewers: Vec::new(),
            announcements: Announcements::default(),
            behind: 0,
        }
    }

    /// Runs until the stream is closed and every viewer was told, or [`DRAIN_TIMEOUT_MS`] after that. A pump that panics ends,
    /// and its viewers go on at another node.
    pub(super) async fn run(mut self) {
        if !contain("pump of a stream", self.serve_all()).await {
            contain("end of a pump", async { self.end(Closed::Dropped) }).await;
        }
    }

    async fn serve_all(&mut self) {
        let mut leave_at_ms = None;
        loop {
            self.round();
            let due_ms = self.announce();
            if let Some(closed) = self.closed() {
                let now_ms = self.now_ms();
                let deadline_ms = *leave_at_ms.get_or_insert(now_ms + DRAIN_TIMEOUT_MS);
                if self.viewers.is_empty() || now_ms >= deadline_ms {
                    return self.end(closed);
                }
            }
            let due_ms = due_ms.into_iter().chain(leave_at_ms).min();
            woken_or_due(&self.subscriber, &self.shared.clock, due_ms).await;
        }
    }

    fn stream(&self) -> &SharedStream {
        self.subscriber.stream()
    }

    fn now_ms(&self) -> u64 {
        self.shared.clock.now().ms
    }

    fn closed(&self) -> Option<Closed> {
        lock(self.stream()).closed()
    }

    /// Tells the viewers that were not told yet why nothing more comes.
    fn end(&mut self, closed: Closed) {
        let (state, outlet) = (state(&self.subscriber), &self.shared.outlet);
        let packets = self.closing_packets(closed, &state);
        let late = lock(&self.shard.joining).take().unwrap_or_default();
        let late = late.iter().map(|joining| (&joining.viewer, &joining.flow, 0));
        let viewers = self.viewers.iter().map(|viewer| (&viewer.id, &viewer.flow, viewer.closing_sent));
        for (viewer, flow, closing_sent) in viewers.chain(late) {
            flow.finish();
            for packet in packets.iter().skip(closing_sent) {
                outlet.offer(viewer, packet, || flow.receipt(0, None));
            }
            outlet.dismiss(viewer, Dismissal::Closed(closed));
        }
    }

    /// What tells viewers why nothing more comes.
    fn closing_packets(&self, closed: Closed, state: &StreamStateChanged) -> Vec<O::Packet> {
        match closed {
            Closed::Ended => vec![self.shared.outlet.state(state)],
            Closed::Dropped => self.shared.outlet.dropped(state),
        }
    }

    /// Serves every viewer once.
    fn round(&mut self) {
        let was_idle = self.viewers.is_empty();
        self.admit();
        self.subscriber.want_media(!self.viewers.is_empty());
        let mut update = self.update(was_idle);
        let (mut at_live_edge, mut behind) = (0, 0);
        let mut viewers = mem::take(&mut self.viewers);
        viewers.retain_mut(|viewer| {
            let served = self.serve(viewer, &mut update);
            at_live_edge += u32::from(served == Served::AtLiveEdge);
            behind += u32::from(served == Served::Behind);
            served != Served::Gone
        });
        self.viewers = viewers;
        self.subscriber.want_media(!self.viewers.is_empty());
        let RoundUpdate { round, traces, sent, .. } = update;
        self.encoded.advance(&round, self.subscriber.stream());
        if self.viewers.is_empty() {
            self.encoded.clear();
        }
        self.shared.audience.lag_changed(self.behind, behind);
        self.behind = behind;
        let metrics = &self.shared.metrics;
        metrics.egress_bytes.add(sent.bytes);
        metrics.chunks_sent.add(sent.chunks);
        metrics.skips.add(sent.skips);
        for trace in traces.iter().flat_map(|traces| traces.iter()) {
            trace.read(at_live_edge, behind);
        }
    }

    fn update(&mut self, was_idle: bool) -> RoundUpdate<O::Packet> {
        let traces = self.subscriber.take_traces();
        let viewers = self.subscriber.readers().counts().now(Role::Viewer);
        // Read together: when the stream is closed, its last chunk is among the news or before them.
        let now = self.shared.clock.now();
        let stream = lock(self.subscriber.stream());
        RoundUpdate {
            now,
            state: StreamStateChanged { stream_id: self.id, state: stream.state(), viewers },
            state_packet: None,
            path: stream.path().cloned(),
            closed: stream.closed(),
            closing_packets: None,
            round: self.encoded.round(&stream, was_idle),
            traces: (!traces.is_empty()).then(|| traces.into()),
            sent: Sent::default(),
        }
    }

    fn admit(&mut self) {
        let joining = lock(&self.shard.joining).as_mut().map(mem::take).unwrap_or_default();
        for Joining { viewer, cursor, formats, flow, admission, seat } in joining {
            self.viewers.push(Viewer {
                id: viewer,
                cursor,
                formats,
                flow,
                allowed_lag_ms: u64::MAX,
                told: None,
                told_path: None,
                stalled: None,
                closing_sent: 0,
                admission,
                _seat: seat,
            });
        }
    }

    /// Offers a viewer what it has not seen, until it has everything or no room.
    fn serve(&mut self, viewer: &mut Viewer<O::Viewer>, update: &mut RoundUpdate<O::Packet>) -> Served {
        loop {
            if viewer.flow.has_left() {
                return Served::Gone;
            }
            if !viewer.flow.has_room() {
                return self.without_room(viewer, update.now);
            }
            viewer.stalled = None;
            let offer = self.tell(viewer, update).or_else(|| self.send_next(viewer, update));
            match offer {
                Some(Offer::Taken) => {}
                Some(Offer::Full) => return Served::Behind,
                Some(Offer::Closed) => return Served::Gone,
                None => match update.closed {
                    Some(closed) => return self.finish(viewer, closed, update),
                    None => return Served::AtLiveEdge,
                },
            }
        }
    }

    fn without_room(&self, viewer: &mut Viewer<O::Viewer>, now: Now) -> Served {
        let taken = viewer.flow.taken();
        match viewer.stalled {
            Some((since_ms, before)) if before == taken => {
                if now.since(since_ms) >= WRITE_STALL_TIMEOUT {
                    viewer.flow.finish();
                    self.shared.outlet.dismiss(&viewer.id, Dismissal::Stalled);
                    return Served::Gone;
                }
            }
            _ => viewer.stalled = Some((now.ms, taken)),
        }
        let mut ahead = viewer.cursor;
        match self.subscriber.try_next(&mut ahead) {
            Some(_) => Served::Behind,
            None => Served::AtLiveEdge,
        }
    }

    /// Tells the viewer how the stream is doing, or through whom it comes, if it does not know.
    fn tell(&self, viewer: &mut Viewer<O::Viewer>, update: &mut RoundUpdate<O::Packet>) -> Option<Offer> {
        if viewer.admission.role() == Role::Relay
            && let Some(offer) = self.tell_path(viewer, update)
        {
            return Some(offer);
        }
        let announcements = self.announcements.count;
        let state = update.state;
        let news = match viewer.told {
            None => state.state != StreamState::Created,
            Some((_, announcement)) if announcement == announcements => false,
            Some((told, _)) => told != state,
        };
        if !news || state.state == StreamState::Ended {
            viewer.told = viewer.told.map(|(told, _)| (told, announcements));
            return None;
        }
        let offer = self.offer_state(viewer, update);
        if offer == Offer::Taken {
            viewer.told = Some((state, announcements));
        }
        Some(offer)
    }

    fn tell_path(&self, viewer: &mut Viewer<O::Viewer>, update: &RoundUpdate<O::Packet>) -> Option<Offer> {
        let path = update.path.as_ref()?;
        if viewer.told_path.as_ref().is_some_and(|told| Arc::ptr_eq(told, path)) {
            return None;
        }
        let outlet = &self.shared.outlet;
        let offer = outlet.offer(&viewer.id, &outlet.relay_path(path)?, || viewer.flow.receipt(0, None));
        if offer == Offer::Taken {
            viewer.told_path = Some(path.clone());
        }
        Some(offer)
    }

    fn offer_state(&self, viewer: &Viewer<O::Viewer>, update: &mut RoundUpdate<O::Packet>) -> Offer {
        let outlet = &self.shared.outlet;
        let packet = update.state_packet.get_or_insert_with(|| outlet.state(&update.state));
        outlet.offer(&viewer.id, packet, || viewer.flow.receipt(0, None))
    }

    /// Tells a viewer that has everything why nothing more comes, and is done with it.
    fn finish(
        &self,
        viewer: &mut Viewer<O::Viewer>,
        closed: Closed,
        update: &mut RoundUpdate<O::Packet>,
    ) -> Served {
        let outlet = &self.shared.outlet;
        let state = update.state;
        let packets = update.closing_packets.get_or_insert_with(|| self.closing_packets(closed, &state));
        viewer.flow.finish();
        for packet in packets.iter().skip(viewer.closing_sent) {
            if outlet.offer(&viewer.id, packet, || viewer.flow.receipt(0, None)) == Offer::Full {
                return Served::Behind;
            }
            viewer.closing_sent += 1;
        }
        outlet.dismiss(&viewer.id, Dismissal::Closed(closed));
        Served::Gone
    }

    /// Offers the viewer the media it gets next; none if it has everything.
    fn send_next(
        &mut self,
        viewer: &mut Viewer<O::Viewer>,
        update: &mut RoundUpdate<O::Packet>,
    ) -> Option<Offer> {
        let RoundUpdate { round, traces, sent, .. } = update;
        if round.has_been_seen(&viewer.cursor) {
            return None;
        }
        let (outlet, encoded, stream) = (&self.shared.outlet, &self.encoded, self.subscriber.stream());
        let news = round.news(viewer.formats, |end| encoded.news(outlet, stream, viewer.formats, end));
        let mut ahead = viewer.cursor;
        let older;
        let piece = match news.next(&mut ahead) {
            Some(piece) if news.span_ms() <= viewer.allowed_lag_ms => {
                self.allow_lag(viewer, news.span_ms());
                piece
            }
            _ => {
                ahead = viewer.cursor;
                older = match self.next(viewer, &mut ahead) {
                    Ok(next) => next?,
                    Err(Unsupported) => return Some(self.dismiss_unsupported(viewer, &update.state)),
                };
                &older
            }
        };
        let receipt = || {
            let is_new = matches!(piece.kind, Kind::Chunk(head) if self.encoded.is_new(head.name));
            viewer.flow.receipt(piece.bytes, traces.as_ref().filter(|_| is_new).cloned())
        };
        let offer = self.shared.outlet.offer(&viewer.id, &piece.packet, receipt);
        if offer == Offer::Taken {
            viewer.cursor = ahead;
            sent.count(piece);
        }
        Some(offer)
    }

    /// What `ahead`, a copy of the viewer's cursor, gives next, after the lag policy.
    ///
    /// # Errors
    /// [`Unsupported`].
    fn next(
        &mut self,
        viewer: &mut Viewer<O::Viewer>,
        ahead: &mut Cursor,
    ) -> Result<Option<Piece<O::Packet>>, Unsupported> {
        let mut stream = lock(self.subscriber.stream());
        let lag_ms = ahead.lag_ms(stream.ring());
        if lag_ms > viewer.allowed_lag_ms {
            ahead.skip_to_newest(stream.ring());
        }
        self.allow_lag(viewer, lag_ms);
        let Some(next) = ahead.next(stream.ring()) else { return Ok(None) };
        let piece = self.encoded.piece(&self.shared.outlet, &mut stream, viewer.formats, next);
        drop(stream);
        self.encoded.keep_budget();
        piece.map(Some)
    }

    /// Tells a viewer that what comes next cannot be written in its formats, and is done with it.
    fn dismiss_unsupported(&self, viewer: &Viewer<O::Viewer>, state: &StreamStateChanged) -> Offer {
        let outlet = &self.shared.outlet;
        viewer.flow.finish();
        for packet in outlet.unsupported(state) {
            outlet.offer(&viewer.id, &packet, || viewer.flow.receipt(0, None));
        }
        outlet.dismiss(&viewer.id, Dismissal::Unsupported);
        Offer::Closed
    }

    /// The viewer came as close to the live edge as `lag_ms`.
    fn allow_lag(&self, viewer: &mut Viewer<O::Viewer>, lag_ms: u64) {
        let max_lag_ms = u64::try_from(self.shared.limits.max_lag.as_millis()).unwrap_or(u64::MAX);
        viewer.allowed_lag_ms = viewer.allowed_lag_ms.min(lag_ms.saturating_add(max_lag_ms));
    }

    /// Notes whether the state is to be told. Gives the time at which the next round is due even if nothing changes.
    fn announce(&mut self) -> Option<u64> {
        let state = state(&self.subscriber);
        if self.viewers.is_empty() || state.state == StreamState::Created || self.closed().is_some() {
            return None;
        }
        let now_ms = self.now_ms();
        let (announces, next_ms) = self.announcements.announces(state, now_ms);
        // Viewers are told in the next round, and it comes at once.
        Some(if announces { now_ms } else { next_ms })
    }
}

impl<O: Outlet> Drop for Pump<O> {
    fn drop(&mut self) {
        self.shared.audience.lag_changed(self.behind, 0);
    }
}
