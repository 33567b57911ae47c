//! Media entering the node: which connection may publish, which segment comes next, and its frames on their way into the hub.
//! Knows no transport.
//!
//! A segment is parsed in slices of about a millisecond, with other tasks run in between, so [`Ingest::register`] and
//! [`Ingest::segment`] are asynchronous; a transport makes the calls of one connection one after the other, in the order of
//! arrival. The locks of all streams (publishers, hub) are held for moments: never while media is parsed, and never while
//! waiting for a publisher that parses. Locks are taken in the order publishers, source, hub, stream.

mod capture_clock;
mod forward;
mod observer;
mod producer;
mod publications;
mod publisher;
mod rate;
mod refusal;
mod relayed;
mod source;
mod take;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use protocol::{ErrorCode, StreamId, WireError, event::SegmentName, grant::Action, stream::Visibility};

pub(crate) use self::{
    observer::StreamObserver,
    producer::{Producer, Refused},
};
use self::{
    publications::Publications,
    publisher::Publisher,
    refusal::{ended, node_full, not_registered},
    source::StreamSource,
    take::{Take, check_lengths},
};
use crate::{
    clock::{Clock, Now},
    config::Limits,
    grants::Grants,
    hub::{AskKeyframe, Budget, Closed, Hub, Role, SharedStream},
    lock::lock,
    metrics::Metrics,
};

/// How many ended streams are remembered, so that none of them begins again.
const ENDED_REMEMBERED: usize = 4096;
/// How long a stream may lack the node it is pulled from before its viewers are told.
const SOURCE_GRACE_MS: u64 = 2000;

/// One connection of a broadcaster, whatever the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What a broadcaster says about the stream and the take that it is going to send.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) stream: StreamId,
    pub(crate) grant: String,
    /// The recorder's full type with codecs.
    pub(crate) mime: String,
    /// Which run of the recorder; a new one if left out.
    pub(crate) take: Option<u64>,
    /// What [`Accepted::resume`] was at the node that had the take before.
    pub(crate) resume: Option<String>,
    /// Asks the broadcaster for a keyframe, if it can make one when asked.
    pub(crate) ask_keyframe: Option<AskKeyframe>,
}

/// What a broadcaster learns about a stream that it registered.
pub(crate) struct Registered {
    pub(crate) stream: SharedStream,
    /// The segment wanted next.
    pub(crate) next_segment: u64,
    /// Viewers of the stream on this node.
    pub(crate) viewers: u32,
}

/// Bytes as a recorder emitted them.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) stream: StreamId,
    /// The registered take if left out.
    pub(crate) take: Option<u64>,
    /// Its number in the take; counted on arrival if left out.
    pub(crate) seq: Option<u64>,
    pub(crate) data: Bytes,
    /// When its newest frame was captured, on the server's clock.
    pub(crate) captured_at_ms: Option<i64>,
    /// When its last byte was there, by the node's [`Clock::elapsed_us`].
    pub(crate) arrived_us: i64,
}

/// What a broadcaster learns about a segment that was taken in.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The newest segment the node has.
    pub(crate) have: SegmentName,
    /// A state from which another node goes on, if it is small enough to hand around.
    pub(crate) resume: Option<String>,
}

/// What decides that a stream is over whose broadcaster stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// This node, which belongs to no cluster.
    ThisNode,
    /// The main server. The node is in contact with it, so a stream that lives elsewhere would have been found there.
    MainServer,
    /// The main server, which cannot be reached: the stream may well go on at another node.
    OutOfReach,
}

/// What the producers of all streams need of the node.
struct Services {
    budget: Budget,
    limits: Limits,
    metrics: Arc<Metrics>,
    clock: Clock,
    observers: Vec<Arc<dyn StreamObserver>>,
}

/// See the [module](self).
pub(crate) struct Ingest {
    hub: Arc<Mutex<Hub>>,
    grants: Arc<Grants>,
    services: Arc<Services>,
    publishers: Mutex<Publishers>,
}

#[derive(Default)]
struct Publishers {
    by_stream: HashMap<StreamId, Arc<Publisher>>,
    publications: Publications,
    ended: VecDeque<StreamId>,
}

impl Ingest {
    pub(crate) fn new(
        hub: Arc<Mutex<Hub>>,
        grants: Arc<Grants>,
        (limits, metrics, clock): (Limits, Arc<Metrics>, Clock),
        observers: Vec<Arc<dyn StreamObserver>>,
    ) -> Self {
        let budget = lock(&hub).budget().clone();
        let services = Arc::new(Services { budget, limits, metrics, clock, observers });
        Self { hub, grants, services, publishers: Mutex::default() }
    }

