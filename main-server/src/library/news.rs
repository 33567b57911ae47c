//! Queues the ids of changed items for each event stream of the people who may change them.
//!
//! Each listener has a set of ids that it has not read yet. A slow listener therefore receives only the newest version of an item. After
//! more than [`MOST_WAITING`] ids, it receives only the fact that it missed some. The cost of a change is proportional to the number of
//! listeners of the item's owner and of operators.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::ItemId;
use tokio::sync::Notify;

use crate::state::catalogue::record::Owner;

/// Most ids that wait for a listener.
const MOST_WAITING: usize = 1_000;

/// The account whose items a listener follows: its name and when it was created. `None` stands for all items.
type Account = Option<(String, u64)>;

/// Changes that a listener has not read yet.
#[derive(Default)]
pub(super) struct Unheard {
    /// Items that changed or were removed.
    pub(super) items: BTreeSet<ItemId>,
    /// Whether older ids were dropped.
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
    /// Adds a listener for the items of `owner`, or for all items if it is `None`.
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
