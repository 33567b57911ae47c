//! The broadcaster's side of a stream: registrations. Segments are handled in [`segment`](super::segment).
//!
//! A broadcaster that registers continues the ring as it is. Runs that the ring has already are passed over by their names; runs that
//! are missing in between empty the ring, so that viewers are notified.
//!
//! [`Intake`] parses; a segment may hold it for many slices of work, so waiting for it is asynchronous, and the node's own locks
//! are never held meanwhile. What needs both the intake and the stream's source takes the intake first.

use std::sync::Arc;

use protocol::WireError;
use tokio::sync::Mutex as AsyncMutex;

use super::{
    errors::stale,
    producer,
    rate::Rate,
    source::{HandOver, StreamSource},
    take::Take,
    types::{ConnectionId, Registration},
};
use crate::{clock::Now, hub::LiveStream, lock::lock};

/// See the [module](self).
pub(super) struct Publisher {
    source: Arc<StreamSource>,
    pub(super) intake: AsyncMutex<Intake>,
}

pub(super) struct Intake {
    pub(super) take: Option<Take>,
    /// [`StreamSource::relays`] when `take` was begun. A take from before another node became the source is over here: its
    /// broadcaster brings the state of wherever it is now.
    relays: u64,
    /// Of bytes.
    pub(super) rate: Rate,
    /// Of segments, those among them that are here already too.
    pub(super) segments: Rate,
}

/// The outcome of a registration.
pub(super) struct Registered {
    /// The segment wanted next.
    pub(super) next_segment: u64,
    /// Whether another node was the source until now.
    pub(super) was_relayed: bool,
}

impl Publisher {
    /// Of a stream that has no broadcaster yet.
    pub(super) fn new(source: Arc<StreamSource>, now: Now) -> Self {
        let limits = &source.context().limits;
        let [rate, segments] =
            [limits.stream_bytes_per_s, limits.stream_segments_per_s].map(|per_s| Rate::new(per_s, now.ms));
        Self { source, intake: AsyncMutex::new(Intake { take: None, relays: 0, rate, segments }) }
    }

    /// The source of the stream.
    pub(super) fn source(&self) -> &Arc<StreamSource> {
        &self.source
    }

    /// Makes `connection` the broadcaster and continues with the take it names, or begins it, after the segment that is being
    /// parsed. None if the stream was dropped meanwhile, or if `admit` returns false; registrations
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
}

impl Intake {
    fn forget_if_relayed(&mut self, relays: u64) {
        if self.relays != relays {
            self.take = None;
            self.relays = relays;
        }
    }

    /// The take that a registration begins, where the stream is at take `relayed` from other nodes; none if it continues with
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
    begun.max(stream.ring().newest_name().map(|newest| newest.take))
}