    /// Makes `connection` the broadcaster of a stream, taking it over from another one if need be.
    pub(crate) async fn register(
        &self,
        connection: ConnectionId,
        registration: Registration,
        now: Now,
    ) -> Result<Registered, WireError> {
        check_lengths(&registration)?;
        let id = registration.stream;
        let claims = self.grants.verify(&registration.grant, id, Action::Publish, now)?;
        loop {
            let known = {
                let publishers = lock(&self.publishers);
                publishers.check_room(connection, id, self.services.limits.streams_per_socket)?;
                publishers.by_stream.get(&id).cloned()
            };
            let publisher = match known {
                Some(publisher) => publisher,
                None => self.open_for(&registration, claims.visibility, now)?,
            };
            let admit = || lock(&self.publishers).admit(connection, id, &publisher);
            let Some(registered) = publisher.register(connection, &registration, admit).await? else {
                continue;
            };
            if registered.was_relayed {
                tracing::info!(stream.id = %id, "stream {id} is published here now");
                publisher.source().changed();
            }
            let stream = publisher.source().stream().clone();
            let viewers = self.readers(&stream, &[Role::Viewer]);
            return Ok(Registered { stream, next_segment: registered.next_segment, viewers });
        }
    }

    /// Opens a stream for a broadcaster. On a full node it takes the place of one that never sent any media.
    fn open_for(
        &self,
        registration: &Registration,
        visibility: Visibility,
        now: Now,
    ) -> Result<Arc<Publisher>, WireError> {
        // A take that cannot begin opens no stream.
        Take::new(registration.take.unwrap_or_default(), registration)?;
        loop {
            // In a statement of its own, so that the lock is free when a silent stream is dropped.
            let opened = self.open(&mut lock(&self.publishers), registration.stream, visibility, now);
            match opened {
                Err(error) if error.code == ErrorCode::NoCapacity && self.drop_silent() => {}
                opened => return opened,
            }
        }
    }

    /// The stream's publisher, new if this node does not carry the stream.
    ///
    /// # Errors
    /// `unknown_stream` if the stream is over, `no_capacity`.
    fn open(
        &self,
        publishers: &mut Publishers,
        id: StreamId,
        visibility: Visibility,
        now: Now,
    ) -> Result<Arc<Publisher>, WireError> {
        publishers.check_not_over(id)?;
        if let Some(known) = publishers.by_stream.get(&id) {
            return Ok(known.clone());
        }
        let stream = lock(&self.hub).open(id, visibility).ok_or_else(node_full)?;
        let source = Arc::new(StreamSource::new(self.services.clone(), stream, now));
        let publisher = Arc::new(Publisher::new(source, now));
        publishers.by_stream.insert(id, publisher.clone());
        self.services.observers.iter().for_each(|observer| observer.opened());
        Ok(publisher)
    }

    /// Drops the stream that has waited longest for its first media, for one that may send some. False if there is none.
    fn drop_silent(&self) -> bool {
        let silent = |(id, source): (StreamId, Arc<StreamSource>)| Some((source.silent_since_ms()?, id));
        loop {
            let Some((_, id)) = self.all().into_iter().filter_map(silent).min() else { return false };
            let publishers = lock(&self.publishers);
            let publisher = publishers.by_stream.get(&id);
            // Its media may have come meanwhile.
            if publisher.is_some_and(|publisher| publisher.source().silent_since_ms().is_some()) {
                self.close(publishers, id, Closed::Dropped);
                return true;
            }
        }
    }

