//! Media entering the node: who may publish, which segment comes next, and repackaging into the hub. Knows no transport.
//!
//! A segment is parsed in slices of about a millisecond, with other tasks run in between, so [`Ingest::register`] and
//! [`Ingest::segment`] are asynchronous; a transport makes the calls of one connection one after the other, in the order of
//! arrival. The locks of all streams (publishers, hub) are held for moments: never while media is parsed, and never while
//! waiting for a publisher that parses. Locks are taken in the order publishers, publisher, hub, stream.

mod origin;
mod publisher;
mod rate;
mod relayed;
mod sessions;
mod take;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use protocol::{
    ErrorCode, StreamId, WireError,
    event::{BroadcastData, Done, RegisterNewStream, SegmentAccepted, SegmentName, StreamRegistered},
    grant::Action,
    stream::{StreamState, Visibility},
};

pub(crate) use self::relayed::{Feed, Refused};
use self::{
    publisher::{Publisher, not_registered},
    sessions::Sessions,
    take::{Take, check_lengths},
};
use crate::{
    clock::Now,
    config::Limits,
    grants::Grants,
    hub::{Budget, Closed, Hub, SharedStream},
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
    /// Chunks of the stream came from another node, or with a part of a segment that is still parsed.
    fn appended(&self, stream: StreamId);
    /// Viewers of the stream, and other nodes that pull it from this one.
    fn readers(&self, _: StreamId) -> (u32, u32) {
        (0, 0)
    }
}

/// See the [module](self).
pub(crate) struct Ingest {
    hub: Arc<Mutex<Hub>>,
    budget: Budget,
    grants: Arc<Grants>,
    limits: Limits,
    metrics: Arc<Metrics>,
    followers: Vec<Arc<dyn Follower>>,
    publishers: Mutex<Publishers>,
}

