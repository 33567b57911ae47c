//! Media leaving the node: for each transport, pumps that offer each viewer what its cursor has not seen.
//!
//! One task for many viewers of a stream, not one each: a viewer is a cursor, a flow and a connection. A viewer whose connection
//! is full keeps its cursor where it is and is offered more once the connection took something; the pump never waits for it.
//! Everything that goes to many is encoded once. Viewers of one stream are spread over pumps of [`SHARD_VIEWERS`](shard::SHARD_VIEWERS) each, so
//! that a stream can use every core. The first viewer of a stream starts its first pump.

mod announcer;
mod audience;
mod context;
mod encoded;
mod encoder;
mod flow;
mod pump;
mod round;
mod session;
mod shard;
mod wake;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, Weak},
};

use protocol::{Formats, StreamId};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::{
    announcer::Announcer,
    audience::Audience,
    encoder::{Dismissal, Encoder, Offer, ViewerConnection},
    flow::{Backlog, Delivery, PendingReceipt, Receipt},
    pump::WRITE_STALL_TIMEOUT,
    session::Session,
};
use self::{
    context::PumpContext,
    flow::Flow,
    pump::Pump,
    shard::{Joining, Shard, ShardSlot},
};
use crate::{
    clock::Clock,
    config::Limits,
    hub::{Closed, Cursor, LiveStream, Role, SharedStream, Upstream},
    lock::lock,
    metrics::Metrics,
};

/// All streams of a node, over one transport.
pub(crate) struct Egress<E: Encoder> {
    context: Arc<PumpContext<E>>,
    streams: Mutex<HashMap<StreamId, Arc<Channel<E::Viewer>>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// One stream's pumps.
struct Channel<V> {
    /// The stream itself is held by the hub and by its pumps.
    stream: Weak<Mutex<LiveStream>>,
    shards: Mutex<Vec<Arc<Shard<V>>>>,
}

/// Why an applicant is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The node or the stream has as many viewers or relays as it may.
    Full,
    /// The node does not carry the stream any more.
    Gone,
}

/// A client that asks to be served.
pub(crate) struct Applicant<'a, V> {
    pub(crate) viewer: V,
    pub(crate) role: Role,
    /// Whether it showed what the stream asks viewers for. Others are disconnected when the stream begins to ask; see [`Access::Asked`].
    pub(crate) is_asked: bool,
    /// See [`per_address::ClientAddress::network`].
    pub(crate) address: Option<IpAddr>,
    pub(crate) delivery: &'static Delivery,
    /// Where to begin.
    pub(crate) cursor: Cursor,
    /// The formats it can take, first choice first; those of today's clients if it does not say.
    pub(crate) formats: Option<Formats>,
    /// The session of a viewer that watches the stream already and starts over: its place passes to the new session.
    pub(crate) replacing: Option<&'a Session>,
}

/// Room for a viewer that was admitted. It gets media from [`Reservation::start`] on.
pub(crate) struct Reservation<V> {
    shard: Arc<Shard<V>>,
    joining: Joining<V>,
    upstream: Arc<Upstream>,
}

impl<V> Reservation<V> {
    /// Calls `welcome`, then begins to send, so that the answer precedes any media. None, and `welcome` is not called, if the
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

impl<E: Encoder> Egress<E> {
    pub(crate) fn new(
        encoder: E,
        (limits, metrics, audience): (Limits, Arc<Metrics>, Arc<Audience>),
        clock: Clock,
        (tasks, shutdown): (TaskTracker, CancellationToken),
    ) -> Self {
        let context = Arc::new(PumpContext { encoder, limits, metrics, audience, clock });
        Self { context, streams: Mutex::default(), tasks, shutdown }
    }

    /// Admits a viewer or a relay of `stream`.
    ///
    /// # Errors
    /// See [`AdmitError`].
    pub(crate) fn admit(
        &self,
        stream: &SharedStream,
        applicant: Applicant<'_, E::Viewer>,
    ) -> Result<Reservation<E::Viewer>, AdmitError> {
        let Applicant { viewer, role, is_asked, address, delivery, cursor, formats, replacing } = applicant;
        let channel = self.channel(stream).ok_or(AdmitError::Gone)?;
        let (readers, upstream) = {
            let stream = lock(stream);
            (stream.readers().clone(), stream.upstream().clone())
        };
        let kept = replacing.and_then(|session| session.flow().member());
        let member =
            kept.or_else(|| self.context.audience.admit(&readers, role, address)).ok_or(AdmitError::Full)?;
        let slot = self.slot(stream, &channel);
        let shard = slot.shard().clone();
        let flow = Flow::new(delivery, shard.wake.clone(), &member);
        Ok(Reservation {
            shard,
            joining: Joining { viewer, is_asked, cursor, formats, flow, member, slot },
            upstream,
        })
    }

    /// Ends the session that `reservation` becomes. The client is told that this node drops the stream, so that it asks elsewhere and
    /// learns the reason there.
    pub(crate) fn disconnect(
        &self,
        stream: &SharedStream,
        reservation: &Reservation<E::Viewer>,
    ) -> impl FnOnce() + Send + 'static + use<E> {
        let Joining { viewer, flow, .. } = &reservation.joining;
        let (context, viewer) = (self.context.clone(), viewer.clone());
        let (stream, flow) = (Arc::downgrade(stream), Arc::downgrade(flow));
        move || {
            let (Some(stream), Some(flow)) = (stream.upgrade(), flow.upgrade()) else { return };
            let state = wake::state(&lock(&stream));
            flow.finish();
            for packet in context.encoder.dropped(&state) {
                viewer.offer(&packet, flow.receipt(0, None));
            }
            viewer.dismiss(Dismissal::Closed(Closed::Dropped));
            flow.leave();
        }
    }

    /// The viewers and relays that this and the other transports serve.
    pub(crate) fn audience(&self) -> &Audience {
        &self.context.audience
    }

    /// The stream's pumps; none if it is closed.
    fn channel(&self, stream: &SharedStream) -> Option<Arc<Channel<E::Viewer>>> {
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

    /// A slot of the first pump that has one, or of a new pump. A pump that panicked is replaced.
    fn slot(&self, stream: &SharedStream, channel: &Channel<E::Viewer>) -> ShardSlot<E::Viewer> {
        let mut shards = lock(&channel.shards);
        shards.retain(|shard| shard.runs());
        if let Some(slot) = shards.iter().find_map(ShardSlot::take) {
            return slot;
        }
        let shard = Shard::new();
        let slot = ShardSlot::first(&shard);
        shards.push(shard.clone());
        let pump = Pump::new(stream, shard, self.context.clone());
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(pump.run()));
        slot
    }
}
