//! What goes to a client that polls: at most [`MOST_IN_ANSWER`] packets are ready for its next request, the rest waits.
//!
//! Engine.IO puts everything that is queued into one answer, and python-engineio, for one, drops a connection whose answer
//! has more than 16 packets. So every packet for such a client (acks, media, states) passes its queue, which learns from
//! [`PollingQueue::taken`] what an answer took. Connections that began as WebSockets have no such queue.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use serving::Client;
use socketioxide::{TransportType, socket::Socket};
use socketioxide_core::{Sid, Value, adapter::errors::SocketError, packet::Packet, packet::PacketData};

use super::adapter::{Adapter, Slot};
use crate::lock::lock;

/// Packets of a queue that are in Engine.IO's queue at once. Of the 16 in an answer that leaves room for a ping, a `noop` and
/// the answer to the namespace's connect.
const MOST_IN_ANSWER: usize = 13;
/// Packets that wait for later answers. A client that leaves more unread gets no more.
const MOST_WAITING: usize = 128;
/// How often a connection that upgrades is checked for having done so, and for how long: Engine.IO gives it 10 s.
const UPGRADE_CHECK: Duration = Duration::from_millis(50);
const UPGRADE_CHECKS: u32 = 220;

/// The queues of all connections that began by polling.
#[derive(Default)]
pub(super) struct PollingQueues(Mutex<HashMap<Sid, Arc<PollingQueue>>>);

/// The queue of one connection.
pub(crate) struct PollingQueue {
    slot: Slot,
    /// Known from the client's first event on.
    socket: OnceLock<Weak<Socket<Adapter>>>,
    sid: Sid,
    queue: Mutex<Queue>,
    kept: Mutex<Kept>,
}

/// See [`PollingQueue::keep`].
#[derive(Default)]
struct Kept {
    is: bool,
    /// The WebSocket to which the connection upgrades.
    client: Option<Client>,
}

#[derive(Default)]
struct Queue {
    /// In Engine.IO's queue, not yet taken by an answer.
    ready: usize,
    waiting: VecDeque<Packet>,
}

impl PollingQueues {
    /// A queue for a connection that polls. [`PollingQueues::close`] ends it.
    pub(super) fn open(&self, slot: &Slot, sid: Sid) -> Arc<PollingQueue> {
        let polling_queue = Arc::new(PollingQueue {
            slot: slot.clone(),
            socket: OnceLock::new(),
            sid,
            queue: Mutex::default(),
            kept: Mutex::default(),
        });
        lock(&self.0).insert(sid, polling_queue.clone());
        polling_queue
    }

    pub(super) fn close(&self, sid: Sid) {
        lock(&self.0).remove(&sid);
    }

    pub(super) fn of(&self, sid: Sid) -> Option<Arc<PollingQueue>> {
        lock(&self.0).get(&sid).cloned()
    }
}

impl PollingQueue {
    /// Has the queue notice when `socket` upgrades, and when it is gone.
    pub(super) fn bind(&self, socket: &Arc<Socket<Adapter>>) {
        self.socket.get_or_init(|| Arc::downgrade(socket));
    }

    /// Queues a packet behind those that wait.
    pub(super) fn send(&self, packet: Packet) -> Result<(), SocketError> {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() >= MOST_WAITING {
            self.fill(&mut queue)?;
        }
        if queue.waiting.len() >= MOST_WAITING {
            return Err(SocketError::InternalChannelFull);
        }
        queue.waiting.push_back(packet);
        self.fill(&mut queue)
    }

    /// An answer to a polling request took so many packets.
    pub(super) fn taken(&self, packets: usize) {
        let mut queue = lock(&self.queue);
        queue.ready = queue.ready.saturating_sub(packets);
        if let Err(error) = self.fill(&mut queue) {
            tracing::debug!(%error, "a connection closed with queued packets");
        }
    }

    /// The client watches or publishes: its WebSocket is kept, now or once there is one.
    pub(super) fn keep(&self) {
        let mut kept = lock(&self.kept);
        kept.is = true;
        kept.client.take().inspect(Client::keep);
    }

    /// Sends what waits once the connection has upgraded to the WebSocket of `client`.
    pub(super) async fn upgraded(self: Arc<Self>, client: Option<Client>) {
        lock(&self.kept).client = client;
        if lock(&self.kept).is {
            self.keep();
        }
        for _ in 0..UPGRADE_CHECKS {
            tokio::time::sleep(UPGRADE_CHECK).await;
            self.taken(0);
            if !self.polls() && lock(&self.queue).waiting.is_empty() {
                return;
            }
        }
    }

    fn polls(&self) -> bool {
        let Some(socket) = self.socket.get() else { return true };
        socket.upgrade().is_some_and(|socket| socket.transport_type() == TransportType::Polling)
    }

    /// Moves on what may be in the next answer; everything once the connection does not poll.
    fn fill(&self, queue: &mut Queue) -> Result<(), SocketError> {
        let most = if self.polls() { MOST_IN_ANSWER } else { usize::MAX };
        let adapter = self.slot.get().and_then(Weak::upgrade).ok_or(SocketError::Closed)?;
        while let Some(packet) = queue.waiting.front() {
            let packets = engine_packets(packet);
            if queue.ready.saturating_add(packets) > most {
                break;
            }
            match adapter.send(self.sid, packet.clone()) {
                Ok(()) => queue.ready = queue.ready.saturating_add(packets),
                Err(SocketError::InternalChannelFull) => break,
                Err(SocketError::Closed) => {
                    queue.waiting.clear();
                    return Err(SocketError::Closed);
                }
            }
            queue.waiting.pop_front();
        }
        Ok(())
    }
}

/// Engine.IO packets of one Socket.IO packet: itself, and one per attachment.
fn engine_packets(packet: &Packet) -> usize {
    match &packet.inner {
        PacketData::BinaryEvent(Value::Str(_, Some(attachments)), _)
        | PacketData::BinaryAck(Value::Str(_, Some(attachments)), _) => 1 + attachments.len(),
        _ => 1,
    }
}
