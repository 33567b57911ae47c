//! The producer of one stream: who publishes it, and the take it is at.

use std::time::Instant;

use media::Output;
use protocol::{
    ErrorCode, WireError,
    event::{BroadcastData, ChunkName, RegisterNewStream, SegmentAccepted},
    stream::StreamState,
};

use super::{Arrival, Session, rate::Rate, take::Take};
use crate::{
    clock::Now,
    hub::{Chunk, SharedStream},
    lock::lock,
};

/// Longest recorder type that is looked at.
const MAX_MIME_BYTES: usize = 256;

pub(super) struct Publisher {
    stream: SharedStream,
    owner: Option<Session>,
    /// Since when nobody owns it, in node time.
    alone_since_ms: u64,
    take: Option<Take>,
    rate: Rate,
}

impl Publisher {
    pub(super) fn new(stream: SharedStream, bytes_per_s: u64, now: Now) -> Self {
        let rate = Rate::new(bytes_per_s, now.ms);
        Self { stream, owner: None, alone_since_ms: now.ms, take: None, rate }
    }

    pub(super) fn stream(&self) -> &SharedStream {
        &self.stream
    }

    pub(super) fn owner(&self) -> Option<Session> {
        self.owner
    }

    /// Since when it waits for a broadcaster; none while it has one.
    pub(super) fn alone_since_ms(&self) -> Option<u64> {
        self.owner.is_none().then_some(self.alone_since_ms)
    }

    /// Makes `session` the broadcaster and goes on with the take it names, or begins it. Gives the segment wanted next.
    pub(super) fn register(
        &mut self,
        session: Session,
        request: RegisterNewStream,
    ) -> Result<u64, WireError> {
        let current = self.take.as_ref().map(Take::number);
        let wanted = request.take.unwrap_or_else(|| current.map_or(0, |current| current.saturating_add(1)));
        match &self.take {
            Some(take) if wanted < take.number() => return Err(stale(wanted, take.number())),
            Some(take) if wanted == take.number() => take.check_continues(&request.mime)?,
            _ => self.begin(wanted, request)?,
        }
        self.owner = Some(session);
        Ok(self.take.as_ref().map_or(0, Take::next_segment))
    }

    /// Takes the broadcaster away. Says whether the stream's state changed.
    pub(super) fn leave(&mut self, now: Now) -> bool {
        self.owner = None;
        self.alone_since_ms = now.ms;
        let mut stream = lock(&self.stream);
        stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
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
            Output::Chunk(chunk) => {
                if let Err(error) = stream.push(hub_chunk(take.number(), chunk), now.ms) {
                    tracing::error!(stream.id = %stream.id(), %error, "chunk of stream {} was lost", stream.id());
                }
            }
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
