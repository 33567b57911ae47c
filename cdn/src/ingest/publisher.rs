//! One stream's producer: a broadcaster or another node, and the take that a broadcaster is at.
//!
//! A new producer continues the ring as it is. Chunks that the ring has already are passed over by their names; chunks that
//! are missing in between empty the ring, so that viewers are told.
//!
//! There are two locks. [`State`] says who the producer is and is held for moments. [`Intake`] parses; a segment may hold it
//! for many slices of work, so waiting for it is asynchronous, and the node's own locks are never held meanwhile. A
//! task that needs both takes the intake first.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use media::{Progress, repackager::Output};
use protocol::{
    ErrorCode, WireError,
    event::{BroadcastData, ChunkName, RegisterNewStream, SegmentAccepted},
    stream::StreamState,
};
use tokio::{sync::Mutex as AsyncMutex, task::yield_now};
use tokio_util::sync::CancellationToken;

use super::{Arrival, Session, ended, rate::Rate, stale, take::Take, taken_over};
use crate::{
    clock::Now,
    hub::{Chunk, Error, LiveStream, SharedStream},
    lock::lock,
};

/// Where a stream comes from.
enum Producer {
    /// From nowhere, since this node time.
    Nobody { since_ms: u64 },
    /// From the connection of its broadcaster: this node is the origin.
    Broadcaster(Session),
    /// From another node. The token stops who pulls it.
    Relay { stop: CancellationToken, lost_since_ms: Option<u64> },
}

/// See the [module](self).
pub(super) struct Publisher {
    stream: SharedStream,
    /// When this node began to carry it, in node time.
    opened_ms: u64,
    state: Mutex<State>,
    intake: AsyncMutex<Intake>,
}

struct State {
    producer: Producer,
    /// When a viewer last asked for the stream, in node time.
    wanted_ms: u64,
    /// How often another node became the producer.
    relays: u64,
    /// The stream is not carried any more.
    closed: bool,
}

struct Intake {
    take: Option<Take>,
    /// [`State::relays`] when `take` was begun. A take from before another node became the producer is over here: its
    /// broadcaster brings the state of wherever it is now.
    relays: u64,
    rate: Rate,
}

/// What registering a stream came to.
pub(super) struct Registered {
    /// The segment wanted next.
    pub(super) next_segment: u64,
    /// Whether the stream came from another node until now.
    pub(super) was_relayed: bool,
}

/// What came of giving a stream to a broadcaster.
enum HandOver {
    Done {
        was_relayed: bool,
    },
    /// Another node became the producer meanwhile, so that the take has to be looked at again.
    Relayed,
    /// The stream was dropped meanwhile.
    Closed,
}

impl Publisher {
    /// Of a stream that nothing produces yet.
    pub(super) fn new(stream: SharedStream, bytes_per_s: u64, now: Now) -> Self {
        let producer = Producer::Nobody { since_ms: now.ms };
        let state = State { producer, wanted_ms: now.ms, relays: 0, closed: false };
        let intake = Intake { take: None, relays: 0, rate: Rate::new(bytes_per_s, now.ms) };
        Self { stream, opened_ms: now.ms, state: Mutex::new(state), intake: AsyncMutex::new(intake) }
    }

    /// Of a new stream with this take, published by `session`.
    pub(super) fn published(
        stream: SharedStream,
        bytes_per_s: u64,
        now: Now,
        (session, take): (Session, Take),
    ) -> Self {
        let mut publisher = Self::new(stream, bytes_per_s, now);
        begin(&mut lock(&publisher.stream), &take, false);
        lock(&publisher.stream).set_path(Some(Arc::default()));
        lock(&publisher.state).producer = Producer::Broadcaster(session);
        publisher.intake.get_mut().take = Some(take);
        publisher
    }

    pub(super) fn stream(&self) -> &SharedStream {
        &self.stream
    }

