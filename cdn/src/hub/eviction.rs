//! What leaves a ring: whole groups, oldest first, once they are older than the window or the node's budget is exceeded.
//!
//! The newest group always stays, because viewers join there, unless it alone outgrows its bound: then it loses runs from its start.

use super::{
    ring::{Ring, take_bytes},
    span::Span,
};

impl Ring {
    /// Gives up the oldest group, or the oldest run of the only one; false if one run is left.
    pub(super) fn give_way(&mut self) -> bool {
        let gave = self.evict_oldest_group() || self.evict_oldest_of_many();
        self.tell_budget();
        gave
    }

    /// Where the second oldest group begins. The oldest may have lost its own start.
    fn second_group(&self) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key > self.first)
    }

    /// When the newest run of the oldest group arrived, if that group may leave.
    fn oldest_group_arrived_ms(&self) -> Option<u64> {
        self.arrived_ms(self.second_group()? - 1)
    }

    pub(super) fn evict_older_than(&mut self, horizon_ms: u64) {
        while self.oldest_group_arrived_ms().is_some_and(|arrived_ms| arrived_ms < horizon_ms) {
            self.evict_oldest_group();
        }
    }

    /// Evicts the oldest group; false if there is only the newest.
    fn evict_oldest_group(&mut self) -> bool {
        let Some(boundary) = self.second_group() else { return false };
        while self.first < boundary {
            self.evict_oldest();
        }
        true
    }

    /// Evicts the oldest run; false if it is the only one.
    fn evict_oldest_of_many(&mut self) -> bool {
        let evicts = self.entries.len() > 1;
        if evicts {
            self.evict_oldest();
        }
        evicts
    }

    pub(super) fn bound_newest_group(&mut self) {
        if self.newest_group_bytes > self.limits.group_bytes {
            while self.evict_oldest_group() {}
            while self.newest_group_bytes > self.limits.group_bytes && self.evict_oldest_of_many() {}
        }
    }

    pub(super) fn evict_oldest(&mut self) {
        let in_newest_group = self.second_group().is_none();
        let Some(gone) = self.entries.pop_front() else { return };
        self.bytes -= gone.bytes();
        if in_newest_group {
            self.newest_group_bytes -= gone.run_bytes();
        }
        self.last_evicted = Some(Span::from(&gone.head));
        self.first += 1;
        while self.keys.front().is_some_and(|key| *key < self.first) {
            self.keys.pop_front();
        }
        self.forget_unused_take(gone.head.name.take);
    }

    /// Forgets a take that has no runs here and is not the newest.
    pub(super) fn forget_unused_take(&mut self, take: u64) {
        let is_newest = self.takes.last_key_value().is_none_or(|(newest, _)| *newest == take);
        if !is_newest
            && !self.has_runs(take)
            && let Some(unused) = self.takes.remove(&take)
        {
            self.bytes -= take_bytes(&unused);
        }
    }
}
