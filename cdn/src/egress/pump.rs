//! The fan-out to some of a stream's viewers over one transport: on every change, offers each what it has not seen.
//!
//! Lag policy: a viewer may fall [`Limits::max_lag`](crate::Limits::max_lag) behind the closest it ever was to the live
//! edge, so one that resumes far back or joins in a long group has time to catch up. Beyond that it skips to the newest
//! group. That is decided when it can take something again; until then its cursor just stays.

use std::{mem, sync::Arc, time::Duration};

use protocol::{event::StreamStateChanged, stream::StreamState};
use supervisor::contain;

use super::{
    announcer::Announcements,
    context::PumpContext,
    encoded::{Encoded, Kind, Piece, Unsupported},
    encoder::{Dismissal, Encoder, Offer, ViewerConnection},
    round::{RoundUpdate, Sent, Served, Viewer},
    shard::Shard,
    wake::{state, woken_or_due},
};
use crate::{
    clock::{Now, whole_ms},
    hub::{Closed, Cursor, Role, SharedStream, Subscriber},
    lock::lock,
};

/// How long viewers of a closed stream may take to get the rest of it.
const DRAIN_TIMEOUT_MS: u64 = 10_000;
/// How long a viewer's connection may take nothing at all of what waits for it before the viewer is dismissed.
pub(crate) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct Pump<E: Encoder> {
    subscriber: Subscriber,
    shard: Arc<Shard<E::Viewer>>,
    context: Arc<PumpContext<E>>,
    encoded: Encoded<E::Packet>,
    /// What was announced to viewers.
    announcements: Announcements,
    /// How many of the viewers were behind after the last round.
    behind: u32,
}

impl<E: Encoder> Pump<E> {
    pub(super) fn new(
        stream: &SharedStream,
        shard: Arc<Shard<E::Viewer>>,
        context: Arc<PumpContext<E>>,
    ) -> Self {
        Self {
            subscriber: Subscriber::traced(stream, shard.wake.clone()),
            shard,
            encoded: Encoded::new(&lock(stream)),
            context,
            announcements: Announcements::default(),
            behind: 0,
        }
    }

    /// Runs until the stream is closed and every viewer was notified, or [`DRAIN_TIMEOUT_MS`] after that. A pump that panics ends,
    /// and its viewers continue elsewhere: at a new pump, or at another node.
    pub(super) async fn run(mut self) {
        // Not a field of the pump, so that a panic in a round loses none of them.
        let mut viewers = Vec::new();
        if contain("pump of a stream", self.serve_all(&mut viewers)).await {
            return;
        }
        // A viewer whose connection panics again is passed over.
        for _ in 0..=viewers.len() {
            if contain("end of a pump", async { self.end(&mut viewers, Closed::Dropped) }).await {
                return;
            }
        }
    }

    async fn serve_all(&mut self, viewers: &mut Vec<Viewer<E::Viewer>>) {
        let mut leave_at_ms = None;
        loop {
            self.round(viewers);
            let due_ms = self.announce(!viewers.is_empty());
            if let Some(closed) = self.closed() {
                let now_ms = self.now_ms();
                let deadline_ms = *leave_at_ms.get_or_insert(now_ms + DRAIN_TIMEOUT_MS);
                if viewers.is_empty() || now_ms >= deadline_ms {
                    return self.end(viewers, closed);
                }
            }
            let due_ms = due_ms.into_iter().chain(leave_at_ms).min();
            woken_or_due(&self.subscriber, &self.context.clock, due_ms).await;
        }
    }

    fn stream(&self) -> &SharedStream {
        self.subscriber.stream()
    }

    fn now_ms(&self) -> u64 {
        self.context.clock.now().ms
    }

    fn closed(&self) -> Option<Closed> {
        lock(self.stream()).closed()
    }

    /// Takes no viewers any more, and sends the closing packets to those that did not get them yet.
    fn end(&self, viewers: &mut Vec<Viewer<E::Viewer>>, closed: Closed) {
        let late = lock(&self.shard.joining).take().unwrap_or_default();
        viewers.extend(late.into_iter().map(Viewer::from));
        let packets = self.closing_packets(closed, &state(&lock(self.stream())));
        while let Some(Viewer { connection, flow, closing_sent, .. }) = viewers.pop() {
            flow.finish();
            for packet in packets.iter().skip(closing_sent) {
                connection.offer(packet, flow.receipt(0, None));
            }
            connection.dismiss(Dismissal::Closed(closed));
        }
    }

    /// The packets that close a stream for a viewer.
    fn closing_packets(&self, closed: Closed, state: &StreamStateChanged) -> Vec<E::Packet> {
        match closed {
            Closed::Ended => vec![self.context.encoder.state(state)],
            Closed::Dropped => self.context.encoder.dropped(state),
        }
    }

