//! The producer of one stream: who it comes from, a broadcaster or another node, and the take a broadcaster is at.
//!
//! Whoever becomes the producer continues the ring as it is. What it brings that is there already is passed over by its
//! name; what is missing in between empties the ring, so that viewers are told.

use std::{sync::Arc, time::Instant};

use media::Output;
use protocol::{
    ErrorCode, WireError,
    event::{BroadcastData, ChunkName, RegisterNewStream, SegmentAccepted},
    stream::StreamState,
};
use tokio_util::sync::CancellationToken;

use super::{Arrival, Session, rate::Rate, take::Take};
use crate::{
    clock::Now,
    hub::{Chunk, Error, SharedStream},
    lock::lock,
};

/// Longest recorder type that is looked at.
const MAX_MIME_BYTES: usize = 256;

/// Where a stream comes from.
pub(super) enum Producer {
    /// From nowhere, since this node time.
    Nobody { since_ms: u64 },
    /// From the connection of its broadcaster: this node is the origin.
    Broadcaster(Session),
    /// From another node. The token stops who pulls it.
    Relay { stop: CancellationToken, lost_since_ms: Option<u64> },
}

pub(super) struct Publisher {
    stream: SharedStream,
    producer: Producer,
    take: Option<Take>,
    rate: Rate,
    /// When somebody last asked to watch it, in node time.
    pub(super) wanted_ms: u64,
}

impl Publisher {
    pub(super) fn new(stream: SharedStream, bytes_per_s: u64, now: Now) -> Self {
        let rate = Rate::new(bytes_per_s, now.ms);
        let producer = Producer::Nobody { since_ms: now.ms };
        Self { stream, producer, take: None, rate, wanted_ms: now.ms }
    }

    pub(super) fn stream(&self) -> &SharedStream {
        &self.stream
    }

    /// Whether `session` is its broadcaster.
    pub(super) fn is_owned_by(&self, session: Session) -> bool {
        matches!(&self.producer, Producer::Broadcaster(owner) if *owner == session)
    }

    /// Whether it comes from another node.
    pub(super) fn is_relayed(&self) -> bool {
        matches!(self.producer, Producer::Relay { .. })
    }

    /// Since when it comes from nowhere; none while it does come from somewhere.
    pub(super) fn alone_since_ms(&self) -> Option<u64> {
        match self.producer {
            Producer::Nobody { since_ms } => Some(since_ms),
            Producer::Broadcaster(_) => None,
            Producer::Relay { lost_since_ms, .. } => lost_since_ms,
        }
    }

    /// Makes `session` the broadcaster and goes on with the take it names, or begins it. Gives the segment wanted next.
    pub(super) fn register(
        &mut self,
        session: Session,
        request: RegisterNewStream,
    ) -> Result<u64, WireError> {
        let own = self.take.as_ref().map(Take::number);
        let current = own.max(self.relayed_take());
        let wanted = request.take.unwrap_or_else(|| current.map_or(0, |current| current.saturating_add(1)));
        match &self.take {
            _ if Some(wanted) < current => return Err(stale(wanted, current.unwrap_or_default())),
            Some(take) if wanted == take.number() => take.check_continues(&request.mime)?,
            _ => self.begin(wanted, request)?,
        }
        self.replace(Producer::Broadcaster(session));
        lock(&self.stream).set_path(Some(Arc::default()));
        Ok(self.take.as_ref().map_or(0, Take::next_segment))
    }

    /// Lets the stream come from another node, until the token given back is cancelled; none while it has a broadcaster
    /// or comes from another node already. A take that was published here is over as far as this node goes: its
    /// broadcaster brings the state of wherever it is now.
    pub(super) fn relay(&mut self) -> Option<CancellationToken> {
        if !matches!(self.producer, Producer::Nobody { .. }) {
            return None;
        }
        let stop = CancellationToken::new();
        self.take = None;
        self.replace(Producer::Relay { stop: stop.clone(), lost_since_ms: None });
        Some(stop)
    }

