//! What a transport gives the pumps: the wire form of everything that is sent, and connections that take it.

use media::Init;
use protocol::{
    StreamId,
    event::{Skipped, StreamStateChanged},
};

use super::flow::PendingReceipt;
use crate::{hub::Closed, rendition::Chunk};

/// The result of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The viewer's connection will send it.
    Taken,
    /// The connection has no room now.
    Full,
    /// The connection is gone.
    Closed,
}

/// Why the node stops serving a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// The node stopped carrying the stream, and the viewer was sent the reason.
    Closed(Closed),
    /// Its connection took nothing for too long.
    Stalled,
    /// A take began that cannot be written in the formats it asked for, and it was sent that.
    Unsupported,
}

/// Writes what viewers of a transport are sent. Each packet is made once for all of them.
pub(crate) trait Encoder: Send + Sync + 'static {
    /// A viewer's connection.
    type Viewer: ViewerConnection<Packet = Self::Packet>;
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
    /// The wire form of a stream's path; `None` if the transport carries no relays.
    fn relay_path(&self, path: &[String]) -> Option<Self::Packet>;
    /// Messages that this node drops a stream which is not over, in the order to send it. A client that does not
    /// know the newest of these events must not take the stream for ended.
    fn dropped(&self, state: &StreamStateChanged) -> Vec<Self::Packet>;
    /// Messages that the take which begins cannot be written in the formats a viewer asked for, in the order to send it.
    fn unsupported(&self, state: &StreamStateChanged) -> Vec<Self::Packet>;
}

/// The connection of a viewer, or its address. Calls return at once.
pub(crate) trait ViewerConnection: Clone + Send + Sync + 'static {
    /// See [`Encoder::Packet`].
    type Packet;

    /// Hands over `packet`. A connection that keeps it for later issues the receipt and drops it once the client took the packet.
    fn offer(&self, packet: &Self::Packet, receipt: PendingReceipt<'_>) -> Offer;
    /// The viewer is not served any more.
    fn dismiss(&self, why: Dismissal);
}
