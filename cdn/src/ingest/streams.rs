//! The streams this node carries: opened, found, and closed, for whatever reason.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Arc, Mutex},
};

use protocol::{ErrorCode, StreamId, WireError, node::Access};
use tokio::sync::Notify;

use super::{
    context::IngestContext,
    errors::{ended, node_full, not_registered},
    observer::StreamObserver,
    producer::Producer,
    publications::Publications,
    publisher::Publisher,
    source::StreamSource,
    types::{Authority, ConnectionId},
};
use crate::{
    clock::{Clock, Now, whole_ms},
    config::Limits,
    grants::Grants,
    hub::{Closed, Hub},
    lock::lock,
    metrics::Metrics,
};

/// How many ended streams are remembered, so that none of them begins again.
const ENDED_REMEMBERED: usize = 4096;
/// How long a stream may lack the node it is pulled from before its viewers are notified.
const SOURCE_GRACE_MS: u64 = 2000;

/// How a stream ends on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is over and never begins again here.
    ForGood,
    /// It is over, as far as this node knows; the main server decides.
    Ended,
    /// It is not over: other nodes may have it.
    Dropped,
}

impl Ending {
    pub(super) fn reason(self) -> Closed {
        match self {
            Self::ForGood | Self::Ended => Closed::Ended,
            Self::Dropped => Closed::Dropped,
        }
    }
}

/// See the [module](self).
pub(crate) struct Ingest {
    pub(super) hub: Arc<Mutex<Hub>>,
    pub(super) grants: Arc<Grants>,
    pub(super) context: Arc<IngestContext>,
    pub(super) publishers: Mutex<Publishers>,
    /// Wakes those that wait for a stream.
    opened: Notify,
}

