//! Media leaving the node over one transport: a pump per stream that offers each viewer what its cursor has not seen.
//!
//! One task per stream, not per viewer: a viewer is a cursor, a flow and an id. A viewer whose connection is full keeps
//! its cursor where it is and is offered more once the connection took something; nobody waits for it. Everything that
//! goes to many is encoded once.

mod flow;
mod forward;
mod pump;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use protocol::{
    StreamId,
    event::{Skipped, StreamStateChanged},
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use flow::{Delivery, Flow, MOST_PACKETS, Receipt};
use pump::{Joining, Pump};

use crate::{
    config::Limits,
    hub::{Chunk, Cursor, InitSegment, SharedStream},
    ingest::{Arrival, Follower},
    lock::lock,
    metrics::Metrics,
};

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

/// The sending half of a transport. Calls return at once.
pub(crate) trait Outlet: Send + Sync + 'static {
    /// Names a viewer's connection.
    type Viewer: Copy + Eq + Hash + Send + Sync + 'static;
    /// Something in the transport's wire form, shared by all its viewers; cheap to clone.
    type Packet: Clone + Send + Sync + 'static;

    /// The wire form of an init segment.
    fn init(&self, stream: StreamId, init: &InitSegment, origin_ms: Option<i64>) -> Self::Packet;
    /// The wire form of a chunk.
    fn chunk(&self, stream: StreamId, chunk: &Chunk) -> Self::Packet;
    /// The wire form of a skip.
    fn skipped(&self, skipped: &Skipped) -> Self::Packet;
    /// The wire form of a state.
    fn state(&self, state: &StreamStateChanged) -> Self::Packet;
    /// Hands `packet` to a viewer's connection, which drops the receipt once it took it.
    fn offer(&self, viewer: Self::Viewer, packet: &Self::Packet, receipt: Receipt) -> Offer;
    /// Tells everybody who has to do with the stream, the broadcaster included.
    fn announce(&self, state: &StreamStateChanged);
    /// The viewer has to do with the stream no more.
    fn dismiss(&self, viewer: Self::Viewer, stream: StreamId);
}

/// All streams of a node, over one transport.
pub(crate) struct Egress<O: Outlet> {
    shared: Arc<Shared<O>>,
    streams: Arc<Mutex<Channels<O::Viewer>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

type Channels<V> = HashMap<StreamId, Arc<Channel<V>>>;

/// What all pumps share.
struct Shared<O> {
    outlet: O,
    limits: Limits,
    metrics: Arc<Metrics>,
    viewers: Arc<AtomicU32>,
}

/// How the rest of the node reaches a pump.
struct Channel<V> {
    joining: Mutex<Vec<Joining<V>>>,
    arrivals: Mutex<Vec<Arrival>>,
    viewers: Arc<AtomicU32>,
    wake: Arc<Notify>,
}

/// A viewer counted on its stream and its node, until dropped.
#[derive(Debug)]
struct Admission {
    stream: Arc<AtomicU32>,
    node: Arc<AtomicU32>,
}

impl Admission {
    /// None if the node has `most` viewers.
    fn new(stream: &Arc<AtomicU32>, node: &Arc<AtomicU32>, most: u32) -> Option<Arc<Self>> {
        node.fetch_update(Relaxed, Relaxed, |viewers| (viewers < most).then_some(viewers + 1)).ok()?;
        stream.fetch_add(1, Relaxed);
        Some(Arc::new(Self { stream: stream.clone(), node: node.clone() }))
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.stream.fetch_sub(1, Relaxed);
        self.node.fetch_sub(1, Relaxed);
    }
}

/// A viewer that was let in and gets media from [`Admitted::start`] on.
pub(crate) struct Admitted<V> {
    channel: Arc<Channel<V>>,
    joining: Joining<V>,
}

impl<V> Admitted<V> {
    pub(crate) fn flow(&self) -> &Arc<Flow> {
        &self.joining.flow
    }

    /// Begins to send.
    pub(crate) fn start(self) {
        lock(&self.channel.joining).push(self.joining);
        self.channel.wake.notify_one();
    }
}

impl<O: Outlet> Egress<O> {
    pub(crate) fn new(outlet: O, limits: Limits, metrics: Arc<Metrics>, shutdown: CancellationToken) -> Self {
        let shared = Arc::new(Shared { outlet, limits, metrics, viewers: Arc::default() });
        Self { shared, streams: Arc::default(), tasks: TaskTracker::new(), shutdown }
    }

    /// Lets a viewer in; none if the node is full or does not carry the stream. A viewer that watches the stream already
    /// and starts over keeps the place of the flow it is `replacing`.
    pub(crate) fn admit(
        &self,
        id: StreamId,
        viewer: O::Viewer,
        delivery: Delivery,
        cursor: Cursor,
        replacing: Option<&Arc<Flow>>,
    ) -> Option<Admitted<O::Viewer>> {
        let channel = lock(&self.streams).get(&id)?.clone();
        let most = self.shared.limits.viewers;
        let kept = replacing.and_then(|flow| flow.admission());
        let admission = kept.or_else(|| Admission::new(&channel.viewers, &self.shared.viewers, most))?;
        let flow = Flow::new(delivery, channel.wake.clone(), &admission);
        Some(Admitted { channel, joining: Joining { viewer, cursor, flow, admission } })
    }

    /// Viewers of all streams.
    pub(crate) fn all_viewers(&self) -> u32 {
        self.shared.viewers.load(Relaxed)
    }

    /// Waits until every pump stopped, which they do after the shutdown token.
    pub(crate) async fn closed(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl<O: Outlet> Follower for Egress<O> {
    fn opened(&self, stream: &SharedStream) {
        let id = lock(stream).id();
        let channel = Arc::new(Channel {
            joining: Mutex::default(),
            arrivals: Mutex::default(),
            viewers: Arc::default(),
            wake: Arc::new(Notify::new()),
        });
        lock(&self.streams).insert(id, channel.clone());
        let pump = Pump::new(stream.clone(), channel, self.shared.clone());
        let (shutdown, streams) = (self.shutdown.clone(), self.streams.clone());
        self.tasks.spawn(async move {
            shutdown.run_until_cancelled(pump.run()).await;
            lock(&streams).remove(&id);
        });
    }

    fn arrived(&self, id: StreamId, arrival: &Arrival) {
        let Some(channel) = lock(&self.streams).get(&id).cloned() else { return };
        if forward::is_logged() {
            lock(&channel.arrivals).push(*arrival);
        }
        channel.wake.notify_one();
    }

    fn state_changed(&self, id: StreamId) {
        if let Some(channel) = lock(&self.streams).get(&id) {
            channel.wake.notify_one();
        }
    }

    fn viewers(&self, id: StreamId) -> u32 {
        lock(&self.streams).get(&id).map_or(0, |channel| channel.viewers.load(Relaxed))
    }
}
