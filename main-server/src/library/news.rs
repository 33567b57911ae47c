//! Which items have changed, for people who may change them, whoever may find the items.
//!
//! Each listener has a set of items that it has not been told of. The set has ids alone: a listener that is slow is told of the newest
//! version once, and of more than [`MOST_WAITING`] items it only learns that it missed some. A change costs as much as there are
//! listeners of its item's owner, and of operators.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::ItemId;
use tokio::sync::Notify;

use crate::state::catalogue::record::Owner;

/// Items of which a listener has not been told.
const MOST_WAITING: usize = 1_000;

/// The account whose items a listener hears of, by its name and when it was made; all items without one.
type Account = Option<(String, u64)>;

/// What a listener has not been told of.
#[derive(Default)]
pub(super) struct Unheard {
    /// They changed, or are gone.
    pub(super) items: BTreeSet<ItemId>,
    /// There were more.
    pub(super) has_missed: bool,
}

#[derive(Default)]
struct Inbox {
    unheard: Mutex<Unheard>,
    added: Notify,
}

impl Inbox {
    fn add(&self, item_id: ItemId) {
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        unheard.items.insert(item_id);
        if unheard.items.len() > MOST_WAITING {
            *unheard = Unheard { has_missed: true, ..Unheard::default() };
        }
        drop(unheard);
        self.added.notify_one();
    }
}

/// The inboxes of all listeners.
#[derive(Default)]
pub(super) struct News(Mutex<HashMap<Account, Vec<Arc<Inbox>>>>);

impl News {
    /// Has a listener hear of the items of `owner` from now on, or of all items without one.
    pub(super) fn listen(self: &Arc<Self>, owner: Option<&Owner>) -> Hearing {
        let (account, inbox) = (owner.map(key), Arc::<Inbox>::default());
        self.inboxes().entry(account.clone()).or_default().push(Arc::clone(&inbox));
        Hearing { news: Arc::clone(self), account, inbox }
    }

    /// An item of `owner`, or of none, has changed or is gone.
    pub(super) fn note(&self, item_id: ItemId, owner: Option<&Owner>) {
        let inboxes = self.inboxes();
        if inboxes.is_empty() {
            return;
        }
        let accounts = [Some(None), owner.map(|owner| Some(key(owner)))];
        let hearing = accounts.iter().flatten().filter_map(|account| inboxes.get(account)).flatten();
        hearing.for_each(|inbox| inbox.add(item_id));
    }

    fn inboxes(&self) -> MutexGuard<'_, HashMap<Account, Vec<Arc<Inbox>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(owner: &Owner) -> (String, u64) {
    (owner.account.clone(), owner.account_since_ms)
}

/// One listener, until this is dropped.
pub(super) struct Hearing {
    news: Arc<News>,
    account: Account,
    inbox: Arc<Inbox>,
}

impl Hearing {
    /// What it has not been told of, as soon as there is something. Nothing is lost if the call is dropped.
    pub(super) async fn next(&self) -> Unheard {
        loop {
            let unheard = mem::take(&mut *self.inbox.unheard.lock().unwrap_or_else(PoisonError::into_inner));
            if unheard.has_missed || !unheard.items.is_empty() {
                return unheard;
            }
            self.inbox.added.notified().await;
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut inboxes = self.news.inboxes();
        if let Some(of_account) = inboxes.get_mut(&self.account) {
            of_account.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
            if of_account.is_empty() {
                inboxes.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn owner(account: &str, account_since_ms: u64) -> Owner {
        Owner { account: account.into(), account_since_ms, key_id: None }
    }

    fn id(number: u64) -> ItemId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        ItemId::from_bytes(bytes)
    }

    #[test]
    fn a_listener_hears_of_the_items_of_its_account_once_each_and_operators_of_all() {
        let news = Arc::<News>::default();
        let (ann, bob, earlier) = (owner("ann", 1), owner("bob", 1), owner("ann", 0));
        let [of_ann, of_bob] = [&ann, &bob].map(|owner| news.listen(Some(owner)));
        let of_all = news.listen(None);
        for (number, owner) in [(1, Some(&ann)), (1, Some(&ann)), (2, Some(&earlier)), (3, None)] {
            news.note(id(number), owner);
        }
        let heard = |hearing: &Hearing| {
            hearing.next().now_or_never().map(|unheard| unheard.items.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(heard(&of_ann), Some(vec![id(1)]));
        assert_eq!((heard(&of_bob), heard(&of_ann)), (None, None));
        assert_eq!(heard(&of_all), Some(vec![id(1), id(2), id(3)]));
        drop((of_ann, of_bob, of_all));
        assert!(news.inboxes().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn a_listener_that_is_slow_learns_that_it_missed_items() {
        let news = Arc::<News>::default();
        let hearing = news.listen(None);
        (0..=MOST_WAITING as u64).for_each(|number| news.note(id(number), None));
        let unheard = hearing.next().now_or_never().unwrap();
        assert!(unheard.has_missed && unheard.items.is_empty());
        news.note(id(1), None);
        assert!(!hearing.next().now_or_never().unwrap().has_missed);
    }
}