    /// Whether it comes from another node.
    pub(super) fn is_relayed(&self) -> bool {
        lock(&self.state).is_relayed()
    }

    /// Since when a broadcaster has it here without having sent any media, in node time; none once it has.
    pub(super) fn silent_since_ms(&self) -> Option<u64> {
        let is_silent = lock(&self.stream).state() == StreamState::Created && !self.is_relayed();
        is_silent.then_some(self.opened_ms)
    }

    /// Since when it comes from nowhere, in node time; none while it does come from somewhere.
    pub(super) fn alone_since_ms(&self) -> Option<u64> {
        match lock(&self.state).producer {
            Producer::Nobody { since_ms } => Some(since_ms),
            Producer::Broadcaster(_) => None,
            Producer::Relay { lost_since_ms, .. } => lost_since_ms,
        }
    }

    /// A viewer asks for it.
    pub(super) fn want(&self, now: Now) {
        lock(&self.state).wanted_ms = now.ms;
    }

    /// Whether `session` is its broadcaster.
    ///
    /// # Errors
    /// `already_publishing` if it is not, `unknown_stream` if the stream is over.
    pub(super) fn check_owned_by(&self, session: Session) -> Result<(), WireError> {
        let id = lock(&self.stream).id();
        let state = lock(&self.state);
        match &state.producer {
            _ if state.closed => Err(ended(id)),
            Producer::Broadcaster(owner) if *owner == session => Ok(()),
            _ => Err(taken_over(id)),
        }
    }

    /// Makes `session` the broadcaster and goes on with the take it names, or begins it, after the segment that is being
    /// parsed. None if the stream was dropped meanwhile, which is what `admit` says too, if it gives false; registrations
    /// are admitted in the order in which they take effect.
    pub(super) async fn register(
        &self,
        session: Session,
        request: &RegisterNewStream,
        admit: impl Fn() -> bool,
    ) -> Result<Option<Registered>, WireError> {
        let mut intake = self.intake.lock().await;
        loop {
            intake.forget_if_relayed(lock(&self.state).relays);
            let current = relayed_take(&lock(&self.stream));
            let begun = intake.take_for(request, current)?;
            match self.hand_over(session, &mut intake, begun)? {
                HandOver::Closed => return Ok(None),
                HandOver::Relayed => {}
                HandOver::Done { .. } if !admit() => return Ok(None),
                HandOver::Done { was_relayed } => {
                    let next_segment = intake.take.as_ref().map_or(0, Take::next_segment);
                    return Ok(Some(Registered { next_segment, was_relayed }));
                }
            }
        }
    }

    /// Makes `session` the broadcaster of the intake's take, or of the one that begins.
    fn hand_over(
        &self,
        session: Session,
        intake: &mut Intake,
        begun: Option<Take>,
    ) -> Result<HandOver, WireError> {
        let mut state = lock(&self.state);
        let mut stream = lock(&self.stream);
        if state.closed {
            return Ok(HandOver::Closed);
        }
        if state.relays != intake.relays {
            return Ok(HandOver::Relayed);
        }
        let was_relayed = state.is_relayed();
        if let Some(take) = begun {
            // What another node brought meanwhile counts too.
            check_newest(take.number(), relayed_take(&stream))?;
            begin(&mut stream, &take, was_relayed);
            intake.take = Some(take);
        }
        state.replace(Producer::Broadcaster(session));
        stream.set_path(Some(Arc::default()));
        Ok(HandOver::Done { was_relayed })
    }

    /// Lets the stream come from another node, until the token given back is cancelled; none while it has a broadcaster
    /// or comes from another node already.
    pub(super) fn relay(&self) -> Option<CancellationToken> {
        let mut state = lock(&self.state);
        if state.closed || !matches!(state.producer, Producer::Nobody { .. }) {
            return None;
        }
        let stop = CancellationToken::new();
        state.relays += 1;
        state.replace(Producer::Relay { stop: stop.clone(), lost_since_ms: None });
        Some(stop)
    }

