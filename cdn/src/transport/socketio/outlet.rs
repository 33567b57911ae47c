//! The sending half: packets of [`codec`] into the queues of Socket.IO connections.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use protocol::{
    StreamId,
    event::{Skipped, StreamStateChanged},
};
use socketioxide_core::{Sid, Value, adapter::errors::SocketError, packet};

use super::{
    adapter::{Adapter, Slot},
    codec::{self, Packet},
    room,
};
use crate::{
    egress::{Dismissal, Offer, Outlet, Receipt},
    hub::{InitSegment, Stored},
};

pub(crate) struct SocketIoOutlet {
    slot: Slot,
}

impl SocketIoOutlet {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot }
    }

    fn adapter(&self) -> Option<Arc<Adapter>> {
        self.slot.get()?.upgrade()
    }
}

impl Outlet for SocketIoOutlet {
    type Viewer = Sid;
    type Packet = Packet;

    fn init(&self, stream: StreamId, init: &InitSegment, origin_ms: Option<i64>) -> Packet {
        codec::init(stream, init, origin_ms)
    }

    fn chunk(&self, stream: StreamId, chunk: &Stored) -> Packet {
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

    fn offer(&self, viewer: &Sid, packet: &Packet, receipt: impl FnOnce() -> Receipt) -> Offer {
        let Some(adapter) = self.adapter() else { return Offer::Closed };
        let receipt = receipt();
        let payload =
            packet.payload.clone().map(|bytes| Bytes::from_owner(Tracked { bytes, _receipt: receipt }));
        match adapter.send(*viewer, wire(packet, payload)) {
            Ok(()) => Offer::Taken,
            Err(SocketError::InternalChannelFull) => Offer::Full,
            Err(SocketError::Closed) => Offer::Closed,
        }
    }

    fn announce(&self, state: &StreamStateChanged) {
        if let Some(adapter) = self.adapter() {
            adapter.send_to_room(room(state.stream_id), wire(&codec::state(state), None));
        }
    }

    /// The connection stays: it may watch and publish other streams.
    fn dismiss(&self, _: &Sid, _: Dismissal) {}
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
