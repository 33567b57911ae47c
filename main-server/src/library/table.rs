//! The records of all items in memory, their index, and the events of their changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{ItemId, item::Item};
use serde::Serialize;
use store::{Host, Replica};
use tokio::sync::watch;

use super::{
    index::{Found, Index, OtherOrder, Query},
    news::News,
    record::Record,
};
use crate::events::{Event, Feed};

/// The items of one main server.
pub(super) struct Table {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    news: Arc<News>,
    feed: Arc<Feed>,
}

#[derive(Default)]
struct Inner {
    replica: Replica<Record>,
    index: Index,
    /// Whether listeners are notified of changes; not while loading at the start.
    tells: bool,
}

/// Data of the event `item_removed`.
#[derive(Serialize)]
struct Removed {
    item_id: ItemId,
}

impl Table {
    /// Has no items. Listeners of `feed` are notified of changes of listed items after [`Self::tell`].
    pub(super) fn new(feed: &Arc<Feed>) -> Self {
        Self {
            inner: Mutex::default(),
            changed: watch::Sender::new(()),
            news: Arc::default(),
            feed: Arc::clone(feed),
        }
    }

    /// Notifies listeners of changes from now on.
    pub(super) fn tell(&self) {
        self.lock().tells = true;
    }

    /// Changes whenever an item does.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells people which of their items change.
    pub(super) fn news(&self) -> &Arc<News> {
        &self.news
    }

    /// Reads the index.
    pub(super) fn index<R>(&self, read: impl FnOnce(&Index, &Replica<Record>) -> R) -> R {
        let inner = self.lock();
        read(&inner.index, &inner.replica)
    }

    /// A page of items, with their records.
    ///
    /// # Errors
    /// [`OtherOrder`].
    pub(super) fn page(&self, query: &Query) -> Result<(Found, Vec<(ItemId, Record)>), OtherOrder> {
        self.index(|index, records| {
            let found = index.page(records, query)?;
            let rows = found.items.iter().filter_map(|id| Some((*id, records.get(id)?.clone()))).collect();
            Ok((found, rows))
        })
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
        let mut events = Vec::new();
        for change in &changes {
            let (before, after) = (change.before.as_ref(), change.after.as_ref());
            inner.index.apply(change.key, before, after);
            if inner.tells {
                events.extend(event(change.key, before, after));
                self.news.note(change.key, after.or(before).and_then(|record| record.owner.as_ref()));
            }
        }
        // Published under the lock, so that listeners receive changes in order.
        self.feed.publish(events);
        self.changed.send_replace(());
        outcome
    }
}

/// The event of a change; all clients may receive it.
fn event(item_id: ItemId, before: Option<&Record>, after: Option<&Record>) -> Option<Event> {
    let listed = |record: Option<&Record>| -> Option<Item> {
        record.filter(|record| record.is_listed()).map(|record| record.item(item_id, false))
    };
    match (listed(before), listed(after)) {
        (before, Some(after)) => {
            (before.as_ref() != Some(&after)).then(|| Event::new("item_changed", &after))
        }
        (Some(_), None) => Some(removed(item_id)),
        (None, None) => None,
    }
}

/// A listener has to forget an item.
pub(super) fn removed(item_id: ItemId) -> Event {
    Event::new("item_removed", &Removed { item_id })
}
