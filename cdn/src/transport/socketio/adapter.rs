//! Gives the node what Socket.IO's own API does not: one packet, encoded once, to one connection at a time, with an
//! answer whether that connection had room.
//!
//! `emit` serializes and copies the payload at every call, and a broadcast to a room does not say whose queue was full.
//! An adapter is handed the machinery beneath both, so this one keeps it and otherwise behaves as the built-in one.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use socketioxide::adapter::Emitter;
use socketioxide_core::{
    Sid,
    adapter::{
        BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, Room, SocketEmitter,
        errors::SocketError,
    },
    packet::Packet,
};

/// The adapter of this node's namespace.
pub(crate) struct NodeAdapter<E> {
    local: CoreLocalAdapter<E>,
    slot: Slot<E>,
}

/// Filled with the adapter once the namespace exists, and a dangling reference once it is gone.
pub(super) type Slot<E = Emitter> = Arc<OnceLock<Weak<NodeAdapter<E>>>>;

/// As seen by the handlers.
pub(super) type Adapter = NodeAdapter<Emitter>;

impl<E: SocketEmitter> NodeAdapter<E> {
    /// Queues `packet` for one connection. A connection that is gone takes everything.
    pub(super) fn send(&self, to: Sid, packet: Packet) -> Result<(), SocketError> {
        let sent = self.local.broadcast(packet, BroadcastOptions::new(to));
        sent.map_err(|errors| errors.into_iter().next().unwrap_or(SocketError::Closed))
    }

    /// Ends a connection. One that is gone is ended already.
    pub(super) fn disconnect(&self, sid: Sid) -> Result<(), SocketError> {
        let ended = self.local.disconnect_socket(BroadcastOptions::new(sid));
        ended.map_err(|errors| errors.into_iter().next().unwrap_or(SocketError::Closed))
    }

    /// The connections of a room.
    pub(super) fn members(&self, room: Room) -> Vec<Sid> {
        let mut options = BroadcastOptions::default();
        options.rooms.push(room);
        self.local.sockets(options)
    }

    /// Takes every connection out of a room.
    pub(super) fn close_room(&self, room: Room) {
        let mut options = BroadcastOptions::default();
        options.rooms.push(room.clone());
        self.local.del_sockets(options, room);
    }
}

impl<E: SocketEmitter> CoreAdapter<E> for NodeAdapter<E> {
    type Error = Infallible;
    type State = Slot<E>;
    type AckStream = E::AckStream;
    type InitRes = ();

    fn new(slot: &Self::State, local: CoreLocalAdapter<E>) -> Self {
        Self { local, slot: slot.clone() }
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) {
        self.slot.get_or_init(|| Arc::downgrade(&self));
        on_success();
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, Self::Error> {
        Ok(self.local.broadcast_with_ack(packet, options, timeout).0)
    }

    fn get_local(&self) -> &CoreLocalAdapter<E> {
        &self.local
    }
}

impl<E> DefinedAdapter for NodeAdapter<E> {}
