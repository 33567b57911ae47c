//! What all rings of a node may hold together, and which of them has to give something up when they hold more.
//!
//! A ring pays for its own growth: while the budget is exceeded, the ring that holds most gives up its oldest group, or, where
//! it has only one, that group's oldest run. It holds more than its fair share (the budget over the number of rings),
//! since all rings together do, so a ring within its share never loses anything to another one.
//!
//! ```text
//! ledger, by bytes:   2 MB  2 MB  3 MB  3 MB  40 MB ◄─ loses a group, and is entered again
//! ```
//!
//! The ledger is ordered, so that finding this ring takes O(log rings) and looks at no other one. A ring's lock may be held
//! when the ledger's is taken, never the other way round.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::lock::lock;

/// Something that holds bytes and can give some up.
pub(super) trait GiveWay: Send + Sync {
    /// Gives up what it would miss least; false if there is nothing.
    fn give_way(&self) -> bool;
}

/// A budget of bytes. Clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    limit_bytes: u64,
    bytes: AtomicU64,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    holders: BTreeMap<HolderKey, Weak<dyn GiveWay>>,
    next_number: u64,
}

/// Where a holder stands: what it holds, if it can give up any of that, and its number.
type HolderKey = (u64, u64);

impl Budget {
    /// A budget of `limit_bytes`.
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self(Arc::new(Shared { limit_bytes, bytes: AtomicU64::new(0), ledger: Mutex::default() }))
    }

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Whether more is held than may be, so that [`Budget::enforce`] is due.
    pub fn is_exceeded(&self) -> bool {
        self.bytes() > self.0.limit_bytes
    }

    /// Has the largest holders give way until no more is held than may be, or none can.
    pub fn enforce(&self) {
        while self.is_exceeded() && self.largest().is_some_and(|holder| holder.give_way()) {}
    }

    /// The account of a new holder.
    pub(super) fn open(&self, holder: Weak<dyn GiveWay>) -> Account {
        let mut ledger = lock(&self.0.ledger);
        let key = (0, ledger.next_number);
        ledger.next_number += 1;
        ledger.holders.insert(key, holder);
        Account { budget: Some(self.clone()), key, bytes: 0 }
    }

    fn largest(&self) -> Option<Arc<dyn GiveWay>> {
        let ledger = lock(&self.0.ledger);
        ledger.holders.last_key_value().filter(|((bytes, _), _)| *bytes > 0)?.1.upgrade()
    }
}

/// What one holder has of a budget. Gives it back when dropped.
#[derive(Default)]
pub(super) struct Account {
    /// None for an account of its own, which no budget bounds.
    budget: Option<Budget>,
    key: HolderKey,
    bytes: u64,
}

impl Account {
    /// The holder has `bytes` now, of which it can give some up, or not.
    pub(super) fn set(&mut self, bytes: u64, gives_way: bool) {
        let Some(Budget(budget)) = &self.budget else { return };
        // The difference, which wraps round where it is negative, as the sum does.
        budget.bytes.fetch_add(bytes.wrapping_sub(self.bytes), Relaxed);
        self.bytes = bytes;
        let key = (if gives_way { bytes } else { 0 }, self.key.1);
        if key != self.key {
            let mut ledger = lock(&budget.ledger);
            if let Some(holder) = ledger.holders.remove(&self.key) {
                ledger.holders.insert(key, holder);
            }
            self.key = key;
        }
    }

    /// The budget it is of, while it is open.
    pub(super) fn budget(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// Gives back what the holder has; it counts towards no budget from now on.
    pub(super) fn close(&mut self) {
        let Some(Budget(budget)) = self.budget.take() else { return };
        budget.bytes.fetch_sub(self.bytes, Relaxed);
        lock(&budget.ledger).holders.remove(&self.key);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds some pieces of 10 bytes, and counts how often it was asked for one.
    struct Holder {
        held: Mutex<(Account, u64)>,
        asked: AtomicU64,
    }

    impl Holder {
        fn open(budget: &Budget, pieces: u64) -> Arc<Self> {
            let holder = Arc::new_cyclic(|me: &Weak<Self>| {
                let account = budget.open(me.clone());
                Self { held: Mutex::new((account, 0)), asked: AtomicU64::new(0) }
            });
            holder.set(pieces);
            holder
        }

        fn set(&self, pieces: u64) {
            let (account, held) = &mut *lock(&self.held);
            *held = pieces;
            account.set(10 * pieces, pieces > 1);
        }

        fn pieces(&self) -> u64 {
            lock(&self.held).1
        }

        fn asked(&self) -> u64 {
            self.asked.load(Relaxed)
        }
    }

    impl GiveWay for Holder {
        fn give_way(&self) -> bool {
            self.asked.fetch_add(1, Relaxed);
            let pieces = self.pieces();
            if pieces > 1 {
                self.set(pieces - 1);
            }
            pieces > 1
        }
    }

    #[test]
    fn only_the_largest_holders_give_way_and_no_other_is_asked() {
        let budget = Budget::new(1000);
        let light: Vec<_> = (0..20).map(|_| Holder::open(&budget, 3)).collect();
        let (heavy, heavier) = (Holder::open(&budget, 30), Holder::open(&budget, 50));
        assert_eq!(budget.bytes(), 1400);
        budget.enforce();
        assert_eq!(budget.bytes(), 1000);
        assert_eq!((heavy.pieces(), heavier.pieces()), (20, 20), "both down to the same");
        assert_eq!((heavy.asked(), heavier.asked()), (10, 30), "as often as they gave something");
        assert!(light.iter().all(|holder| holder.asked() == 0 && holder.pieces() == 3));
    }

    #[test]
    fn holders_that_can_give_nothing_are_left_alone() {
        let budget = Budget::new(15);
        let (one, two) = (Holder::open(&budget, 1), Holder::open(&budget, 3));
        budget.enforce();
        assert_eq!((one.pieces(), two.pieces()), (1, 1));
        assert!(budget.is_exceeded(), "there is nothing more to give");
    }

    #[test]
    fn what_is_dropped_or_closed_counts_no_more() {
        let budget = Budget::new(15);
        let (one, two) = (Holder::open(&budget, 2), Holder::open(&budget, 3));
        drop(one);
        assert_eq!(budget.bytes(), 30);
        lock(&two.held).0.close();
        assert_eq!(budget.bytes(), 0);
        two.set(5);
        assert_eq!((budget.bytes(), lock(&budget.0.ledger).holders.len()), (0, 0));
    }
}