    /// Serves every viewer once.
    fn round(&mut self, viewers: &mut Vec<Viewer<E::Viewer>>) {
        let was_idle = viewers.is_empty();
        self.admit(viewers);
        self.subscriber.want_media(!viewers.is_empty());
        let mut update = self.update(was_idle);
        let (mut at_live_edge, mut behind) = (0, 0);
        viewers.retain_mut(|viewer| {
            let served = self.serve(viewer, &mut update);
            at_live_edge += u32::from(served == Served::AtLiveEdge);
            behind += u32::from(served == Served::Behind);
            served != Served::Gone
        });
        self.subscriber.want_media(!viewers.is_empty());
        let RoundUpdate { round, traces, sent, .. } = update;
        self.encoded.advance(&round, self.subscriber.stream());
        if viewers.is_empty() {
            self.encoded.clear();
        }
        self.context.audience.lag_changed(self.behind, behind);
        self.behind = behind;
        let metrics = &self.context.metrics;
        metrics.egress_bytes.add(sent.bytes);
        metrics.chunks_sent.add(sent.chunks);
        metrics.skips.add(sent.skips);
        for trace in traces.iter().flat_map(|traces| traces.iter()) {
            trace.read(at_live_edge, behind);
        }
    }

    fn update(&mut self, was_idle: bool) -> RoundUpdate<E::Packet> {
        let traces = self.subscriber.take_traces();
        // Read together: when the stream is closed, its last chunk is among the news or before them.
        let now = self.context.clock.now();
        let stream = lock(self.subscriber.stream());
        RoundUpdate {
            now,
            state: state(&stream),
            state_packet: None,
            path: stream.path().cloned(),
            asked_only: stream.access().asked_only(),
            closed: stream.closed(),
            closing_packets: None,
            round: self.encoded.round(&stream, was_idle),
            traces: (!traces.is_empty()).then(|| traces.into()),
            sent: Sent::default(),
        }
    }

    fn admit(&self, viewers: &mut Vec<Viewer<E::Viewer>>) {
        let joining = lock(&self.shard.joining).as_mut().map(mem::take).unwrap_or_default();
        viewers.extend(joining.into_iter().map(Viewer::from));
    }

