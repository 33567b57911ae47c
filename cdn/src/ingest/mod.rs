//! Media entering the node: who may publish, which segment comes next, and repackaging into the hub. Knows no transport.
//!
//! Every call is synchronous and short, so that a transport can make it in the order of arrival. Locks are taken in the
//! order publishers, publisher, hub, stream.

mod origin;
mod publisher;
mod rate;
mod relayed;
mod sessions;
mod take;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use protocol::{
    ErrorCode, StreamId, WireError,
    event::{BroadcastData, Done, RegisterNewStream, SegmentAccepted, SegmentName, StreamRegistered},
    grant::Action,
    stream::StreamState,
};

pub(crate) use self::relayed::{Feed, Refused};
use self::{
    publisher::{Publisher, not_registered},
    sessions::Sessions,
};
use crate::{
    clock::Now,
    config::Limits,
    grants::Grants,
    hub::{Closed, Hub, SharedStream},
    lock::lock,
    metrics::Metrics,
};

/// How many ended streams are remembered, so that nobody brings one back.
const ENDED_REMEMBERED: usize = 4096;
/// How long a stream may lack the node it is pulled from before its viewers are told.
const SOURCE_GRACE_MS: u64 = 2000;

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

/// Who decides that a stream is over whose broadcaster stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// This node, which belongs to no cluster.
    ThisNode,
    /// The main server. The node is in contact with it, so a stream that lives elsewhere would have been found there.
    MainServer,
    /// The main server, which cannot be reached: the stream may well go on at another node.
    OutOfReach,
}

/// Who acts on what happens to streams: egress, and the heartbeat to the main server. Calls return at once.
pub(crate) trait Follower: Send + Sync {
    /// A stream is carried from now on.
    fn opened(&self, stream: &SharedStream);
    /// A segment was taken in.
    fn arrived(&self, stream: StreamId, arrival: &Arrival);
    /// The state changed, or through whom the stream comes.
    fn state_changed(&self, stream: StreamId);
    /// The stream is carried no more. `was_origin`: its broadcaster, not another node, sent it here.
    fn closed(&self, stream: StreamId, _: Closed, _was_origin: bool) {
        self.state_changed(stream);
    }
    /// Chunks of the stream came from another node.
    fn relayed(&self, stream: StreamId);
    /// Viewers of the stream, and other nodes that pull it from this one.
    fn readers(&self, _: StreamId) -> (u32, u32) {
        (0, 0)
    }
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
    sessions: Sessions,
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
        let (registered, was_relayed) = {
            let mut publisher = lock(&publisher);
            let was_relayed = publisher.is_relayed();
            (publisher.register(session, request), was_relayed)
        };
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
        drop(publishers);
        if was_relayed {
            tracing::info!(stream.id = %id, "stream {id} is published here now");
            self.followers.iter().for_each(|follower| follower.state_changed(id));
        }
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
        if !publisher.is_owned_by(session) {
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
        if !lock(&publisher).is_owned_by(session) {
            return Err(taken_over(id));
        }
        self.finish(id);
        Ok(Done {})
    }

    /// Ends a stream for good, whoever asks for it. Viewers still get what the ring holds.
    pub(crate) fn finish(&self, id: StreamId) {
        let mut publishers = lock(&self.publishers);
        publishers.remember_end(id);
        self.close(publishers, id, Closed::Ended);
    }

    /// Whether a stream ended here, as far as that is remembered.
    pub(crate) fn is_over(&self, id: StreamId) -> bool {
        lock(&self.publishers).check_not_over(id).is_err()
    }

    /// Carries a stream no more: stops what produces it, and tells those who read it and the cluster why.
    fn close(&self, mut publishers: MutexGuard<'_, Publishers>, id: StreamId, why: Closed) {
        let Some(publisher) = publishers.by_stream.remove(&id) else { return };
        publishers.sessions.forget(id);
        // Removed before the lock is given back, so that a stream of this id that is opened next is another one.
        let stream = lock(&self.hub).remove(id);
        drop(publishers);
        let was_origin = {
            let publisher = lock(&publisher);
            publisher.stop();
            !publisher.is_relayed()
        };
        if let Some(stream) = stream {
            lock(&stream).close(why);
        }
        let counter = match why {
            Closed::Ended => &self.metrics.streams_ended,
            Closed::Dropped => &self.metrics.streams_dropped,
        };
        counter.add(1);
        tracing::info!(stream.id = %id, "stream {id} is {}", match why {
            Closed::Ended => "over",
            Closed::Dropped => "dropped: it is not over, but this node stops carrying it",
        });
        self.followers.iter().for_each(|follower| follower.closed(id, why, was_origin));
    }

