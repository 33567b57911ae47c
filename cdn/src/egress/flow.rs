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

use super::{Admission, forward::Forwarding};

/// Most payloads on the way to one viewer.
pub(crate) const MOST_PACKETS: usize = 32;
/// Most bytes on the way to one viewer; one payload may always be.
const MOST_BYTES: usize = 1 << 20;

/// One viewer's flow.
#[derive(Debug)]
pub(crate) struct Flow {
    packets: AtomicUsize,
    bytes: AtomicUsize,
    starved: AtomicBool,
    left: AtomicBool,
    pump: Arc<Notify>,
    admission: Weak<Admission>,
}

impl Flow {
    /// A flow that notifies `pump` when a viewer that had no room has room again.
    pub(super) fn new(pump: Arc<Notify>, admission: &Arc<Admission>) -> Arc<Self> {
        Arc::new(Self {
            packets: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            starved: AtomicBool::new(false),
            left: AtomicBool::new(false),
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

    /// Whether the viewer can be given more. If not, the pump is notified once it can.
    pub(super) fn has_room(&self) -> bool {
        if self.below(1) {
            return true;
        }
        self.starved.store(true, SeqCst);
        // A receipt may have been dropped before that store was seen.
        self.below(2) && self.starved.swap(false, SeqCst)
    }

    /// Counts a payload as on its way until the receipt is dropped, and as being forwarded if it is new.
    pub(super) fn receipt(self: &Arc<Self>, bytes: usize, forwarding: Option<Arc<Forwarding>>) -> Receipt {
        self.packets.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
        Receipt { flow: self.clone(), bytes, _forwarding: forwarding }
    }

    /// Whether less than a `part`-th of what may be on the way is.
    fn below(&self, part: usize) -> bool {
        let packets = self.packets.load(SeqCst);
        packets == 0 || (packets < MOST_PACKETS / part && self.bytes.load(SeqCst) < MOST_BYTES / part)
    }
}

/// A payload on its way to a viewer. Dropping it tells that the viewer's connection took it.
#[derive(Debug)]
pub(crate) struct Receipt {
    flow: Arc<Flow>,
    bytes: usize,
    _forwarding: Option<Arc<Forwarding>>,
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.flow.packets.fetch_sub(1, SeqCst);
        self.flow.bytes.fetch_sub(self.bytes, SeqCst);
        if self.flow.below(2) && self.flow.starved.swap(false, SeqCst) {
            self.flow.pump.notify_one();
        }
    }
}
