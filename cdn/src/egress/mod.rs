//! Media leaving the node: for each transport, pumps that offer each viewer what its cursor has not seen.
//!
//! One task for many viewers of a stream, not one each: a viewer is a cursor, a flow and an id. A viewer whose connection
//! is full keeps its cursor where it is and is offered more once the connection took something; the pump never waits for it.
//! Everything that goes to many is encoded once. Viewers of one stream are spread over pumps of [`SHARD_VIEWERS`] each, so
//! that a stream can use every core. The first viewer of a stream starts its first pump.

mod announcer;
mod audience;
mod encoded;
mod flow;
mod pump;
mod session;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use media::Init;
use protocol::{
    Formats, StreamId,
    event::{Skipped, StreamStateChanged},
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use announcer::Announcer;
pub(crate) use audience::Audience;
pub(crate) use flow::{Backlog, Delivery, Receipt};
pub(crate) use session::Session;
use {
    flow::Flow,
    pump::{Joining, Pump},
};

use crate::{
    clock::Clock,
    config::Limits,
    hub::{Closed, Cursor, LiveStream, Role, SharedStream, Upstream},
    lock::lock,
    metrics::Metrics,
    rendition::Chunk,
};

/// Most viewers that one pump serves.
const SHARD_VIEWERS: u32 = 256;

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The viewer's connection will send it.
    Taken,
    /// The connection has no room now.
    Full,
    /// The connection is gone.
    Closed,
}

/// Why a viewer is served no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// The node carries the stream no more, and the viewer was told why.
    Closed(Closed),
    /// Its connection took nothing for too long.
    Stalled,
    /// A take began that cannot be written in the formats it asked for, and it was told so.
    Unsupported,
}

/// The sending half of a transport. Calls return at once.
pub(crate) trait Outlet: Send + Sync + 'static {
    /// A viewer's connection, or its name.
    type Viewer: Clone + Send + Sync + 'static;
    /// Something in the transport's wire form, shared by all its viewers; cheap to clone.
    type Packet: Clone + Send + Sync + 'static;

    /// The wire form of an init segment.
    fn init(&self, stream: StreamId, take: u64, init: &Init, epoch_ms: Option<i64>) -> Self::Packet;
    /// The wire form of a chunk.
    fn chunk(&self, stream: StreamId, chunk: &Chunk) -> Self::Packet;
    /// The wire form of a skip.
    fn skipped(&self, skipped: &Skipped) -> Self::Packet;
    /// The wire form of a state.
    fn state(&self, state: &StreamStateChanged) -> Self::Packet;
    /// The wire form of the nodes a stream comes through; none if the transport carries no relays.
    fn relay_path(&self, path: &[String]) -> Option<Self::Packet>;
    /// What tells viewers that this node drops a stream which is not over, in the order to send it. A client that does not
    /// know the newest of these words must not take the stream for ended.
    fn dropped(&self, state: &StreamStateChanged) -> Vec<Self::Packet>;
    /// What tells a viewer that the take which begins cannot be written in the formats it asked for, in the order to send it.
    fn unsupported(&self, state: &StreamStateChanged) -> Vec<Self::Packet>;
    /// Hands `packet` to a viewer's connection, which drops the receipt once it took it, if it wanted one.
    fn offer(&self, viewer: &Self::Viewer, packet: &Self::Packet, receipt: impl FnOnce() -> Receipt)
    -> Offer;
    /// The viewer is not served any more.
    fn dismiss(&self, viewer: &Self::Viewer, why: Dismissal);
}

/// All streams of a node, over one transport.
pub(crate) struct Egress<O: Outlet> {
    shared: Arc<Shared<O>>,
    streams: Mutex<HashMap<StreamId, Arc<Channel<O::Viewer>>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// What all pumps share.
struct Shared<O> {
    outlet: O,
    limits: Limits,
    metrics: Arc<Metrics>,
    audience: Arc<Audience>,
    clock: Clock,
}

/// One stream's pumps.
struct Channel<V> {
    /// The stream itself is held by the hub and by its pumps.
    stream: Weak<Mutex<LiveStream>>,
    shards: Mutex<Vec<Arc<Shard<V>>>>,
}

/// How the rest of the node reaches a pump.
struct Shard<V> {
    /// Viewers that the pump has not seen yet; none once the pump stopped.
    joining: Mutex<Option<Vec<Joining<V>>>>,
    viewers: AtomicU32,
    wake: Arc<Notify>,
}

impl<V> Shard<V> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            joining: Mutex::new(Some(Vec::new())),
            viewers: AtomicU32::new(0),
            wake: Arc::default(),
        })
    }
}

/// A place with a pump, until dropped.
struct Seat<V>(Arc<Shard<V>>);