    /// A connection closed: its streams are interrupted.
    pub(crate) fn disconnected(&self, session: Session, now: Now) {
        let mut publishers = lock(&self.publishers);
        let streams = publishers.sessions.disconnect(session);
        let mut interrupted = Vec::new();
        for id in streams {
            let Some(publisher) = publishers.by_stream.get(&id) else { continue };
            let mut publisher = lock(publisher);
            if publisher.is_owned_by(session) && publisher.leave(now) {
                interrupted.push(id);
            }
        }
        drop(publishers);
        for id in interrupted {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: its broadcaster is gone");
            self.followers.iter().for_each(|follower| follower.state_changed(id));
        }
    }

    /// Ends the streams whose broadcaster did not come back in time, and drops those that no node has any more. A stream of
    /// which only the main server can say that it is over, and which is out of reach, is dropped as well.
    pub(crate) fn expire(&self, authority: Authority, now: Now) {
        let grace_ms = u64::try_from(self.limits.grace.as_millis()).unwrap_or(u64::MAX);
        let alone = |publisher: &Publisher| {
            publisher.alone_since_ms().map(|since_ms| now.ms.saturating_sub(since_ms))
        };
        let all: Vec<_> = lock(&self.publishers).by_stream.iter().map(|(id, it)| (*id, it.clone())).collect();
        for (id, publisher) in all {
            let publisher = lock(&publisher);
            let (alone_ms, is_relayed) = (alone(&publisher).unwrap_or(0), publisher.is_relayed());
            drop(publisher);
            match (is_relayed, alone_ms) {
                (false, alone_ms) if alone_ms >= grace_ms => self.give_up(id, authority),
                (true, alone_ms) if alone_ms >= grace_ms => self.drop_relayed(id, |_| true),
                (true, alone_ms) if alone_ms >= SOURCE_GRACE_MS => self.source_is_lost(id),
                _ => {}
            }
        }
    }

    /// Closes a stream whose broadcaster stayed away. Only where no main server decides is the end remembered: the broadcaster
    /// may have gone to another node, and come back from there.
    fn give_up(&self, id: StreamId, authority: Authority) {
        match authority {
            Authority::ThisNode => self.finish(id),
            Authority::MainServer => self.close(lock(&self.publishers), id, Closed::Ended),
            Authority::OutOfReach => self.close(lock(&self.publishers), id, Closed::Dropped),
        }
    }

    fn keep_budget(&self) {
        let hub = lock(&self.hub);
        if hub.over_budget() {
            hub.enforce_budget();
        }
    }

    fn viewers(&self, id: StreamId) -> u32 {
        self.followers.iter().map(|follower| follower.readers(id).0).sum()
    }
}

impl Publishers {
    /// Whether `id` may be carried.
    fn check_not_over(&self, id: StreamId) -> Result<(), WireError> {
        if self.ended.contains(&id) {
            return Err(WireError::new(
                ErrorCode::UnknownStream,
                format!("stream {id} is over; create a new one"),
            ));
        }
        Ok(())
    }

    /// Whether `session` may register `id`.
    fn check_room(&self, session: Session, id: StreamId, most: usize) -> Result<(), WireError> {
        self.check_not_over(id)?;
        if !self.sessions.has_room(session, id, most) {
            let message = format!("one connection publishes at most {most} streams; open another");
            return Err(WireError::new(ErrorCode::LimitReached, message));
        }
        Ok(())
    }

    fn admit(&mut self, session: Session, id: StreamId, publisher: Arc<Mutex<Publisher>>) {
        self.by_stream.insert(id, publisher);
        self.sessions.publish(session, id);
    }

    /// Remembers that a stream which is carried here is over.
    fn remember_end(&mut self, id: StreamId) {
        if !self.by_stream.contains_key(&id) {
            return;
        }
        self.ended.push_back(id);
        if self.ended.len() > ENDED_REMEMBERED {
            self.ended.pop_front();
        }
    }

    /// The publisher of a stream that `session` registered, even if it was taken over since.
    fn owned(&self, session: Session, id: StreamId) -> Result<Arc<Mutex<Publisher>>, WireError> {
        if !self.sessions.knows(session, id) {
            return Err(not_registered());
        }
        self.by_stream.get(&id).cloned().ok_or_else(|| {
            WireError::new(ErrorCode::UnknownStream, format!("stream {id} is over; create a new one"))
        })
    }
}

fn node_full() -> WireError {
    let message = "this node carries as many streams as it may; try another";
    WireError::new(ErrorCode::NoCapacity, message)
}

fn taken_over(id: StreamId) -> WireError {
    let message = format!("stream {id} is published by a newer connection; stop sending on this one");
    WireError::new(ErrorCode::AlreadyPublishing, message)
}