#[derive(Default)]
pub(super) struct Publishers {
    pub(super) by_stream: HashMap<StreamId, Arc<Publisher>>,
    pub(super) publications: Publications,
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
        let context = Arc::new(IngestContext { budget, limits, metrics, clock, observers });
        Self { hub, grants, context, publishers: Mutex::default(), opened: Notify::new() }
    }

    /// Waits until the node carries a stream. What looks after streams from time to time does so only then: an idle node does not wake up.
    pub(crate) async fn any_stream(&self) {
        loop {
            let mut opened = pin!(self.opened.notified());
            opened.as_mut().enable();
            if !lock(&self.publishers).by_stream.is_empty() {
                return;
            }
            opened.await;
        }
    }

    /// The stream's publisher, new if this node does not carry the stream.
    ///
    /// # Errors
    /// `unknown_stream` if the stream is over, `no_capacity`.
    pub(super) fn open(
        &self,
        publishers: &mut Publishers,
        id: StreamId,
        access: Access,
        now: Now,
    ) -> Result<Arc<Publisher>, WireError> {
        publishers.check_not_over(id)?;
        if let Some(known) = publishers.by_stream.get(&id) {
            return Ok(known.clone());
        }
        let stream = lock(&self.hub).open(id, access).ok_or_else(node_full)?;
        let source = Arc::new(StreamSource::new(self.context.clone(), stream, now));
        let publisher = Arc::new(Publisher::new(source, now));
        publishers.by_stream.insert(id, publisher.clone());
        self.opened.notify_waiters();
        self.context.observers.iter().for_each(|observer| observer.opened());
        Ok(publisher)
    }

    /// Drops the stream that has waited longest for its first frame, for one that may send some. Returns false if there is none.
    pub(super) fn drop_silent(&self, now: Now) -> bool {
        let silent = |(id, source): (StreamId, Arc<StreamSource>)| Some((source.silent_since_ms(now)?, id));
        loop {
            let Some((_, id)) = self.all().into_iter().filter_map(silent).min() else { return false };
            // Its media may have come meanwhile.
            if self.close_if(id, Ending::Dropped, |source| source.close_if_silent(now)) {
                return true;
            }
        }
    }

    /// Ends the stream of `producer` for good, unless another producer took its place. Returns whether it ended.
    pub(crate) fn end_of(&self, id: StreamId, producer: &Producer) -> bool {
        self.close_if(id, Ending::ForGood, |_| producer.close())
    }

    /// Ends a stream for good, whatever asks for it. Viewers still get what the ring holds.
    pub(crate) fn finish(&self, id: StreamId) {
        self.close_if(id, Ending::ForGood, |source| {
            source.close();
            true
        });
    }

    /// The main server says that other viewers may watch a stream than before.
    pub(crate) fn set_access(&self, id: StreamId, access: Access) {
        let Some(stream) = lock(&self.hub).get(id) else { return };
        let readers = {
            let mut stream = lock(&stream);
            stream.set_access(access);
            stream.readers().clone()
        };
        readers.changed();
    }

    /// Whether a stream ended here, as far as that is remembered.
    pub(crate) fn is_over(&self, id: StreamId) -> bool {
        lock(&self.publishers).check_not_over(id).is_err()
    }

    /// Stops carrying a stream if `closes` says so, which closes the stream's source under the lock that it decides under. Tells
    /// readers and the cluster why. Returns whether the stream was closed.
    pub(super) fn close_if(
        &self,
        id: StreamId,
        ending: Ending,
        closes: impl FnOnce(&StreamSource) -> bool,
    ) -> bool {
        let mut publishers = lock(&self.publishers);
        let Some(source) = publishers.by_stream.get(&id).map(|publisher| publisher.source().clone()) else {
            return false;
        };
        if !closes(&source) {
            return false;
        }
        publishers.forget(id, ending);
        // Removed before the lock is released, so that a stream of this id that is opened next is another one.
        let stream = lock(&self.hub).remove(id);
        drop(publishers);
        let why = ending.reason();
        if let Some(stream) = stream {
            lock(&stream).close(why);
        }
        source.changed();
        self.note_closed(id, why, !source.is_relayed());
        true
    }

    fn note_closed(&self, id: StreamId, why: Closed, was_origin: bool) {
        let IngestContext { metrics, observers, .. } = &*self.context;
        let (counter, text) = match why {
            Closed::Ended => (&metrics.streams_ended, "over"),
            Closed::Dropped => {
                (&metrics.streams_dropped, "dropped: it is not over, but this node stops carrying it")
            }
        };
        counter.add(1);
        tracing::info!(stream.id = %id, "stream {id} is {text}");
        observers.iter().for_each(|observer| observer.closed(id, why, was_origin));
    }

    /// Ends the streams whose broadcaster did not come back in time, and drops those that no node has any more. A stream of
    /// which only the main server can say that it is over, and which is out of reach, is dropped as well.
    pub(crate) fn expire(&self, authority: Authority, now: Now) {
        let grace_ms = whole_ms(self.context.limits.grace);
        for (id, source) in self.all() {
            let ending = match (source.is_relayed(), authority) {
                (true, _) | (false, Authority::OutOfReach) => Ending::Dropped,
                (false, Authority::ThisNode) => Ending::ForGood,
                // The broadcaster may have gone to another node, and come back from there.
                (false, Authority::MainServer) => Ending::Ended,
            };
            if self.close_if(id, ending, |source| source.close_if_abandoned(grace_ms, now)) {
                continue;
            }
            if source.interrupt_if_lost(SOURCE_GRACE_MS, now) {
                tracing::info!(stream.id = %id, "stream {id} is interrupted: no node carries it");
            }
        }
    }

    /// The sources of all streams, for looking at them one by one without the node's lock.
    pub(super) fn all(&self) -> Vec<(StreamId, Arc<StreamSource>)> {
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
    pub(super) fn check_room(
        &self,
        connection: ConnectionId,
        id: StreamId,
        most: usize,
    ) -> Result<(), WireError> {
        self.check_not_over(id)?;
        if !self.publications.has_room(connection, id, most) {
            let message = format!("one connection publishes at most {most} streams; open another");
            return Err(WireError::new(ErrorCode::LimitReached, message));
        }
        Ok(())
    }

    /// Notes that `connection` registered a stream; false if that is not carried any more.
    pub(super) fn admit(
        &mut self,
        connection: ConnectionId,
        id: StreamId,
        publisher: &Arc<Publisher>,
    ) -> bool {
        let is_carried = self.by_stream.get(&id).is_some_and(|current| Arc::ptr_eq(current, publisher));
        if is_carried {
            self.publications.publish(connection, id);
        }
        is_carried
    }

    /// A stream is not carried any more.
    fn forget(&mut self, id: StreamId, ending: Ending) {
        self.by_stream.remove(&id);
        self.publications.forget(id, ending.reason() == Closed::Ended);
        if ending != Ending::ForGood {
            return;
        }
        self.ended.push_back(id);
        if self.ended.len() > ENDED_REMEMBERED {
            self.ended.pop_front();
        }
    }

    /// The publisher of a stream that `connection` registered, even if it was taken over since.
    pub(super) fn owned(&self, connection: ConnectionId, id: StreamId) -> Result<Arc<Publisher>, WireError> {
        if !self.publications.knows(connection, id) {
            return Err(not_registered());
        }
        self.by_stream.get(&id).cloned().ok_or_else(|| ended(id))
    }
}
