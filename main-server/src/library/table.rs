//! The records of all items in memory, and what is made of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use store::{Host, Replica};
use tokio::sync::watch;

use super::record::Record;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Table {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Inner {
    replica: Replica<Record>,
    totals: Totals,
}

/// Sums over items.
#[derive(Debug, Default)]
struct Totals {
    bytes: u64,
}

impl Table {
    /// It without items.
    pub(super) fn new() -> Self {
        Self { inner: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Changes whenever an item does.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Bytes of all items together, and those of one account.
    pub(super) fn bytes(&self, account: Option<&str>) -> (u64, u64) {
        let inner = self.lock();
        let of_account = inner.replica.iter().filter(|(_, record)| {
            account.is_some() && record.owner.as_ref().map(|owner| owner.account.as_str()) == account
        });
        (inner.totals.bytes, of_account.map(|(_, record)| record.bytes).sum())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host<Record> for Table {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<Record>) -> R) -> R {
        let mut inner = self.lock();
        let outcome = access(&mut inner.replica);
        let changes = inner.replica.take_changes();
        if changes.is_empty() {
            return outcome;
        }
        for change in changes {
            let bytes = |record: &Option<Record>| record.as_ref().map_or(0, |record| record.bytes);
            let total = inner.totals.bytes.saturating_add(bytes(&change.after));
            inner.totals.bytes = total.saturating_sub(bytes(&change.before));
        }
        self.changed.send_replace(());
        outcome
    }
}