    /// The node it is pulled from is gone (since now), or another one is found. Changes nothing once `stop` was cancelled.
    pub(super) fn set_lost(&self, stop: &CancellationToken, now: Option<Now>) {
        let mut state = lock(&self.state);
        if let Producer::Relay { lost_since_ms, .. } = &mut state.producer
            && !stop.is_cancelled()
        {
            *lost_since_ms = now.map(|now| lost_since_ms.unwrap_or(now.ms));
        }
    }

    /// Changes the stream unless `stop` was cancelled: what is changed under a token is done when it is cancelled.
    pub(super) fn unless_stopped<T>(
        &self,
        stop: &CancellationToken,
        change: impl FnOnce(&mut LiveStream) -> T,
    ) -> Option<T> {
        let _state = lock(&self.state);
        if stop.is_cancelled() {
            return None;
        }
        Some(change(&mut lock(&self.stream)))
    }

    /// Takes the producer away if it is `session`. Says whether the stream's state changed.
    pub(super) fn leave(&self, session: Session, now: Now) -> bool {
        let mut state = lock(&self.state);
        let is_owner = matches!(&state.producer, Producer::Broadcaster(owner) if *owner == session);
        if is_owner {
            state.replace(Producer::Nobody { since_ms: now.ms });
        }
        is_owner && self.interrupt()
    }

    /// Nothing comes for now. Says whether the stream's state changed.
    pub(super) fn interrupt(&self) -> bool {
        let mut stream = lock(&self.stream);
        stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
    }

    /// Stops whatever produces it, for good. Says whether that was another node.
    pub(super) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        state.close();
        state.is_relayed()
    }

    /// As [`Self::close`], if it comes from another node and no viewer asked for it since `idle_ms`. Says whether it is closed.
    pub(super) fn close_if_relayed(&self, idle_ms: u64, now: Now) -> bool {
        let mut state = lock(&self.state);
        let closes = state.is_relayed() && now.ms.saturating_sub(state.wanted_ms) >= idle_ms;
        if closes {
            state.close();
        }
        closes
    }

    /// Takes in a segment of the broadcaster, in slices between which other tasks run. `appended` is called after each one
    /// that brought something, with whether it was the last. Tells of the segment's arrival, unless the node had it before.
    pub(super) async fn segment(
        &self,
        session: Session,
        data: BroadcastData,
        (arrived, now): (Instant, Now),
        appended: impl Fn(bool),
    ) -> Result<(SegmentAccepted, Option<Arrival>), WireError> {
        let mut intake = self.intake.lock().await;
        self.check_owned_by(session)?;
        let Intake { take, rate, .. } = &mut *intake;
        let take = take.as_mut().ok_or_else(not_registered)?;
        match data.take {
            Some(number) if number < take.number() => return Err(stale(number, take.number())),
            Some(number) if number > take.number() => return Err(not_registered()),
            _ => {}
        }
        let mut arrival = None;
        if take.wants(data.seq.unwrap_or(take.next_segment()))? {
            if !rate.allow(data.segment.len(), now.ms) {
                return Err(WireError::new(ErrorCode::LimitReached, "too many bytes a second; send less"));
            }
            let steps = take.steps();
            let parsed = self.parse(take, &data, now, appended).await;
            rate.charge(take.steps() - steps);
            parsed?;
            arrival = Some(Arrival { segment: take.have(), bytes: data.segment.len(), arrived });
        }
        Ok((SegmentAccepted { have: take.have(), resume: take.resume_state() }, arrival))
    }

    async fn parse(
        &self,
        take: &mut Take,
        data: &BroadcastData,
        now: Now,
        appended: impl Fn(bool),
    ) -> Result<(), WireError> {
        let mut rest = &data.segment[..];
        loop {
            let mut outputs = Vec::new();
            let progress = take.advance(&mut rest, &mut outputs);
            if progress == Ok(Progress::Done) {
                take.segment_done(data.captured_at_ms, now.ms);
            }
            let is_done = progress == Ok(Progress::Done);
            if is_done || !outputs.is_empty() {
                append(&self.stream, take, outputs, now);
                appended(is_done);
            }
            if progress? == Progress::Done {
                return Ok(());
            }
            yield_now().await;
        }
    }
}

