//! What will happen, in the order of time. Times are microseconds since the start.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Something that happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// Viewers arrive, so many as a tick brings.
    Arrivals,
    /// A crowd sets out for one stream.
    Crowd,
    /// A viewer reaches the node it was sent to.
    Connect { viewer: u32, life: u32 },
    /// A viewer has seen enough.
    Depart { viewer: u32, life: u32 },
    /// A node reports, as it does every second.
    Heartbeat { node: u32, life: u32 },
    /// A node reports out of turn, because a stream went live there.
    News { node: u32, life: u32 },
    /// Some node dies.
    Death,
    /// The main server has not heard of a node for as long as a lease lasts.
    LeaseEnds { node: u32, life: u32 },
    /// A new node stands where one died.
    Replace { node: u32 },
    /// An edge that lost its source looks for another.
    Reattach { node: u32, life: u32, stream: u32 },
    /// An edge without viewers drops the stream.
    LetGo { node: u32, life: u32, stream: u32 },
    /// A broadcaster that lost its node continues at another.
    Resume { stream: u32 },
    /// The state of everything is written down.
    Sample,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    pushed: u64,
}

impl Queue {
    /// Of events at the same time, the one pushed first comes first.
    pub(super) fn push(&mut self, at_us: u64, event: Event) {
        self.pushed += 1;
        self.heap.push(Reverse((at_us, self.pushed, event)));
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at_us, _, event))| (at_us, event))
    }
}
