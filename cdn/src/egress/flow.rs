//! How much of a viewer's media is on its way: handed to the transport, not yet taken by the connection.
//!
//! The transport holds a [`Receipt`] with each payload and drops it once the connection took the bytes. So the pump knows
//! each viewer's backlog exactly, keeps it within the transport's [`Delivery`], and is woken when a slow viewer can take more.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use tokio::sync::Notify;

use super::audience::AudienceMember;
use crate::hub::Trace;

/// How much may be on the way to one viewer. Each transport has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// No payload is added beyond this. One payload may always be on the way, however large.
    pub(crate) most: Backlog,
    /// A viewer that had no room is offered more below this, or once nothing is on the way.
    pub(crate) drained: Backlog,
}

/// Payloads and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
}

impl Delivery {
    /// At most one payload at a time, for a connection whose socket the pump writes to itself.
    pub(crate) const ONE: Self = Self::whole(Backlog { packets: 1, bytes: usize::MAX });

    /// As much as `most`, and no more before all of it was taken.
    pub(crate) const fn whole(most: Backlog) -> Self {
        Self { most, drained: Backlog { packets: 0, bytes: 0 } }
    }

    /// As much as `most`, and more once half of it was taken.
    pub(crate) const fn half(most: Backlog) -> Self {
        Self { most, drained: Backlog { packets: most.packets / 2, bytes: most.bytes / 2 } }
    }
}

/// One viewer's flow.
pub(crate) struct Flow {
    delivery: &'static Delivery,
    packets: AtomicUsize,
    bytes: AtomicUsize,
    /// How often something was taken so far.
    taken: AtomicUsize,
    starved: AtomicBool,
    left: AtomicBool,
    over: AtomicBool,
    pump: Arc<Notify>,
    member: Weak<AudienceMember>,
}

impl Flow {
    /// A flow that notifies `pump` when a viewer that had no room has room again.
    pub(super) fn new(
        delivery: &'static Delivery,
        pump: Arc<Notify>,
        member: &Arc<AudienceMember>,
    ) -> Arc<Self> {
        Arc::new(Self {
            delivery,
            packets: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            starved: AtomicBool::new(false),
            left: AtomicBool::new(false),
            over: AtomicBool::new(false),
            pump,
            member: Arc::downgrade(member),
        })
    }

    /// The viewer as it is counted, while it is served.
    pub(super) fn member(&self) -> Option<Arc<AudienceMember>> {
        self.member.upgrade()
    }

    /// The viewer does not want more.
    pub(crate) fn leave(&self) {
        self.left.store(true, SeqCst);
        self.pump.notify_one();
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(SeqCst)
    }

    /// The node stops serving the viewer. Called before the viewer is notified, so that it can ask for something else at once.
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
            if self.is_below(self.delivery.most) {
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

    /// Whether the connection has taken everything it was given.
    pub(super) fn has_taken_all(&self) -> bool {
        self.packets.load(SeqCst) == 0
    }

    /// For a payload of so many bytes, which came with the traced segments.
    pub(super) fn receipt<'a>(
        self: &'a Arc<Self>,
        bytes: usize,
        traces: Option<&'a Traces>,
    ) -> PendingReceipt<'a> {
        PendingReceipt { flow: self, bytes, traces }
    }

    /// Whether a viewer that had no room has enough again.
    fn has_drained(&self) -> bool {
        self.is_below(self.delivery.drained)
    }

    fn is_below(&self, bound: Backlog) -> bool {
        let on_the_way = self.packets.load(SeqCst);
        on_the_way == 0 || (on_the_way < bound.packets && self.bytes.load(SeqCst) < bound.bytes)
    }
}

/// For a connection that cannot send a payload at once.
#[must_use]
pub(crate) struct PendingReceipt<'a> {
    flow: &'a Arc<Flow>,
    bytes: usize,
    traces: Option<&'a Traces>,
}

impl PendingReceipt<'_> {
    /// Counts the payload as on its way until the receipt is dropped. Segments that it came with count as being forwarded meanwhile.
    pub(crate) fn issue(self) -> Receipt {
        self.flow.packets.fetch_add(1, SeqCst);
        self.flow.bytes.fetch_add(self.bytes, SeqCst);
        Receipt { flow: self.flow.clone(), bytes: self.bytes, _traces: self.traces.cloned() }
    }
}

/// A payload on its way to a viewer. Dropping it marks it as taken by the viewer's connection.
pub(crate) struct Receipt {
    flow: Arc<Flow>,
    bytes: usize,
    _traces: Option<Traces>,
}

/// The segments of a payload.
pub(super) type Traces = Arc<[Arc<dyn Trace>]>;

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
    use super::{super::audience::Audience, *};
    use crate::{config::Limits, hub::Role};

    const MOST: Backlog = Backlog { packets: 32, bytes: 1 << 20 };
    static CONTINUOUS: Delivery = Delivery::half(MOST);
    static IN_TURNS: Delivery = Delivery::whole(Backlog { packets: 4, ..MOST });
    static ONE: Delivery = Delivery::ONE;

    fn flow(delivery: &'static Delivery) -> Arc<Flow> {
        let audience = Audience::new(&Limits::default());
        Flow::new(delivery, Arc::default(), &audience.admit(&Arc::default(), Role::Viewer, None).unwrap())
    }

    /// Receipts for as many payloads as there is room for.
    fn fill(flow: &Arc<Flow>, bytes: usize) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        while flow.has_room() {
            receipts.push(flow.receipt(bytes, None).issue());
        }
        receipts
    }

    #[test]
    fn packets_and_bytes_on_the_way_are_bounded() {
        assert_eq!(fill(&flow(&CONTINUOUS), 1).len(), MOST.packets);
        assert_eq!(fill(&flow(&CONTINUOUS), MOST.bytes / 4).len(), 4);
        assert_eq!(fill(&flow(&CONTINUOUS), MOST.bytes * 9).len(), 1, "one may always be");
        assert_eq!(fill(&flow(&IN_TURNS), 1).len(), IN_TURNS.most.packets);
        assert_eq!(fill(&flow(&ONE), 1).len(), 1);
    }

    #[test]
    fn socket_that_took_half_can_take_more() {
        let flow = flow(&CONTINUOUS);
        let mut receipts = fill(&flow, 1);
        receipts.truncate(MOST.packets / 2);
        assert!(!flow.has_room());
        receipts.pop();
        assert!(flow.has_room());
    }

    #[test]
    fn turn_is_taken_whole_before_the_next_is_filled() {
        let flow = flow(&IN_TURNS);
        let mut receipts = fill(&flow, 1);
        while receipts.pop().is_some() && !receipts.is_empty() {
            assert!(!flow.has_room(), "{} are still on the way", receipts.len());
        }
        assert_eq!(fill(&flow, 1).len(), IN_TURNS.most.packets);
    }
}