impl State {
    fn is_relayed(&self) -> bool {
        matches!(self.producer, Producer::Relay { .. })
    }

    fn stop(&self) {
        if let Producer::Relay { stop, .. } = &self.producer {
            stop.cancel();
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.stop();
    }

    fn replace(&mut self, producer: Producer) {
        self.stop();
        self.producer = producer;
    }
}

impl Intake {
    fn forget_if_relayed(&mut self, relays: u64) {
        if self.relays != relays {
            self.take = None;
            self.relays = relays;
        }
    }

    /// The take that a registration begins, where the stream is at take `relayed` from other nodes; none if it goes on with
    /// the one that is here.
    fn take_for(&self, request: &RegisterNewStream, relayed: Option<u64>) -> Result<Option<Take>, WireError> {
        let current = self.take.as_ref().map(Take::number).max(relayed);
        let next = current.map_or(0, |current| current.saturating_add(1));
        let wanted = request.take.unwrap_or(next);
        check_newest(wanted, current)?;
        match &self.take {
            Some(take) if wanted == take.number() => take.check_continues(&request.mime).map(|()| None),
            _ => Take::new(wanted, request).map(Some),
        }
    }
}

/// Whether take `wanted` can be the newest, where `current` is.
fn check_newest(wanted: u64, current: Option<u64>) -> Result<(), WireError> {
    current.filter(|current| wanted < *current).map_or(Ok(()), |current| Err(stale(wanted, current)))
}

/// The take that other nodes brought.
fn relayed_take(stream: &LiveStream) -> Option<u64> {
    let begun = stream.mime().map(|_| stream.take());
    begun.max(stream.ring().newest_name().map(|name| name.take))
}

/// Begins `take` in its stream, which came from another node until now if it `was_relayed`.
fn begin(stream: &mut LiveStream, take: &Take, was_relayed: bool) {
    match take.newest_chunk() {
        Some(newest) => stream.follow(newest),
        // What the old take had besides never came here.
        None if was_relayed => stream.gap(),
        None => {}
    }
    stream.begin_take(take.number());
    if let Some(init) = take.init() {
        stream.push_init(init.mime, init.data);
    }
}

/// Appends what a segment made.
fn append(stream: &SharedStream, take: &Take, outputs: Vec<Output>, now: Now) {
    let mut stream = lock(stream);
    stream.set_origin_ms(take.origin_ms());
    stream.set_state(StreamState::Live);
    for output in outputs {
        match output {
            Output::Init(init) => stream.push_init(init.mime, init.data),
            Output::Chunk(chunk) => match stream.push(hub_chunk(take.number(), chunk), now.ms) {
                // It came from another node before, under the same name.
                Ok(()) | Err(Error::OutOfOrder { .. }) => {}
                Err(error) => {
                    tracing::error!(stream.id = %stream.id(), %error, "chunk of stream {} was lost", stream.id());
                    stream.gap();
                }
            },
        }
    }
}

fn hub_chunk(take: u64, chunk: media::repackager::Chunk) -> Chunk {
    let media::repackager::Chunk { group, index, key, pts_ms, duration_ms, data } = chunk;
    let name = ChunkName { take, group, index };
    Chunk { name, key, pts_ms, duration_ms, captured_at_ms: None, data }
}

pub(super) fn not_registered() -> WireError {
    let message = "this connection has not registered that stream and take; send register_new_stream first";
    WireError::new(ErrorCode::NotRegistered, message)
}