    /// Takes in a segment of the stream's broadcaster.
    pub(crate) async fn segment(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<Accepted, WireError> {
        let accepted = self.accept(connection, segment, now).await;
        if accepted.is_err() {
            self.services.metrics.segments_refused.add(1);
        }
        accepted
    }

    async fn accept(
        &self,
        connection: ConnectionId,
        segment: Segment,
        now: Now,
    ) -> Result<Accepted, WireError> {
        let (bytes, most) = (segment.data.len(), self.services.limits.segment_bytes);
        if bytes > most {
            let message = format!("segment has {bytes} bytes, at most {most} may come; cut smaller");
            return Err(WireError::new(ErrorCode::PayloadTooLarge, message));
        }
        let publisher = lock(&self.publishers).owned(connection, segment.stream)?;
        let (accepted, new_bytes) = publisher.segment(connection, segment, now).await?;
        if let Some(bytes) = new_bytes {
            self.services.metrics.segments.add(1);
            self.services.metrics.ingress_bytes.add(bytes as u64);
        }
        Ok(accepted)
    }

    /// The broadcaster ends its stream.
    pub(crate) fn end(&self, connection: ConnectionId, id: StreamId) -> Result<(), WireError> {
        let publisher = lock(&self.publishers).owned(connection, id)?;
        publisher.source().broadcaster(connection)?;
        self.finish(id);
        Ok(())
    }

    /// Ends a stream for good, whatever asks for it. Viewers still get what the ring holds.
    pub(crate) fn finish(&self, id: StreamId) {
        let mut publishers = lock(&self.publishers);
        publishers.remember_end(id);
        self.close(publishers, id, Closed::Ended);
    }

    /// Whether a stream ended here, as far as that is remembered.
    pub(crate) fn is_over(&self, id: StreamId) -> bool {
        lock(&self.publishers).check_not_over(id).is_err()
    }

    /// Stops carrying a stream: stops its producer, and tells its readers and the cluster why.
    fn close(&self, mut publishers: MutexGuard<'_, Publishers>, id: StreamId, why: Closed) {
        let Some(publisher) = publishers.by_stream.remove(&id) else { return };
        publishers.publications.forget(id, why == Closed::Ended);
        // Removed before the lock is given back, so that a stream of this id that is opened next is another one.
        let stream = lock(&self.hub).remove(id);
        drop(publishers);
        let was_origin = !publisher.source().close();
        if let Some(stream) = stream {
            lock(&stream).close(why);
        }
        publisher.source().changed();
        let counter = match why {
            Closed::Ended => &self.services.metrics.streams_ended,
            Closed::Dropped => &self.services.metrics.streams_dropped,
        };
        counter.add(1);
        tracing::info!(stream.id = %id, "stream {id} is {}", match why {
            Closed::Ended => "over",
            Closed::Dropped => "dropped: it is not over, but this node stops carrying it",
        });
        self.services.observers.iter().for_each(|observer| observer.closed(id, why, was_origin));
    }

    /// A connection closed: its streams are interrupted.
    pub(crate) fn disconnected(&self, connection: ConnectionId, now: Now) {
        let left: Vec<_> = {
            let mut publishers = lock(&self.publishers);
            let streams = publishers.publications.disconnect(connection);
            streams
                .into_iter()
                .filter_map(|id| Some((id, publishers.by_stream.get(&id)?.source().clone())))
                .collect()
        };
        let interrupted = left.into_iter().filter(|(_, source)| source.leave(connection, now));
        for (id, _) in interrupted {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: its broadcaster is gone");
        }
    }

    /// Ends the streams whose broadcaster did not come back in time, and drops those that no node has any more. A stream of
    /// which only the main server can say that it is over, and which is out of reach, is dropped as well.
    pub(crate) fn expire(&self, authority: Authority, now: Now) {
        let grace_ms = u64::try_from(self.services.limits.grace.as_millis()).unwrap_or(u64::MAX);
        let alone =
            |source: &StreamSource| source.alone_since_ms().map(|since_ms| now.ms.saturating_sub(since_ms));
        for (id, source) in self.all() {
            let (alone_ms, is_relayed) = (alone(&source).unwrap_or(0), source.is_relayed());
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

    /// The sources of all streams, for looking at them one by one without the node's lock.
    fn all(&self) -> Vec<(StreamId, Arc<StreamSource>)> {
        let publishers = lock(&self.publishers);
        publishers.by_stream.iter().map(|(id, publisher)| (*id, publisher.source().clone())).collect()
    }
}

impl Publishers {
    /// Whether `id` may be carried.
    fn check_not_over(&self, id: StreamId) -> Result<(), WireError> {
        if self.ended.contains(&id) { Err(ended(id)) } else { Ok(()) }
    }

    /// Whether `connection` may register `id`.
    fn check_room(&self, connection: ConnectionId, id: StreamId, most: usize) -> Result<(), WireError> {
        self.check_not_over(id)?;
        if !self.publications.has_room(connection, id, most) {
            let message = format!("one connection publishes at most {most} streams; open another");
            return Err(WireError::new(ErrorCode::LimitReached, message));
        }
        Ok(())
    }

    /// Notes that `connection` registered a stream; false if that is not carried any more.
    fn admit(&mut self, connection: ConnectionId, id: StreamId, publisher: &Arc<Publisher>) -> bool {
        let is_carried = self.by_stream.get(&id).is_some_and(|current| Arc::ptr_eq(current, publisher));
        if is_carried {
            self.publications.publish(connection, id);
        }
        is_carried
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

    /// The publisher of a stream that `connection` registered, even if it was taken over since.
    fn owned(&self, connection: ConnectionId, id: StreamId) -> Result<Arc<Publisher>, WireError> {
        if !self.publications.knows(connection, id) {
            return Err(not_registered());
        }
        self.by_stream.get(&id).cloned().ok_or_else(|| ended(id))
    }
}
