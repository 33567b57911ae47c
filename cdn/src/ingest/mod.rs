//! Media entering the node: who may publish, which segment comes next, and repackaging into the hub. Knows no transport.
//!
//! Every call is synchronous and short, so that a transport can make it in the order of arrival. Locks are taken in the
//! order publishers, publisher, hub, stream.

mod origin;
mod publisher;
mod rate;
mod take;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Instant,
};

use protocol::{
    ErrorCode, StreamId, WireError,
    event::{BroadcastData, Done, RegisterNewStream, SegmentAccepted, SegmentName, StreamRegistered},
    grant::Action,
    stream::StreamState,
};

use self::publisher::{Publisher, not_registered};
use crate::{
    clock::Now,
    config::Limits,
    grants::Grants,
    hub::{Hub, SharedStream},
    lock::lock,
    metrics::Metrics,
};

/// How many ended streams are remembered, so that nobody brings one back.
const ENDED_REMEMBERED: usize = 4096;

/// One connection, whatever the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session(pub(crate) u64);

/// A segment that was taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) segment: SegmentName,
    pub(crate) bytes: usize,
    /// When its last byte was there.
    pub(crate) arrived: Instant,
}

/// Who acts on what happens to streams: egress, and the heartbeat to the main server. Calls return at once.
pub(crate) trait Follower: Send + Sync {
    /// A stream is carried from now on.
    fn opened(&self, stream: &SharedStream);
    /// A segment was taken in.
    fn arrived(&self, stream: StreamId, arrival: &Arrival);
    /// The state changed.
    fn state_changed(&self, stream: StreamId);
    /// Viewers of the stream.
    fn viewers(&self, stream: StreamId) -> u32;
}

/// See the [module](self).
pub(crate) struct Ingest {
    hub: Arc<Mutex<Hub>>,
    grants: Arc<Grants>,
    limits: Limits,
    metrics: Arc<Metrics>,
    followers: Vec<Arc<dyn Follower>>,
    publishers: Mutex<Publishers>,
}

#[derive(Default)]
struct Publishers {
    by_stream: HashMap<StreamId, Arc<Mutex<Publisher>>>,
    /// What each connection registered, also what was taken over from it since.
    by_session: HashMap<Session, Vec<StreamId>>,
    ended: VecDeque<StreamId>,
}

impl Ingest {
    pub(crate) fn new(
        hub: Arc<Mutex<Hub>>,
        grants: Arc<Grants>,
        limits: Limits,
        metrics: Arc<Metrics>,
        followers: Vec<Arc<dyn Follower>>,
    ) -> Self {
        Self { hub, grants, limits, metrics, followers, publishers: Mutex::default() }
    }

    /// Makes `session` the broadcaster of a stream, taking it over from another one if need be.
    pub(crate) fn register(
        &self,
        session: Session,
        request: RegisterNewStream,
        now: Now,
    ) -> Result<StreamRegistered, WireError> {
        let id = request.stream_id;
        let claims = self.grants.verify(&request.grant, id, Action::Publish, now)?;
        let mut publishers = lock(&self.publishers);
        publishers.check_room(session, id, self.limits.streams_per_socket)?;
        let known = publishers.by_stream.get(&id).cloned();
        let publisher = match &known {
            Some(publisher) => publisher.clone(),
            None => {
                let stream = lock(&self.hub).open(id, claims.visibility).ok_or_else(node_full)?;
                let rate = self.limits.stream_bytes_per_s;
                Arc::new(Mutex::new(Publisher::new(stream, rate, now)))
            }
        };
        let registered = lock(&publisher).register(session, request);
        if known.is_none() {
            if registered.is_err() {
                lock(&self.hub).remove(id);
            } else {
                let stream = lock(&publisher).stream().clone();
                self.followers.iter().for_each(|follower| follower.opened(&stream));
            }
        }
        let next_segment = registered?;
        publishers.admit(session, id, publisher);
        Ok(StreamRegistered { next_segment, viewers: self.viewers(id) })
    }

    /// Takes in a segment whose last byte was there at `arrived`.
    pub(crate) fn segment(
        &self,
        session: Session,
        data: BroadcastData,
        arrived: Instant,
        now: Now,
    ) -> Result<SegmentAccepted, WireError> {
        let accepted = self.accept(session, data, arrived, now);
        if accepted.is_err() {
            self.metrics.segments_refused.add(1);
        }
        accepted
    }

    fn accept(
        &self,
        session: Session,
        data: BroadcastData,
        arrived: Instant,
        now: Now,
    ) -> Result<SegmentAccepted, WireError> {
        let id = data.stream_id;
        if data.segment.len() > self.limits.segment_bytes {
            let most = self.limits.segment_bytes;
            let message =
                format!("segment has {} bytes, at most {most} may come; cut smaller", data.segment.len());
            return Err(WireError::new(ErrorCode::PayloadTooLarge, message));
        }
        let publisher = lock(&self.publishers).owned(session, id)?;
        let mut publisher = lock(&publisher);
        if publisher.owner() != Some(session) {
            return Err(taken_over(id));
        }
        let was = lock(publisher.stream()).state();
        let (accepted, arrival) = publisher.segment(data, arrived, now)?;
        drop(publisher);
        if let Some(arrival) = arrival {
            self.metrics.segments.add(1);
            self.metrics.ingress_bytes.add(arrival.bytes as u64);
            self.keep_budget();
            self.followers.iter().for_each(|follower| follower.arrived(id, &arrival));
            if was != StreamState::Live {
                tracing::info!(stream.id = %id, "stream {id} is live");
                self.followers.iter().for_each(|follower| follower.state_changed(id));
            }
        }
        Ok(accepted)
    }

