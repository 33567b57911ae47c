//! The broadcaster's side of a stream: registrations, and segments that become runs of frames.
//!
//! A broadcaster that registers continues the ring as it is. Runs that the ring has already are passed over by their names; runs that
//! are missing in between empty the ring, so that viewers are told.
//!
//! [`Intake`] parses; a segment may hold it for many slices of work, so waiting for it is asynchronous, and the node's own locks
//! are never held meanwhile. What needs both the intake and the stream's source takes the intake first.

use std::sync::Arc;

use media::Progress;
use protocol::{ErrorCode, WireError};
use tokio::{sync::Mutex as AsyncMutex, task::yield_now};

use super::{
    forward::{self, Forwarding},
    producer::{self, Producer, Written},
    rate::Rate,
    refusal::{not_registered, stale},
    source::{HandOver, StreamSource},
    take::Take,
    types::{Accepted, ConnectionId, Registration, Segment},
};
use crate::{
    clock::Now,
    hub::{LiveStream, Trace},
    lock::lock,
};

/// See the [module](self).
pub(super) struct Publisher {
    source: Arc<StreamSource>,
    intake: AsyncMutex<Intake>,
}

struct Intake {
    take: Option<Take>,
    /// [`StreamSource::relays`] when `take` was begun. A take from before another node became the source is over here: its
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

impl Publisher {
    /// Of a stream that has no broadcaster yet.
    pub(super) fn new(source: Arc<StreamSource>, now: Now) -> Self {
        let rate = Rate::new(source.services().limits.stream_bytes_per_s, now.ms);
        Self { source, intake: AsyncMutex::new(Intake { take: None, relays: 0, rate }) }
    }

    /// Where the stream comes from.
    pub(super) fn source(&self) -> &Arc<StreamSource> {
        &self.source
    }

    /// Makes `connection` the broadcaster and goes on with the take it names, or begins it, after the segment that is being
    /// parsed. None if the stream was dropped meanwhile, which is what `admit` says too, if it gives false; registrations
    /// are admitted in the order in which they take effect. `checked` is the take the registration asks for, if it was read before.
    pub(super) async fn register(
        &self,
        connection: ConnectionId,
        registration: &Registration,
        checked: &mut Option<Take>,
        admit: impl Fn() -> bool,
    ) -> Result<Option<Registered>, WireError> {
        let mut intake = self.intake.lock().await;
        loop {
            intake.forget_if_relayed(self.source.relays());
            let current = relayed_take(&lock(self.source.stream()));
            let begun = intake.take_for(registration, checked, current)?;
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
        let Intake { take, relays, .. } = intake;
        let ask_keyframe = registration.ask_keyframe.clone();
        self.source.give_to_broadcaster(connection, ask_keyframe, *relays, |stream, was_relayed| {
            if let Some(begun) = begun {
                // What another node brought meanwhile counts too.
                check_newest(begun.number(), relayed_take(stream))?;
                producer::begin_take(stream, begun.number(), begun.newest_run(), begun.tracks(), was_relayed);
                *take = Some(begun);
            }
            Ok(())
        })
    }

    /// Takes in a segment of the broadcaster, in slices between which other tasks run. Readers get what a slice brought at
    /// once. Says how many bytes were new.
    pub(super) async fn segment(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<(Accepted, Option<usize>), WireError> {
        let mut intake = self.intake.lock().await;
        let producer = Producer::of_broadcaster(&self.source, connection)?;
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
            if is_done && take.segment_done(segment.captured_at_ms, now.ms) {
                let stream = producer.stream_id();
                tracing::debug!(
                    stream.id = %stream,
                    take = take.number(),
                    "the recorder's clock of stream {stream} fell or jumped; times go on from those before"
                );
            }
            if is_done || !outputs.is_empty() {
                let written = Written {
                    take: take.number(),
                    epoch_ms: take.epoch_ms(),
                    outputs,
                    segment_bytes: is_done.then_some(segment.data.len() as u64),
                };
                // Where it is not the producer any more, the rest is parsed all the same: the take stays whole.
                let _ = producer.write(written, self.trace(take, segment, is_done).as_ref(), now);
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
                clock: self.source.services().clock.clone(),
                progress: forward::Progress::default(),
            }) as Arc<dyn Trace>
        })
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
    fn take_for(
        &self,
        request: &Registration,
        checked: &mut Option<Take>,
        relayed: Option<u64>,
    ) -> Result<Option<Take>, WireError> {
        let current = self.take.as_ref().map(Take::number).max(relayed);
        let next = current.map_or(0, |current| current.saturating_add(1));
        let wanted = request.take.unwrap_or(next);
        check_newest(wanted, current)?;
        match &self.take {
            Some(take) if wanted == take.number() => take.check_continues(&request.mime).map(|()| None),
            _ => match checked.take_if(|take| take.number() == wanted) {
                Some(take) => Ok(Some(take)),
                None => Take::new(wanted, request).map(Some),
            },
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
