//! The sending half: packets of [`codec`] into the queues of Socket.IO connections.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use media::Init;
use protocol::{
    StreamId,
    event::{Skipped, StreamStateChanged},
    stream::StreamState,
};
use socketioxide::socket::Socket;
use socketioxide_core::{Sid, Value, adapter::errors::SocketError, packet};

use super::{
    adapter::{Adapter, Slot},
    codec::{self, Packet},
    lane::{Lane, Lanes},
    room,
};
use crate::{
    egress::{Dismissal, Offer, Outlet, Receipt},
    rendition::Chunk,
};

#[derive(Clone)]
pub(crate) struct SocketIoOutlet {
    slot: Slot,
    lanes: Arc<Lanes>,
}

/// Where packets for one connection go.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(super) sid: Sid,
    pub(super) slot: Slot,
    /// Of a connection that polls, or did so when it began.
    pub(super) lane: Option<Arc<Lane>>,
}

impl Recipient {
    /// See [`Lane::bind`].
    pub(super) fn bind(&self, socket: &Arc<Socket<Adapter>>) {
        if let Some(lane) = &self.lane {
            lane.bind(socket);
        }
    }

    /// Asks a broadcaster for a keyframe.
    pub(super) fn want_keyframe(&self, stream: StreamId) -> Result<(), SocketError> {
        self.send(wire(&codec::keyframe_wanted(stream), None))
    }

    pub(super) fn send(&self, packet: packet::Packet) -> Result<(), SocketError> {
        match &self.lane {
            Some(lane) => lane.send(packet),
            None => adapter(&self.slot).ok_or(SocketError::Closed)?.send(self.sid, packet),
        }
    }
}

fn adapter(slot: &Slot) -> Option<Arc<Adapter>> {
    slot.get()?.upgrade()
}

impl SocketIoOutlet {
    pub(super) fn new(slot: Slot, lanes: Arc<Lanes>) -> Self {
        Self { slot, lanes }
    }
}

impl SocketIoOutlet {
    /// Tells the room of a stream, which holds its broadcaster, how it is doing.
    pub(super) fn announce(&self, state: &StreamStateChanged) {
        let Some(adapter) = adapter(&self.slot) else { return };
        let room = room(state.stream_id);
        let packet = wire(&codec::state(state), None);
        for sid in adapter.members(room.clone()) {
            let recipient = Recipient { sid, slot: self.slot.clone(), lane: self.lanes.of(sid) };
            if let Err(error) = recipient.send(packet.clone()) {
                tracing::debug!(%error, "a broadcaster has no room for an announcement");
            }
        }
        if state.state == StreamState::Ended {
            adapter.close_room(room);
        }
    }
}

impl Outlet for SocketIoOutlet {
    type Viewer = Recipient;
    type Packet = Packet;

    fn init(&self, stream: StreamId, take: u64, init: &Init, epoch_ms: Option<i64>) -> Packet {
        codec::init(stream, take, init, epoch_ms)
    }

    fn chunk(&self, stream: StreamId, chunk: &Chunk) -> Packet {
        codec::chunk(stream, chunk)
    }

    fn skipped(&self, skipped: &Skipped) -> Packet {
        codec::skipped(skipped)
    }

    fn state(&self, state: &StreamStateChanged) -> Packet {
        codec::state(state)
    }

    fn relay_path(&self, _: &[String]) -> Option<Packet> {
        None
    }

    fn dropped(&self, state: &StreamStateChanged) -> Vec<Packet> {
        codec::dropped(state)
    }

    /// Clients that know no more go on at another node, and learn the reason when they ask.
    fn unsupported(&self, state: &StreamStateChanged) -> Vec<Packet> {
        codec::dropped(state)
    }

    fn offer(&self, viewer: &Recipient, packet: &Packet, receipt: impl FnOnce() -> Receipt) -> Offer {
        let receipt = receipt();
        let payload =
            packet.payload.clone().map(|bytes| Bytes::from_owner(Tracked { bytes, _receipt: receipt }));
        match viewer.send(wire(packet, payload)) {
            Ok(()) => Offer::Taken,
            Err(SocketError::InternalChannelFull) => Offer::Full,
            Err(SocketError::Closed) => Offer::Closed,
        }
    }

    /// The connection stays: it may watch and publish other streams.
    fn dismiss(&self, _: &Recipient, _: Dismissal) {}
}

/// Shared bytes that tell when one connection is done with them.
struct Tracked {
    bytes: Bytes,
    _receipt: Receipt,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn wire(packet: &Packet, payload: Option<Bytes>) -> packet::Packet {
    let attachments = payload.map(|payload| VecDeque::from([payload]));
    packet::Packet::event("/", Value::Str(packet.text.clone(), attachments))
}