    /// The broadcaster ends its stream.
    pub(crate) fn end(&self, session: Session, id: StreamId) -> Result<Done, WireError> {
        let publisher = lock(&self.publishers).owned(session, id)?;
        if lock(&publisher).owner() != Some(session) {
            return Err(taken_over(id));
        }
        self.finish(id);
        Ok(Done {})
    }

    /// Ends a stream for good, whoever asks for it. Viewers still get what the ring holds.
    pub(crate) fn finish(&self, id: StreamId) {
        let mut publishers = lock(&self.publishers);
        let Some(_) = publishers.by_stream.remove(&id) else { return };
        publishers.ended.push_back(id);
        if publishers.ended.len() > ENDED_REMEMBERED {
            publishers.ended.pop_front();
        }
        drop(publishers);
        if let Some(stream) = lock(&self.hub).remove(id) {
            lock(&stream).set_state(StreamState::Ended);
        }
        tracing::info!(stream.id = %id, "stream {id} ended");
        self.followers.iter().for_each(|follower| follower.state_changed(id));
    }

    /// A connection closed: its streams are interrupted.
    pub(crate) fn disconnected(&self, session: Session, now: Now) {
        let mut publishers = lock(&self.publishers);
        let streams = publishers.by_session.remove(&session).unwrap_or_default();
        let mut interrupted = Vec::new();
        for id in streams {
            let Some(publisher) = publishers.by_stream.get(&id) else { continue };
            let mut publisher = lock(publisher);
            if publisher.owner() == Some(session) && publisher.leave(now) {
                interrupted.push(id);
            }
        }
        drop(publishers);
        for id in interrupted {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: its broadcaster is gone");
            self.followers.iter().for_each(|follower| follower.state_changed(id));
        }
    }

    /// Ends the streams whose broadcaster did not come back in time.
    pub(crate) fn expire(&self, now: Now) {
        let grace_ms = u64::try_from(self.limits.grace.as_millis()).unwrap_or(u64::MAX);
        let overdue = |publisher: &Arc<Mutex<Publisher>>| {
            let alone_since_ms = lock(publisher).alone_since_ms();
            alone_since_ms.is_some_and(|since_ms| now.ms.saturating_sub(since_ms) >= grace_ms)
        };
        let publishers = lock(&self.publishers);
        let over: Vec<StreamId> = publishers
            .by_stream
            .iter()
            .filter(|(_, publisher)| overdue(publisher))
            .map(|(id, _)| *id)
            .collect();
        drop(publishers);
        over.into_iter().for_each(|id| self.finish(id));
    }

    fn keep_budget(&self) {
        let hub = lock(&self.hub);
        if hub.over_budget() {
            hub.enforce_budget();
        }
    }

    fn viewers(&self, id: StreamId) -> u32 {
        self.followers.iter().map(|follower| follower.viewers(id)).sum()
    }
}

impl Publishers {
    /// Whether `session` may register `id`.
    fn check_room(&self, session: Session, id: StreamId, most: usize) -> Result<(), WireError> {
        if self.ended.contains(&id) {
            return Err(WireError::new(
                ErrorCode::UnknownStream,
                format!("stream {id} is over; create a new one"),
            ));
        }
        let registered = self.by_session.get(&session);
        if registered.is_some_and(|streams| streams.len() >= most && !streams.contains(&id)) {
            let message = format!("one connection publishes at most {most} streams; open another");
            return Err(WireError::new(ErrorCode::LimitReached, message));
        }
        Ok(())
    }

    fn admit(&mut self, session: Session, id: StreamId, publisher: Arc<Mutex<Publisher>>) {
        self.by_stream.insert(id, publisher);
        let streams = self.by_session.entry(session).or_default();
        if !streams.contains(&id) {
            streams.push(id);
        }
    }

    /// The publisher of a stream that `session` registered, even if it was taken over since.
    fn owned(&self, session: Session, id: StreamId) -> Result<Arc<Mutex<Publisher>>, WireError> {
        let registered = self.by_session.get(&session).is_some_and(|streams| streams.contains(&id));
        if !registered {
            return Err(not_registered());
        }
        self.by_stream.get(&id).cloned().ok_or_else(|| {
            WireError::new(ErrorCode::UnknownStream, format!("stream {id} is over; create a new one"))
        })
    }
}

fn node_full() -> WireError {
    let message = "this node carries as many streams as it may; try another";
    WireError::new(ErrorCode::LimitReached, message)
}

fn taken_over(id: StreamId) -> WireError {
    let message = format!("stream {id} is published by a newer connection; stop sending on this one");
    WireError::new(ErrorCode::AlreadyPublishing, message)
}