    /// The node it is pulled from is gone (since now), or another one is found.
    pub(super) fn set_lost(&mut self, now: Option<Now>) {
        if let Producer::Relay { lost_since_ms, .. } = &mut self.producer {
            *lost_since_ms = now.map(|now| lost_since_ms.unwrap_or(now.ms));
        }
    }

    /// Takes the producer away. Says whether the stream's state changed.
    pub(super) fn leave(&mut self, now: Now) -> bool {
        self.replace(Producer::Nobody { since_ms: now.ms });
        self.interrupt()
    }

    /// Nothing comes for now. Says whether the stream's state changed.
    pub(super) fn interrupt(&self) -> bool {
        let mut stream = lock(&self.stream);
        stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
    }

    /// Stops whoever produces it.
    pub(super) fn stop(&self) {
        if let Producer::Relay { stop, .. } = &self.producer {
            stop.cancel();
        }
    }

    /// The take that other nodes brought.
    fn relayed_take(&self) -> Option<u64> {
        let stream = lock(&self.stream);
        let begun = stream.mime().map(|_| stream.take());
        begun.max(stream.ring().newest_name().map(|name| name.take))
    }

    fn replace(&mut self, producer: Producer) {
        self.stop();
        self.producer = producer;
    }

    /// Takes in a segment of the broadcaster. Tells of its arrival, unless it was had before.
    pub(super) fn segment(
        &mut self,
        data: BroadcastData,
        arrived: Instant,
        now: Now,
    ) -> Result<(SegmentAccepted, Option<Arrival>), WireError> {
        let take = self.take.as_mut().ok_or_else(not_registered)?;
        match data.take {
            Some(number) if number < take.number() => return Err(stale(number, take.number())),
            Some(number) if number > take.number() => return Err(not_registered()),
            _ => {}
        }
        let mut arrival = None;
        if take.wants(data.seq.unwrap_or(take.next_segment()))? {
            if !self.rate.allow(data.segment.len(), now.ms) {
                return Err(WireError::new(ErrorCode::LimitReached, "too many bytes a second; send less"));
            }
            let outputs = take.push(&data.segment, data.captured_at_ms, now.ms)?;
            append(&self.stream, take, outputs, now);
            arrival = Some(Arrival { segment: take.have(), bytes: data.segment.len(), arrived });
        }
        Ok((SegmentAccepted { have: take.have(), resume: take.resume_state() }, arrival))
    }

    fn begin(&mut self, number: u64, request: RegisterNewStream) -> Result<(), WireError> {
        if request.mime.len() > MAX_MIME_BYTES {
            return Err(WireError::new(
                ErrorCode::UnsupportedMime,
                "mime is too long to be a recorder's type",
            ));
        }
        let take = match request.resume {
            None => Take::begin(number, request.mime)?,
            Some(resume) => Take::resume(number, request.mime, &resume)?,
        };
        let mut stream = lock(&self.stream);
        match take.newest_chunk() {
            Some(newest) => stream.follow(newest),
            // What the old take had besides never came here.
            None if self.is_relayed() => stream.gap(),
            None => {}
        }
        stream.begin_take(number);
        if let Some(init) = take.init() {
            stream.push_init(init.mime, init.data);
        }
        drop(stream);
        self.take = Some(take);
        Ok(())
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

fn hub_chunk(take: u64, chunk: media::Chunk) -> Chunk {
    let media::Chunk { group, index, key, pts_ms, duration_ms, data } = chunk;
    let name = ChunkName { take, group, index };
    Chunk { name, key, pts_ms, duration_ms, captured_at_ms: None, data }
}

fn stale(take: u64, current: u64) -> WireError {
    WireError::new(ErrorCode::StaleTake, format!("take {take} is over; the stream is at take {current}"))
}

pub(super) fn not_registered() -> WireError {
    let message = "this connection has not registered that stream and take; send register_new_stream first";
    WireError::new(ErrorCode::NotRegistered, message)
}
