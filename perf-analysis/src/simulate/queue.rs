//! The queue of future events in order of time. Times are microseconds since the start.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Something that happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The viewers of one tick arrive.
    Arrivals,
    /// A crowd leaves for one stream.
    Crowd,
    /// A viewer reaches the node it was sent to.
    Connect { viewer: u32, life: u32 },
    /// A viewer leaves.
    Depart { viewer: u32, life: u32 },
    /// A node's heartbeat, every second.
    Heartbeat { node: u32, life: u32 },
    /// A node reports before its next heartbeat, because a stream went live there.
    News { node: u32, life: u32 },
    /// A random node dies.
    Death,
    /// The lease of a node ends.
    LeaseEnds { node: u32, life: u32 },
    /// A new node replaces a dead one.
    Replace { node: u32 },
    /// An edge that lost its source looks for another.
    Reattach { node: u32, life: u32, stream: u32 },
    /// An edge without viewers drops the stream.
    LetGo { node: u32, life: u32, stream: u32 },
    /// A broadcaster that lost its node continues at another.
    Resume { stream: u32 },
    /// The state of everything is recorded.
    Sample,
}

/// The queue of events.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    pushed: u64,
}

impl Queue {
    /// Adds an event. Of simultaneous events, the one added first comes first.
    pub(super) fn push(&mut self, at_us: u64, event: Event) {
        self.pushed += 1;
        self.heap.push(Reverse((at_us, self.pushed, event)));
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at_us, _, event))| (at_us, event))
    }
}
