//! What ingest knows of one stream: who produces it, a broadcaster or another node, and the take that a broadcaster is at.
//!
//! A new producer continues the ring as it is. Chunks that the ring has already are passed over by their names; chunks that
//! are missing in between empty the ring, so that viewers are told.
//!
//! There are two locks. [`State`] says what the producer is and is held for moments. [`Intake`] parses; a segment may hold it
//! for many slices of work, so waiting for it is asynchronous, and the node's own locks are never held meanwhile. A
//! task that needs both takes the intake first.

use std::sync::{Arc, Mutex};

use media::{Output, Progress, Track};
use protocol::{ErrorCode, WireError, stream::StreamState};
use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::yield_now,
};
use tokio_util::sync::CancellationToken;

use super::{
    Accepted, ConnectionId, Registration, Segment, Services, ended,
    forward::{self, Forwarding},
    producer::{Producer, Refused},
    rate::Rate,
    stale,
    take::Take,
    taken_over,
};
use crate::{
    clock::Now,
    hub::{AskKeyframe, LiveStream, Readers, SharedStream, Trace, Upstream},
    lock::lock,
};

/// Where a stream comes from. The token is that of the [`Producer`].
enum Source {
    /// From nowhere, since this node time.
    None { since_ms: u64 },
    /// From the connection of its broadcaster: this node is the origin.
    Broadcaster { connection: ConnectionId, stop: CancellationToken },
    /// From another node.
    Relay { stop: CancellationToken, lost_since_ms: Option<u64> },
}

/// See the [module](self).
pub(super) struct Publisher {
    services: Arc<Services>,
    stream: SharedStream,
    readers: Arc<Readers>,
    upstream: Arc<Upstream>,
    /// A reader wants a keyframe of the node that the stream is pulled from.
    keyframe_wanted: Arc<Notify>,
    /// When this node began to carry it, in node time.
    opened_ms: u64,
    state: Mutex<State>,
    intake: AsyncMutex<Intake>,
}

struct State {
    source: Source,
    /// When a viewer last asked for the stream, in node time.
    wanted_ms: u64,
    /// How often another node became the source.
    relays: u64,
    /// The stream is not carried any more.
    closed: bool,
}

struct Intake {
    take: Option<Take>,
    /// [`State::relays`] when `take` was begun. A take from before another node became the source is over here: its
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
    /// Another node became the source meanwhile, so that the take has to be looked at again.
    Relayed,
    /// The stream was dropped meanwhile.
    Closed,
}

impl Publisher {
    /// Of a stream that nothing produces yet.
    pub(super) fn new(services: Arc<Services>, stream: SharedStream, now: Now) -> Self {
        let (readers, upstream) = {
            let stream = lock(&stream);
            (stream.readers().clone(), stream.upstream().clone())
        };
        let source = Source::None { since_ms: now.ms };
        let state = State { source, wanted_ms: now.ms, relays: 0, closed: false };
        let rate = Rate::new(services.limits.stream_bytes_per_s, now.ms);
        let intake = Intake { take: None, relays: 0, rate };
        Self {
            services,
            stream,
            readers,
            upstream,
            keyframe_wanted: Arc::default(),
            opened_ms: now.ms,
            state: Mutex::new(state),
            intake: AsyncMutex::new(intake),
        }
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
        match lock(&self.state).source {
            Source::None { since_ms } => Some(since_ms),
            Source::Broadcaster { .. } => None,
            Source::Relay { lost_since_ms, .. } => lost_since_ms,
        }
    }

    /// A viewer asks for it.
    pub(super) fn want(&self, now: Now) {
        lock(&self.state).wanted_ms = now.ms;
    }

    /// What `connection` writes the stream through.
    ///
    /// # Errors
    /// `already_publishing` if it is not the stream's broadcaster, `unknown_stream` if the stream is over.
    pub(super) fn producer(self: &Arc<Self>, connection: ConnectionId) -> Result<Producer, WireError> {
        let id = lock(&self.stream).id();
        let state = lock(&self.state);
        match &state.source {
            _ if state.closed => Err(ended(id)),
            Source::Broadcaster { connection: owner, stop } if *owner == connection => {
                Ok(Producer::new(self.clone(), stop.clone()))
            }
            _ => Err(taken_over(id)),
        }
    }