impl<V> Seat<V> {
    fn take(shard: &Arc<Shard<V>>) -> Option<Self> {
        let more = |viewers: u32| (viewers < SHARD_VIEWERS).then_some(viewers + 1);
        shard.viewers.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(shard.clone()))
    }
}

impl<V> Drop for Seat<V> {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Relaxed);
    }
}

/// Why an applicant is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The node or the stream has as many viewers or relays as it may.
    Full,
    /// The node does not carry the stream any more.
    Gone,
}

/// A client that asks to be served.
pub(crate) struct Applicant<'a, V> {
    pub(crate) viewer: V,
    pub(crate) role: Role,
    pub(crate) delivery: &'static Delivery,
    /// Where to begin.
    pub(crate) cursor: Cursor,
    /// The formats it can take, first choice first; those of today's clients if it does not say.
    pub(crate) formats: Option<Formats>,
    /// The session of a viewer that watches the stream already and starts over: its place passes to the new session.
    pub(crate) replacing: Option<&'a Session>,
}

/// A viewer that was admitted and gets media from [`Admitted::start`] on.
pub(crate) struct Admitted<V> {
    shard: Arc<Shard<V>>,
    joining: Joining<V>,
    upstream: Arc<Upstream>,
}

impl<V> Admitted<V> {
    /// Calls `welcome`, then begins to send: so the answer comes before any media. None, and `welcome` is not called, if the
    /// stream was closed meanwhile.
    pub(crate) fn start(self, welcome: impl FnOnce()) -> Option<Session> {
        let mut joining = lock(&self.shard.joining);
        let joining = joining.as_mut()?;
        welcome();
        let session = Session::new(self.joining.flow.clone(), self.upstream);
        joining.push(self.joining);
        self.shard.wake.notify_one();
        Some(session)
    }
}

impl<O: Outlet> Egress<O> {
    pub(crate) fn new(
        outlet: O,
        (limits, metrics, audience): (Limits, Arc<Metrics>, Arc<Audience>),
        clock: Clock,
        (tasks, shutdown): (TaskTracker, CancellationToken),
    ) -> Self {
        let shared = Arc::new(Shared { outlet, limits, metrics, audience, clock });
        Self { shared, streams: Mutex::default(), tasks, shutdown }
    }

    /// Admits a viewer or a relay of `stream`.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub(crate) fn admit(
        &self,
        stream: &SharedStream,
        applicant: Applicant<'_, O::Viewer>,
    ) -> Result<Admitted<O::Viewer>, Rejection> {
        let Applicant { viewer, role, delivery, cursor, formats, replacing } = applicant;
        let channel = self.channel(stream).ok_or(Rejection::Gone)?;
        let (readers, upstream) = {
            let stream = lock(stream);
            (stream.readers().clone(), stream.upstream().clone())
        };
        let kept = replacing.and_then(|session| session.flow().admission());
        let admission = kept.or_else(|| self.shared.audience.admit(&readers, role)).ok_or(Rejection::Full)?;
        let seat = self.seat(stream, &channel);
        let flow = Flow::new(delivery, seat.0.wake.clone(), &admission);
        let shard = seat.0.clone();
        Ok(Admitted { shard, joining: Joining { viewer, cursor, formats, flow, admission, seat }, upstream })
    }

    /// The viewers and relays that this and the other transports serve.
    pub(crate) fn audience(&self) -> &Audience {
        &self.shared.audience
    }

    /// The stream's pumps; none if it is closed.
    fn channel(&self, stream: &SharedStream) -> Option<Arc<Channel<O::Viewer>>> {
        let (id, closed) = {
            let stream = lock(stream);
            (stream.id(), stream.closed())
        };
        if closed.is_some() {
            return None;
        }
        let mut streams = lock(&self.streams);
        if let Some(channel) = streams.get(&id)
            && channel.stream.as_ptr() == Arc::as_ptr(stream)
        {
            return Some(channel.clone());
        }
        streams.retain(|_, channel| channel.stream.strong_count() > 0);
        let channel = Arc::new(Channel { stream: Arc::downgrade(stream), shards: Mutex::default() });
        streams.insert(id, channel.clone());
        Some(channel)
    }

    /// A place with the first pump that has one, or with another one. A pump that panicked takes no viewers.
    fn seat(&self, stream: &SharedStream, channel: &Channel<O::Viewer>) -> Seat<O::Viewer> {
        let mut shards = lock(&channel.shards);
        if let Some(seat) = shards.iter().find_map(Seat::take) {
            return seat;
        }
        let shard = Shard::new();
        shard.viewers.fetch_add(1, Relaxed);
        shards.push(shard.clone());
        let pump = Pump::new(stream, shard.clone(), self.shared.clone());
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(pump.run()));
        Seat(shard)
    }
}
