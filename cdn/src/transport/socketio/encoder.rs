//! What viewers are sent, as the packets of [`codec`].

use media::Init;
use protocol::{
    StreamId,
    event::{Skipped, StreamStateChanged},
};

use super::{
    codec::{self, Packet},
    recipient::Recipient,
};
use crate::{egress::Encoder, rendition::Chunk};

/// See the [module](self).
pub(crate) struct SocketIoEncoder;

impl Encoder for SocketIoEncoder {
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

    /// Clients continue at another node then, and learn the reason when they ask there.
    fn unsupported(&self, state: &StreamStateChanged) -> Vec<Packet> {
        codec::dropped(state)
    }
}