#[derive(Default)]
struct Publishers {
    by_stream: HashMap<StreamId, Arc<Publisher>>,
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
        let budget = lock(&hub).budget().clone();
        Self { hub, budget, grants, limits, metrics, followers, publishers: Mutex::default() }
    }

    /// Makes `session` the broadcaster of a stream, taking it over from another one if need be.
    pub(crate) async fn register(
        &self,
        session: Session,
        request: RegisterNewStream,
        now: Now,
    ) -> Result<StreamRegistered, WireError> {
        check_lengths(&request)?;
        let id = request.stream_id;
        let claims = self.grants.verify(&request.grant, id, Action::Publish, now)?;
        loop {
            let known = {
                let publishers = lock(&self.publishers);
                publishers.check_room(session, id, self.limits.streams_per_socket)?;
                publishers.by_stream.get(&id).cloned()
            };
            let next_segment = match known {
                Some(publisher) => self.register_known(session, &request, &publisher).await?,
                None => match self.register_new(session, &request, claims.visibility, now) {
                    Err(error) if error.code == ErrorCode::NoCapacity && self.drop_silent() => None,
                    registered => registered?,
                },
            };
            if let Some(next_segment) = next_segment {
                return Ok(StreamRegistered { next_segment, viewers: self.viewers(id) });
            }
        }
    }

    /// Registers a stream that this node carries. Gives the segment wanted next; none if the stream was dropped meanwhile.
    async fn register_known(
        &self,
        session: Session,
        request: &RegisterNewStream,
        publisher: &Arc<Publisher>,
    ) -> Result<Option<u64>, WireError> {
        let id = request.stream_id;
        let admit = || lock(&self.publishers).admit(session, id, publisher);
        let Some(registered) = publisher.register(session, request, admit).await? else { return Ok(None) };
        if registered.was_relayed {
            tracing::info!(stream.id = %id, "stream {id} is published here now");
            self.followers.iter().for_each(|follower| follower.state_changed(id));
        }
        Ok(Some(registered.next_segment))
    }

    /// Registers a stream that is new here. Gives the segment wanted next; none if it is not new any more.
    fn register_new(
        &self,
        session: Session,
        request: &RegisterNewStream,
        visibility: Visibility,
        now: Now,
    ) -> Result<Option<u64>, WireError> {
        let id = request.stream_id;
        // Read before any lock is taken.
        let take = Take::new(request.take.unwrap_or_default(), request)?;
        let next_segment = take.next_segment();
        let mut publishers = lock(&self.publishers);
        publishers.check_room(session, id, self.limits.streams_per_socket)?;
        if publishers.by_stream.contains_key(&id) {
            return Ok(None);
        }
        let stream = lock(&self.hub).open(id, visibility).ok_or_else(node_full)?;
        let rate = self.limits.stream_bytes_per_s;
        let publisher = Publisher::published(stream.clone(), rate, now, (session, take));
        publishers.insert(session, id, Arc::new(publisher));
        self.followers.iter().for_each(|follower| follower.opened(&stream));
        Ok(Some(next_segment))
    }

    /// Drops the stream that has waited longest for its first media, for one that may send some. False if there is none.
    fn drop_silent(&self) -> bool {
        let silent = |(id, publisher): (StreamId, Arc<Publisher>)| Some((publisher.silent_since_ms()?, id));
        loop {
            let Some((_, id)) = self.all().into_iter().filter_map(silent).min() else { return false };
            let publishers = lock(&self.publishers);
            let publisher = publishers.by_stream.get(&id);
            // Its media may have come meanwhile.
            if publisher.is_some_and(|publisher| publisher.silent_since_ms().is_some()) {
                self.close(publishers, id, Closed::Dropped);
                return true;
            }
        }
    }

    /// Takes in a segment whose last byte was there at `arrived`.
    pub(crate) async fn segment(
        &self,
        session: Session,
        data: BroadcastData,
        arrived: Instant,
        now: Now,
    ) -> Result<SegmentAccepted, WireError> {
        let accepted = self.accept(session, data, arrived, now).await;
        if accepted.is_err() {
            self.metrics.segments_refused.add(1);
        }
        accepted
    }

    async fn accept(
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
        let was = lock(publisher.stream()).state();
        let appended = |is_done: bool| {
            self.keep_budget();
            if !is_done {
                self.followers.iter().for_each(|follower| follower.appended(id));
            }
        };
        let (accepted, arrival) = publisher.segment(session, data, (arrived, now), appended).await?;
        if let Some(arrival) = arrival {
            self.metrics.segments.add(1);
            self.metrics.ingress_bytes.add(arrival.bytes as u64);
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
        lock(&self.publishers).owned(session, id)?.check_owned_by(session)?;
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
        publishers.sessions.forget(id, why == Closed::Ended);
        // Removed before the lock is given back, so that a stream of this id that is opened next is another one.
        let stream = lock(&self.hub).remove(id);
        drop(publishers);
        let was_origin = !publisher.close();
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
        let left: Vec<_> = {
            let mut publishers = lock(&self.publishers);
            let streams = publishers.sessions.disconnect(session);
            streams.into_iter().filter_map(|id| Some((id, publishers.by_stream.get(&id)?.clone()))).collect()
        };
        let interrupted = left.into_iter().filter(|(_, publisher)| publisher.leave(session, now));
        for (id, _) in interrupted {
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
        for (id, publisher) in self.all() {
            let (alone_ms, is_relayed) = (alone(&publisher).unwrap_or(0), publisher.is_relayed());
            match (is_relayed, alone_ms) {
                (false, alone_ms) if alone_ms >= grace_ms => self.give_up(id, authority),
                (true, alone_ms) if alone_ms >= grace_ms => self.drop_idle(id, 0, now),
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

    /// All publishers, for looking at them one by one without the node's lock.
    fn all(&self) -> Vec<(StreamId, Arc<Publisher>)> {
        lock(&self.publishers).by_stream.iter().map(|(id, publisher)| (*id, publisher.clone())).collect()
    }

    fn keep_budget(&self) {
        self.budget.enforce();
    }

    fn viewers(&self, id: StreamId) -> u32 {
        self.followers.iter().map(|follower| follower.readers(id).0).sum()
    }
}

impl Publishers {
    /// Whether `id` may be carried.
    fn check_not_over(&self, id: StreamId) -> Result<(), WireError> {
        if self.ended.contains(&id) { Err(ended(id)) } else { Ok(()) }
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

    /// Notes that `session` registered a stream; false if that is not carried any more.
    fn admit(&mut self, session: Session, id: StreamId, publisher: &Arc<Publisher>) -> bool {
        let is_carried = self.by_stream.get(&id).is_some_and(|current| Arc::ptr_eq(current, publisher));
        if is_carried {
            self.insert(session, id, publisher.clone());
        }
        is_carried
    }

    fn insert(&mut self, session: Session, id: StreamId, publisher: Arc<Publisher>) {
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
    fn owned(&self, session: Session, id: StreamId) -> Result<Arc<Publisher>, WireError> {
        if !self.sessions.knows(session, id) {
            return Err(not_registered());
        }
        self.by_stream.get(&id).cloned().ok_or_else(|| ended(id))
    }
}

fn node_full() -> WireError {
    let message = "this node carries as many streams as it may; try another";
    WireError::new(ErrorCode::NoCapacity, message)
}

fn ended(id: StreamId) -> WireError {
    WireError::new(ErrorCode::UnknownStream, format!("stream {id} is over; create a new one"))
}

fn stale(take: u64, current: u64) -> WireError {
    WireError::new(ErrorCode::StaleTake, format!("take {take} is over; the stream is at take {current}"))
}

fn taken_over(id: StreamId) -> WireError {
    let message = format!("stream {id} is published by a newer connection; stop sending on this one");
    WireError::new(ErrorCode::AlreadyPublishing, message)
}