    /// Offers a viewer what it has not seen, until it has everything or no room.
    fn serve(&mut self, viewer: &mut Viewer<E::Viewer>, update: &mut RoundUpdate<E::Packet>) -> Served {
        loop {
            if viewer.flow.has_left() {
                return Served::Gone;
            }
            if update.asked_only && !viewer.is_asked && viewer.member.role() == Role::Viewer {
                return self.dismiss_unasked(viewer, &update.state);
            }
            if !viewer.flow.has_room() {
                return self.without_room(viewer, update.now);
            }
            viewer.stalled = None;
            viewer.report(&update.round);
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

    fn without_room(&self, viewer: &mut Viewer<E::Viewer>, now: Now) -> Served {
        let taken = viewer.flow.taken();
        match viewer.stalled {
            Some((since_ms, before)) if before == taken => {
                if now.since(since_ms) >= WRITE_STALL_TIMEOUT {
                    viewer.flow.finish();
                    viewer.connection.dismiss(Dismissal::Stalled);
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

    /// Sends the viewer the state of the stream, and a relay its path, if they changed since it was last sent.
    fn tell(&self, viewer: &mut Viewer<E::Viewer>, update: &mut RoundUpdate<E::Packet>) -> Option<Offer> {
        if viewer.member.role() == Role::Relay
            && let Some(offer) = self.tell_path(viewer, update)
        {
            return Some(offer);
        }
        let announcements = self.announcements.count;
        let state = update.state;
        let news = match viewer.state_sent {
            None => state.state != StreamState::Created,
            Some((_, announcement)) if announcement == announcements => false,
            Some((told, _)) => told != state,
        };
        if !news || state.state == StreamState::Ended {
            viewer.state_sent = viewer.state_sent.map(|(told, _)| (told, announcements));
            return None;
        }
        let offer = self.offer_state(viewer, update);
        if offer == Offer::Taken {
            viewer.state_sent = Some((state, announcements));
        }
        Some(offer)
    }

    fn tell_path(&self, viewer: &mut Viewer<E::Viewer>, update: &RoundUpdate<E::Packet>) -> Option<Offer> {
        let path = update.path.as_ref()?;
        if viewer.path_sent.as_ref().is_some_and(|told| Arc::ptr_eq(told, path)) {
            return None;
        }
        let packet = self.context.encoder.relay_path(path)?;
        let offer = viewer.connection.offer(&packet, viewer.flow.receipt(0, None));
        if offer == Offer::Taken {
            viewer.path_sent = Some(path.clone());
        }
        Some(offer)
    }

    fn offer_state(&self, viewer: &Viewer<E::Viewer>, update: &mut RoundUpdate<E::Packet>) -> Offer {
        let encoder = &self.context.encoder;
        let packet = update.state_packet.get_or_insert_with(|| encoder.state(&update.state));
        viewer.connection.offer(packet, viewer.flow.receipt(0, None))
    }

    /// Sends the closing packets to a viewer that has everything, and stops serving it.
    fn finish(
        &self,
        viewer: &mut Viewer<E::Viewer>,
        closed: Closed,
        update: &mut RoundUpdate<E::Packet>,
    ) -> Served {
        let state = update.state;
        let packets = update.closing_packets.get_or_insert_with(|| self.closing_packets(closed, &state));
        viewer.flow.finish();
        for packet in packets.iter().skip(viewer.closing_sent) {
            if viewer.connection.offer(packet, viewer.flow.receipt(0, None)) == Offer::Full {
                return Served::Behind;
            }
            viewer.closing_sent += 1;
        }
        viewer.connection.dismiss(Dismissal::Closed(closed));
        Served::Gone
    }

    /// Offers the viewer the media it gets next; none if it has everything.
    fn send_next(
        &mut self,
        viewer: &mut Viewer<E::Viewer>,
        update: &mut RoundUpdate<E::Packet>,
    ) -> Option<Offer> {
        let RoundUpdate { round, traces, sent, .. } = update;
        if round.has_been_seen(&viewer.cursor) {
            return None;
        }
        let (encoder, stream) = (&self.context.encoder, self.subscriber.stream());
        let news = self.encoded.news(round, encoder, stream, viewer.formats);
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
        let is_new = || matches!(piece.kind, Kind::Chunk(head) if self.encoded.is_new(head.name));
        let traces = traces.as_ref().filter(|_| is_new());
        let offer = viewer.connection.offer(&piece.packet, viewer.flow.receipt(piece.bytes, traces));
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
        viewer: &mut Viewer<E::Viewer>,
        ahead: &mut Cursor,
    ) -> Result<Option<Piece<E::Packet>>, Unsupported> {
        let mut stream = lock(self.subscriber.stream());
        let lag_ms = ahead.lag_ms(stream.ring());
        if lag_ms > viewer.allowed_lag_ms {
            ahead.skip_to_newest(stream.ring());
        }
        self.allow_lag(viewer, lag_ms);
        let Some(next) = ahead.next(stream.ring()) else { return Ok(None) };
        let piece = self.encoded.piece(&self.context.encoder, &mut stream, viewer.formats, next);
        drop(stream);
        self.encoded.keep_budget();
        piece.map(Some)
    }

    /// Notifies a viewer that the next take cannot be written in its formats, and stops serving it.
    fn dismiss_unsupported(&self, viewer: &Viewer<E::Viewer>, state: &StreamStateChanged) -> Offer {
        viewer.flow.finish();
        for packet in self.context.encoder.unsupported(state) {
            viewer.connection.offer(&packet, viewer.flow.receipt(0, None));
        }
        viewer.connection.dismiss(Dismissal::Unsupported);
        Offer::Closed
    }

    /// Stops serving a viewer that has to show first what the stream asks for. It is told that this node drops the stream, so that it asks
    /// elsewhere and learns the reason there.
    fn dismiss_unasked(&self, viewer: &Viewer<E::Viewer>, state: &StreamStateChanged) -> Served {
        viewer.flow.finish();
        for packet in self.context.encoder.dropped(state) {
            viewer.connection.offer(&packet, viewer.flow.receipt(0, None));
        }
        viewer.connection.dismiss(Dismissal::Closed(Closed::Dropped));
        Served::Gone
    }

    /// The viewer came as close to the live edge as `lag_ms`.
    fn allow_lag(&self, viewer: &mut Viewer<E::Viewer>, lag_ms: u64) {
        let max_lag_ms = whole_ms(self.context.limits.max_lag);
        viewer.allowed_lag_ms = viewer.allowed_lag_ms.min(lag_ms.saturating_add(max_lag_ms));
    }

    /// Notes whether the state is to be announced. Gives the time at which the next round is due even if nothing changes.
    fn announce(&mut self, has_viewers: bool) -> Option<u64> {
        let state = state(&lock(self.stream()));
        if !has_viewers || state.state == StreamState::Created || self.closed().is_some() {
            return None;
        }
        let now_ms = self.now_ms();
        let (announces, next_ms) = self.announcements.announces(state, now_ms);
        // The next round, which starts at once, sends it.
        Some(if announces { now_ms } else { next_ms })
    }
}

impl<E: Encoder> Drop for Pump<E> {
    fn drop(&mut self) {
        self.context.audience.lag_changed(self.behind, 0);
    }
}