    /// Makes `connection` the broadcaster and goes on with the take it names, or begins it, after the segment that is being
    /// parsed. None if the stream was dropped meanwhile, which is what `admit` says too, if it gives false; registrations
    /// are admitted in the order in which they take effect.
    pub(super) async fn register(
        &self,
        connection: ConnectionId,
        registration: &Registration,
        admit: impl Fn() -> bool,
    ) -> Result<Option<Registered>, WireError> {
        let mut intake = self.intake.lock().await;
        loop {
            intake.forget_if_relayed(lock(&self.state).relays);
            let current = relayed_take(&lock(&self.stream));
            let begun = intake.take_for(registration, current)?;
            match self.hand_over(connection, registration, &mut intake, begun)? {
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

    /// Makes `connection` the broadcaster of the intake's take, or of the one that begins.
    fn hand_over(
        &self,
        connection: ConnectionId,
        registration: &Registration,
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
        let stop = CancellationToken::new();
        self.replace(&mut state, Source::Broadcaster { connection, stop }, registration.ask_keyframe.clone());
        stream.set_path(Some(Arc::default()));
        Ok(HandOver::Done { was_relayed })
    }

    /// Lets the stream come from another node; none while it has a broadcaster or comes from another node already.
    pub(super) fn relay(self: &Arc<Self>) -> Option<Producer> {
        let mut state = lock(&self.state);
        if state.closed || !matches!(state.source, Source::None { .. }) {
            return None;
        }
        let stop = CancellationToken::new();
        state.relays += 1;
        let wanted = self.keyframe_wanted.clone();
        let ask: AskKeyframe = Arc::new(move || wanted.notify_one());
        self.replace(&mut state, Source::Relay { stop: stop.clone(), lost_since_ms: None }, Some(ask));
        Some(Producer::new(self.clone(), stop))
    }

    fn replace(&self, state: &mut State, source: Source, ask_keyframe: Option<AskKeyframe>) {
        state.stop();
        state.source = source;
        self.upstream.set(ask_keyframe);
    }

    /// Waits until a reader wants a keyframe of the node that the stream is pulled from.
    pub(super) async fn keyframe_wanted(&self) {
        self.keyframe_wanted.notified().await;
    }

    /// The state or the path changed: readers and observers look.
    pub(super) fn changed(&self) {
        self.readers.changed();
        self.services.observers.iter().for_each(|observer| observer.changed());
    }

    /// There is new media: keeps the node's budget, and wakes readers, which hold `trace` until they read it.
    pub(super) fn flush(&self, trace: Option<&Arc<dyn Trace>>) {
        self.services.budget.enforce();
        self.readers.media(trace);
    }

    /// The node it is pulled from is gone (since now), or another one is found. Changes nothing once `stop` was cancelled.
    pub(super) fn set_lost(&self, stop: &CancellationToken, now: Option<Now>) {
        let mut state = lock(&self.state);
        if let Source::Relay { lost_since_ms, .. } = &mut state.source
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

    /// The connection of its broadcaster closed, unless that is another one by now. Says whether the stream's state changed.
    pub(super) fn leave(&self, connection: ConnectionId, now: Now) -> bool {
        let is_owner = {
            let mut state = lock(&self.state);
            let is_owner = matches!(&state.source, Source::Broadcaster { connection: owner, .. } if *owner == connection);
            if is_owner {
                self.replace(&mut state, Source::None { since_ms: now.ms }, None);
            }
            is_owner
        };
        is_owner && self.interrupt()
    }

    /// Nothing comes for now. Says whether the stream's state changed.
    pub(super) fn interrupt(&self) -> bool {
        let interrupted = {
            let mut stream = lock(&self.stream);
            stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
        };
        if interrupted {
            self.changed();
        }
        interrupted
    }

    /// Stops its producer, for good. Says whether that was another node.
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

    /// Takes in a segment of the broadcaster, in slices between which other tasks run. Readers get what a slice brought at
    /// once. Says how many bytes were new.
    pub(super) async fn segment(
        self: &Arc<Self>,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<(Accepted, Option<usize>), WireError> {
        let mut intake = self.intake.lock().await;
        let producer = self.producer(connection)?;
        let Intake { take, rate, .. } = &mut *intake;
        let take = take.as_mut().ok_or_else(not_registered)?;
        match segment.take {
            Some(number) if number < take.number() => return Err(stale(number, take.number())),
            Some(number) if number > take.number() => return Err(not_registered()),
            _ => {}
        }
        let mut bytes = None;
        if take.wants(segment.seq.unwrap_or(take.next_segment()))? {
            if !rate.allow(segment.data.len(), now.ms) {
                return Err(WireError::new(ErrorCode::LimitReached, "too many bytes a second; send less"));
            }
            let steps = take.steps();
            let parsed = self.parse(&producer, take, &segment, now).await;
            rate.charge(take.steps() - steps);
            parsed?;
            bytes = Some(segment.data.len());
        }
        Ok((Accepted { have: take.have(), resume: take.resume_state() }, bytes))
    }

    async fn parse(
        &self,
        producer: &Producer,
        take: &mut Take,
        segment: &Segment,
        now: Now,
    ) -> Result<(), WireError> {
        let mut rest = segment.data.clone();
        loop {
            let mut outputs = Vec::new();
            let progress = take.advance(&mut rest, &mut outputs);
            let is_done = progress == Ok(Progress::Done);
            if is_done {
                take.segment_done(segment.captured_at_ms, now.ms);
            }
            if is_done || !outputs.is_empty() {
                // Where it is not the producer any more, the rest is parsed all the same: the take stays whole.
                if write(producer, take, outputs, now).is_ok() {
                    producer.flush(self.trace(take, segment, is_done).as_ref());
                }
            }
            if progress? == Progress::Done {
                return Ok(());
            }
            yield_now().await;
        }
    }

    /// What follows a segment that is done through the node, if that is logged.
    fn trace(&self, take: &Take, segment: &Segment, is_done: bool) -> Option<Arc<dyn Trace>> {
        (is_done && forward::is_logged()).then(|| {
            Arc::new(Forwarding {
                stream: segment.stream,
                segment: take.have(),
                bytes: segment.data.len(),
                arrived_us: segment.arrived_us,
                clock: self.services.clock.clone(),
                progress: forward::Progress::default(),
            }) as Arc<dyn Trace>
        })
    }
}

impl State {
    fn is_relayed(&self) -> bool {
        matches!(self.source, Source::Relay { .. })
    }

    fn stop(&self) {
        match &self.source {
            Source::None { .. } => {}
            Source::Broadcaster { stop, .. } | Source::Relay { stop, .. } => stop.cancel(),
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.stop();
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
    fn take_for(&self, request: &Registration, relayed: Option<u64>) -> Result<Option<Take>, WireError> {
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
    let begun = stream.renditions().map(|_| stream.take());
    begun.max(stream.ring().newest().map(|newest| newest.first.take))
}

/// Begins `take` in its stream, which came from another node until now if it `was_relayed`.
fn begin(stream: &mut LiveStream, take: &Take, was_relayed: bool) {
    match take.newest_run() {
        Some(newest) => stream.follow(newest),
        // What the old take had besides never came here.
        None if was_relayed => stream.gap(),
        None => {}
    }
    stream.begin_take(take.number());
    if let Some(tracks) = take.tracks() {
        push_tracks(stream, tracks);
    }
}

/// Writes what a slice of a segment made.
fn write(producer: &Producer, take: &Take, outputs: Vec<Output>, now: Now) -> Result<(), Refused> {
    producer.capture_clock(take.number(), take.origin_ms())?;
    if producer.state(StreamState::Live)? {
        tracing::info!(stream.id = %producer.stream_id(), "stream {} is live", producer.stream_id());
    }
    for output in outputs {
        match output {
            Output::Tracks(tracks) => producer.tracks(take.number(), tracks)?,
            Output::Run(run) => drop(producer.run(take.number(), run, None, now)?),
        }
    }
    Ok(())
}

fn push_tracks(stream: &mut LiveStream, tracks: Arc<[Track]>) {
    if let Err(error) = stream.push_tracks(tracks) {
        tracing::error!(stream.id = %stream.id(), %error, "tracks of stream {} were lost", stream.id());
    }
}

pub(super) fn not_registered() -> WireError {
    let message = "this connection has not registered that stream and take; send register_new_stream first";
    WireError::new(ErrorCode::NotRegistered, message)
}
