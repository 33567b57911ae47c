//! How much of a viewer's media is on its way: handed to the transport, not yet taken by the connection.
//!
//! The transport holds a [`Receipt`] with each payload and drops it once the connection took the bytes. So the pump knows
//! each viewer's backlog exactly, keeps it small, and hears when a slow viewer can take more. A transport's own queue
//! holds more than [`MOST_PACKETS`], so that its pings and answers always find room beside the media.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use tokio::sync::Notify;

use super::{audience::Admission, forward::Forwarding};

/// Most payloads on the way to one viewer.
pub(crate) const MOST_PACKETS: usize = 32;
/// Most payloads of a turn. A payload makes two packets of a polling response, and there are clients that refuse a response
/// of more than 16 packets (python-engineio); answers, states and pings have to find room in it too.
const MOST_PACKETS_A_TURN: usize = 4;
/// Most bytes on the way to one viewer; one payload may always be.
const MOST_BYTES: usize = 1 << 20;

/// How a viewer's connection takes what is queued for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As the network lets it: a socket.
    Continuous,
    /// Everything at once, when the client asks: a polling request.
    InTurns,
    /// Each payload straight into the socket: none is queued behind one that the socket has not taken whole.
    Direct,
}

/// One viewer's flow.
#[derive(Debug)]
pub(crate) struct Flow {
    delivery: Delivery,
    packets: AtomicUsize,
    bytes: AtomicUsize,
    /// How often something was taken so far.
    taken: AtomicUsize,
    starved: AtomicBool,
    left: AtomicBool,
    over: AtomicBool,
    pump: Arc<Notify>,
    admission: Weak<Admission>,
}

impl Flow {
    /// A flow that notifies `pump` when a viewer that had no room has room again.
    pub(super) fn new(delivery: Delivery, pump: Arc<Notify>, admission: &Arc<Admission>) -> Arc<Self> {
        Arc::new(Self {
            delivery,
            packets: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            starved: AtomicBool::new(false),
            left: AtomicBool::new(false),
            over: AtomicBool::new(false),
            pump,
            admission: Arc::downgrade(admission),
        })
    }

    /// The place the viewer holds, while it is served.
    pub(super) fn admission(&self) -> Option<Arc<Admission>> {
        self.admission.upgrade()
    }

    /// The viewer does not want more.
    pub(crate) fn leave(&self) {
        self.left.store(true, SeqCst);
        self.pump.notify_one();
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(SeqCst)
    }

    /// The node is done with the viewer. Called before the viewer is told, so that it can ask for something else at once.
    pub(super) fn finish(&self) {
        self.over.store(true, SeqCst);
    }

    /// Whether the viewer left, or the node is done with it.
    pub(crate) fn is_over(&self) -> bool {
        self.has_left() || self.over.load(SeqCst)
    }

    /// Whether the viewer can be given more. If not, the pump is notified once it can.
    pub(super) fn has_room(&self) -> bool {
        if !self.starved.load(SeqCst) {
            if self.is_below(self.most_packets(), MOST_BYTES) {
                return true;
            }
            self.starved.store(true, SeqCst);
        }
        // A receipt may have been dropped before that store was seen.
        self.has_drained() && self.starved.swap(false, SeqCst)
    }

    /// Grows whenever the connection takes something: while it does not, the connection is stuck.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(SeqCst)
    }

    /// Counts a payload as on its way until the receipt is dropped, and as being forwarded if it is new.
    pub(super) fn receipt(self: &Arc<Self>, bytes: usize, forwarding: Option<Forwardings>) -> Receipt {
        self.packets.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
        Receipt { flow: self.clone(), bytes, _forwarding: forwarding }
    }

    fn most_packets(&self) -> usize {
        match self.delivery {
            Delivery::Continuous => MOST_PACKETS,
            Delivery::InTurns => MOST_PACKETS_A_TURN,
            Delivery::Direct => 1,
        }
    }

    /// Whether a viewer that had no room has enough again: half of it, or all of it.
    fn has_drained(&self) -> bool {
        match self.delivery {
            Delivery::Continuous => self.is_below(MOST_PACKETS / 2, MOST_BYTES / 2),
            Delivery::InTurns | Delivery::Direct => self.packets.load(SeqCst) == 0,
        }
    }

    fn is_below(&self, packets: usize, bytes: usize) -> bool {
        let on_the_way = self.packets.load(SeqCst);
        on_the_way == 0 || (on_the_way < packets && self.bytes.load(SeqCst) < bytes)
    }
}

/// A payload on its way to a viewer. Dropping it tells that the viewer's connection took it.
#[derive(Debug)]
pub(crate) struct Receipt {
    flow: Arc<Flow>,
    bytes: usize,
    _forwarding: Option<Forwardings>,
}

/// The segments of which a payload is the news.
pub(super) type Forwardings = Arc<[Arc<Forwarding>]>;

impl Receipt {
    /// The connection took a part.
    pub(crate) fn progress(&self) {
        self.flow.taken.fetch_add(1, SeqCst);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.flow.taken.fetch_add(1, SeqCst);
        self.flow.packets.fetch_sub(1, SeqCst);
        self.flow.bytes.fetch_sub(self.bytes, SeqCst);
        if self.flow.has_drained() && self.flow.starved.swap(false, SeqCst) {
            self.flow.pump.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::audience::{Audience, Role},
        *,
    };
    use crate::config::Limits;

    fn flow(delivery: Delivery) -> Arc<Flow> {
        let audience = Audience::new(&Limits::default());
        let crowd = audience.crowd(protocol::StreamId::new("a", 1));
        Flow::new(delivery, Arc::default(), &audience.admit(&crowd, Role::Viewer).unwrap())
    }

    /// Receipts for as many payloads as there is room for.
    fn fill(flow: &Arc<Flow>, bytes: usize) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        while flow.has_room() {
            receipts.push(flow.receipt(bytes, None));
        }
        receipts
    }

    #[test]
    fn packets_and_bytes_on_the_way_are_bounded() {
        assert_eq!(fill(&flow(Delivery::Continuous), 1).len(), MOST_PACKETS);
        assert_eq!(fill(&flow(Delivery::Continuous), MOST_BYTES / 4).len(), 4);
        assert_eq!(fill(&flow(Delivery::Continuous), MOST_BYTES * 9).len(), 1, "one may always be");
        assert_eq!(fill(&flow(Delivery::InTurns), 1).len(), MOST_PACKETS_A_TURN);
        assert_eq!(fill(&flow(Delivery::Direct), 1).len(), 1);
    }

    #[test]
    fn socket_that_took_half_can_take_more() {
        let flow = flow(Delivery::Continuous);
        let mut receipts = fill(&flow, 1);
        receipts.truncate(MOST_PACKETS / 2);
        assert!(!flow.has_room());
        receipts.pop();
        assert!(flow.has_room());
    }

    #[test]
    fn turn_is_taken_whole_before_the_next_is_filled() {
        let flow = flow(Delivery::InTurns);
        let mut receipts = fill(&flow, 1);
        while receipts.pop().is_some() && !receipts.is_empty() {
            assert!(!flow.has_room(), "{} are still on the way", receipts.len());
        }
        assert_eq!(fill(&flow, 1).len(), MOST_PACKETS_A_TURN);
    }
}
