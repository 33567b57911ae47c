//! The table of a [`Replicated`](super::Replicated) view: what the store has, what this process knows beyond that, and what
//! is still to be saved.
//!
//! It does no I/O and reads no clock. Records may come in any order and any number of times: older revisions are passed
//! over, newer ones are [merged](Record::merge). Of what waits to be saved it keeps the newest state only, however
//! slow the store is.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::{Debug, Display},
    hash::Hash,
    str::FromStr,
    time::Instant,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Namespace, Revision};

/// A kind of record that several processes keep in memory.
pub trait Record: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What a record is found by; its text is the key in the store.
    type Key: Clone + Ord + Hash + Debug + Display + FromStr + Send + Sync + 'static;
    /// Where the store keeps these records.
    const NAMESPACE: Namespace;

    /// Takes over what `other`, another version of the same record, knows better. Two processes that merge the same
    /// versions, in whatever order, should arrive at the same record. By default the other version replaces this one: right
    /// for records that are only changed with [`Replicated::change`](super::Replicated::change).
    fn merge(&mut self, other: &Self) {
        self.clone_from(other);
    }
}

/// A record that appeared, changed or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<T: Record> {
    /// Which.
    pub key: T::Key,
    /// What it was, `None` if it is new.
    pub before: Option<T>,
    /// What it is now, `None` if it is gone.
    pub after: Option<T>,
}

/// The write that a record still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Save<T> {
    /// Put this in the place of what that revision wrote.
    Put(T, Revision),
    /// Delete what that revision wrote, if it wrote anything.
    Delete(Revision),
}

#[derive(Debug)]
struct Item<T> {
    record: T,
    /// The write that the store's version comes from; [`Revision::NONE`] if the store has none.
    revision: Revision,
    /// The record says more than the store's version.
    is_unsaved: bool,
    is_discarded: bool,
    /// When it has to be saved, if it is still unsaved then.
    due: Option<Instant>,
}

impl<T> Item<T> {
    /// What the store has.
    fn stored(record: T, revision: Revision) -> Self {
        Self { record, revision, is_unsaved: false, is_discarded: false, due: None }
    }
}

/// The table of a [`Replicated`](super::Replicated) view: records, the writes they come from, and what is to be saved.
#[derive(Debug)]
pub struct Replica<T: Record> {
    items: HashMap<T::Key, Item<T>>,
    /// What has to be saved now.
    queue: BTreeSet<T::Key>,
    /// What has to be saved then, if it is still unsaved.
    late: BTreeSet<(Instant, T::Key)>,
    changes: Vec<Change<T>>,
    /// Up to which write the watch has shown everything.
    shown: Revision,
}

impl<T: Record> Default for Replica<T> {
    fn default() -> Self {
        Self {
            items: HashMap::new(),
            queue: BTreeSet::new(),
            late: BTreeSet::new(),
            changes: Vec::new(),
            shown: Revision::NONE,
        }
    }
}

impl<T: Record> Replica<T> {
    /// A record.
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        self.items.get(key).map(|item| &item.record)
    }

    /// All records, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&T::Key, &T)> {
        self.items.iter().map(|(key, item)| (key, &item.record))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The write that the store's version of a record comes from; `None` if the store has none, as far as is known.
    pub fn revision(&self, key: &T::Key) -> Option<Revision> {
        self.items.get(key).map(|item| item.revision).filter(|revision| *revision != Revision::NONE)
    }

    /// Takes over what the store has, if that is newer than what is known of it. What the record says beyond that is to be
    /// saved.
    pub fn learn(&mut self, key: &T::Key, record: T, revision: Revision) {
        let Some(item) = self.items.get_mut(key) else {
            self.items.insert(key.clone(), Item::stored(record.clone(), revision));
            return self.note(key, None, Some(record));
        };
        if revision <= item.revision {
            return;
        }
        item.revision = revision;
        let before = item.record.clone();
        item.record.merge(&record);
        item.is_unsaved = item.record != record;
        let after = item.record.clone();
        if self.has_to_save(key) {
            self.queue.insert(key.clone());
        }
        self.note(key, Some(before), Some(after));
    }

    /// Takes over what a call has written or read, or what another process says it wrote. A record that is not here is taken over only if the watch has not been
    /// past that write: otherwise it has been deleted since, and no event would remove it.
    pub(super) fn learn_late(&mut self, key: &T::Key, record: T, revision: Revision) {
        if revision > self.shown || self.items.contains_key(key) {
            self.learn(key, record, revision);
        }
    }

    /// The store does not have a record any more, as of `revision`. What was unsaved of it is lost.
    pub fn forget(&mut self, key: &T::Key, revision: Revision) {
        if self.items.get(key).is_none_or(|item| item.revision > revision) {
            return;
        }
        self.queue.remove(key);
        if let Some(item) = self.items.remove(key) {
            if let Some(due) = item.due {
                self.late.remove(&(due, key.clone()));
            }
            self.note(key, Some(item.record), None);
        }
    }

    /// Adds a record that is to be saved. Says whether it is new; one that is there stays as it is.
    pub fn insert(&mut self, key: T::Key, record: T) -> bool {
        if self.items.contains_key(&key) {
            return false;
        }
        let item = Item::stored(record.clone(), Revision::NONE);
        self.items.insert(key.clone(), Item { is_unsaved: true, ..item });
        self.queue.insert(key.clone());
        self.note(&key, None, Some(record));
        true
    }

    /// Changes a record, which is written soon. Returns whether it changed.
    pub fn update(&mut self, key: &T::Key, update: impl FnOnce(&mut T)) -> bool {
        let has_changed = self.apply(key, update);
        if has_changed {
            self.queue.insert(key.clone());
        }
        has_changed
    }

    /// Changes a record in a way that another process should save: this one does if it is still unsaved at `due`. Says
    /// whether it changed.
    pub fn update_late(&mut self, key: &T::Key, update: impl FnOnce(&mut T), due: Instant) -> bool {
        let was_saved = self.is_saved(key);
        let has_changed = self.apply(key, update);
        if has_changed {
            self.set_due(key, due, was_saved);
        }
        has_changed
    }

    /// Has a record saved at `due`; one that is unsaved already keeps its time, unless that `replaces` it.
    fn set_due(&mut self, key: &T::Key, due: Instant, replaces: bool) {
        let Some(item) = self.items.get_mut(key).filter(|item| replaces || item.due.is_none()) else {
            return;
        };
        if let Some(before) = item.due.replace(due) {
            self.late.remove(&(before, key.clone()));
        }
        self.late.insert((due, key.clone()));
    }

    fn apply(&mut self, key: &T::Key, update: impl FnOnce(&mut T)) -> bool {
        let Some(item) = self.items.get_mut(key) else { return false };
        let before = item.record.clone();
        update(&mut item.record);
        if item.record == before {
            return false;
        }
        item.is_unsaved = true;
        let after = item.record.clone();
        self.note(key, Some(before), Some(after));
        true
    }

    /// Schedules another write of an unchanged record, which renews its lease.
    pub fn renew(&mut self, key: &T::Key) {
        if let Some(item) = self.items.get_mut(key) {
            item.is_unsaved = true;
            self.queue.insert(key.clone());
        }
    }

    /// Has a record deleted in the background. It stays here until the store has deleted it.
    pub fn discard(&mut self, key: &T::Key) {
        if let Some(item) = self.items.get_mut(key) {
            item.is_discarded = true;
            self.queue.insert(key.clone());
        }
    }

    /// What changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change<T>> {
        std::mem::take(&mut self.changes)
    }

    /// Whether the store has all that is known of a record.
    pub fn is_saved(&self, key: &T::Key) -> bool {
        !self.has_to_save(key)
    }

    /// Whether anything waits to be saved at `now`.
    pub fn has_unsaved(&self, now: Instant) -> bool {
        !self.queue.is_empty() || self.next_due().is_some_and(|due| due <= now)
    }

    fn note(&mut self, key: &T::Key, before: Option<T>, after: Option<T>) {
        if before != after {
            self.changes.push(Change { key: key.clone(), before, after });
        }
    }

    /// When the next change falls due that another process should have saved.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.late.first().map(|(due, _)| *due)
    }

    /// What has to be saved now; see [`Self::to_save`].
    pub(super) fn take_unsaved(&mut self, now: Instant) -> Vec<T::Key> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some((_, key)) = self.late.pop_first() else { break };
            if let Some(item) = self.items.get_mut(&key) {
                item.due = None;
            }
            self.queue.insert(key);
        }
        std::mem::take(&mut self.queue).into_iter().collect()
    }

    /// Has everything saved that the store does not have, whichever process should have saved it.
    pub(super) fn queue_all(&mut self) {
        let unsaved = self.items.iter().filter(|(_, item)| item.is_unsaved || item.is_discarded);
        self.queue.extend(unsaved.map(|(key, _)| key.clone()));
    }

    /// The pending write of a record, if there is one.
    pub(super) fn to_save(&self, key: &T::Key) -> Option<Save<T>> {
        let item = self.items.get(key)?;
        if item.is_discarded {
            return Some(Save::Delete(item.revision));
        }
        item.is_unsaved.then(|| Save::Put(item.record.clone(), item.revision))
    }

    fn has_to_save(&self, key: &T::Key) -> bool {
        self.items.get(key).is_some_and(|item| item.is_unsaved || item.is_discarded)
    }

    /// It could not be saved, or changed meanwhile: it is to be taken again, if there is anything to save.
    pub(super) fn put_back(&mut self, key: &T::Key) {
        if self.has_to_save(key) {
            self.queue.insert(key.clone());
        }
    }

    /// The store refuses it: it is to be taken again when it changes, or at `due`.
    pub(super) fn put_off(&mut self, key: &T::Key, due: Instant) {
        if self.has_to_save(key) && !self.queue.contains(key) {
            self.set_due(key, due, true);
        }
    }

    /// How many records say more than the store, or are to be deleted there.
    pub(super) fn unsaved(&self) -> usize {
        self.items.values().filter(|item| item.is_unsaved || item.is_discarded).count()
    }

    /// What the store has, as far as is known, and from which write.
    pub(super) fn stored(&self) -> HashMap<T::Key, Revision> {
        let stored = self.items.iter().filter(|(_, item)| item.revision != Revision::NONE);
        stored.map(|(key, item)| (key.clone(), item.revision)).collect()
    }

    /// The watch has shown everything up to `revision`.
    pub(super) fn note_shown(&mut self, revision: Revision) {
        self.shown = self.shown.max(revision);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{collection::vec, prelude::*};
    use serde::Deserialize;

    use super::*;

    /// The greatest number that any process named, and all names.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    struct Votes {
        most: u32,
        names: BTreeSet<u8>,
    }

    impl Record for Votes {
        type Key = String;
        const NAMESPACE: Namespace = Namespace::new("votes");

        fn merge(&mut self, other: &Self) {
            self.most = self.most.max(other.most);
            self.names.extend(&other.names);
        }
    }

    fn key() -> String {
        "a".into()
    }

    fn votes(most: u32, name: u8) -> Votes {
        Votes { most, names: BTreeSet::from([name]) }
    }

    fn put(record: Votes, revision: u64) -> Option<Save<Votes>> {
        Some(Save::Put(record, Revision(revision)))
    }

    #[test]
    fn what_a_record_says_beyond_the_store_is_saved_and_nothing_else() {
        let mut replica = Replica::default();
        replica.learn(&key(), votes(1, 1), Revision(1));
        assert!(replica.is_saved(&key()) && replica.take_unsaved(Instant::now()).is_empty());
        assert!(replica.update(&key(), |record| record.most = 5));
        assert!(!replica.update(&key(), |record| record.most = 5), "that is no change");
        assert_eq!(replica.take_unsaved(Instant::now()), [key()]);
        assert_eq!(replica.to_save(&key()), put(votes(5, 1), 1));

        // Another process wrote meanwhile: what is saved next is both.
        replica.learn(&key(), votes(2, 2), Revision(2));
        let both = Votes { most: 5, names: BTreeSet::from([1, 2]) };
        assert_eq!(replica.to_save(&key()), put(both.clone(), 2));
        replica.learn(&key(), both, Revision(3));
        assert!(replica.is_saved(&key()));
    }

    #[test]
    fn older_revisions_are_passed_over_and_a_deletion_of_an_older_one_too() {
        let mut replica = Replica::default();
        replica.learn(&key(), votes(3, 1), Revision(3));
        replica.learn(&key(), votes(9, 9), Revision(2));
        replica.forget(&key(), Revision(2));
        assert_eq!(replica.get(&key()), Some(&votes(3, 1)));
        replica.forget(&key(), Revision(4));
        assert!(replica.is_empty() && replica.revision(&key()).is_none());
    }

    #[test]
    fn what_another_process_says_counts_until_the_watch_has_been_there() {
        let mut replica = Replica::default();
        replica.learn_late(&key(), votes(1, 1), Revision(4));
        assert_eq!(replica.len(), 1);
        replica.note_shown(Revision(6));
        replica.forget(&key(), Revision(6));
        replica.learn_late(&key(), votes(1, 1), Revision(5));
        assert!(replica.is_empty(), "it is gone since");
    }

    #[test]
    fn a_change_that_another_process_should_save_waits_until_it_is_due() {
        let (mut replica, now) = (Replica::default(), Instant::now());
        let due = now + Duration::from_secs(10);
        replica.learn(&key(), votes(1, 1), Revision(1));
        replica.update_late(&key(), |record| record.most = 2, due);
        assert!(!replica.has_unsaved(now) && replica.take_unsaved(now).is_empty());
        assert_eq!(replica.next_due(), Some(due));
        assert_eq!(replica.take_unsaved(due), [key()]);
        assert_eq!(replica.to_save(&key()), put(votes(2, 1), 1));

        replica.update_late(&key(), |record| record.most = 3, due);
        replica.learn(&key(), votes(3, 1), Revision(2));
        assert_eq!(replica.take_unsaved(due), [key()]);
        assert_eq!(replica.to_save(&key()), None, "the other process has saved it");
    }

    #[test]
    fn many_late_changes_of_a_record_cost_one_entry_and_the_first_says_when_it_is_due() {
        let (mut replica, now) = (Replica::default(), Instant::now());
        let second = Duration::from_secs(1);
        replica.learn(&key(), votes(0, 1), Revision(1));
        for number in 1..100 {
            replica.update_late(&key(), |record| record.most = number, now + number * second);
        }
        assert_eq!((replica.late.len(), replica.next_due()), (1, Some(now + second)));

        // The other process saves it, and something else changes.
        replica.learn(&key(), votes(99, 1), Revision(2));
        replica.update_late(&key(), |record| record.most = 100, now + 200 * second);
        assert_eq!((replica.late.len(), replica.next_due()), (1, Some(now + 200 * second)));
        replica.forget(&key(), Revision(3));
        assert!(replica.late.is_empty());
    }

    #[test]
    fn a_record_can_be_added_renewed_and_discarded() {
        let mut replica = Replica::default();
        assert!(replica.insert(key(), votes(1, 1)) && !replica.insert(key(), votes(2, 2)));
        assert_eq!(replica.to_save(&key()), put(votes(1, 1), 0));
        replica.learn(&key(), votes(1, 1), Revision(1));
        replica.renew(&key());
        assert_eq!(replica.to_save(&key()), put(votes(1, 1), 1));
        replica.discard(&key());
        assert_eq!(replica.to_save(&key()), Some(Save::Delete(Revision(1))));
        assert!(replica.get(&key()).is_some(), "until the store has deleted it");
    }

    #[test]
    fn changes_are_given_once_in_order() {
        let mut replica = Replica::default();
        replica.learn(&key(), votes(1, 1), Revision(1));
        replica.learn(&key(), votes(1, 1), Revision(2));
        replica.update(&key(), |record| record.most = 2);
        replica.forget(&key(), Revision(3));
        let change = |before, after| Change { key: key(), before, after };
        let (first, second) = (Some(votes(1, 1)), Some(votes(2, 1)));
        let changes = [change(None, first.clone()), change(first, second.clone()), change(second, None)];
        assert_eq!(replica.take_changes(), changes);
        assert_eq!(replica.take_changes(), []);
    }

    /// What happens to one key: a deletion, or a write whose answer comes when the watch has shown `answered_after` events.
    #[derive(Clone, Debug)]
    enum Event {
        Deleted,
        Put { answered_after: usize },
    }

    fn event() -> impl Strategy<Value = Event> {
        let put = (0..9_usize).prop_map(|answered_after| Event::Put { answered_after });
        prop_oneof![Just(Event::Deleted), put]
    }

    proptest! {
        #[test]
        fn a_deleted_record_stays_away_however_late_the_answers_to_its_writes_come(events in vec(event(), 1..9)) {
            let mut replica = Replica::default();
            let answer = |replica: &mut Replica<Votes>, shown| {
                for (event, revision) in events.iter().zip(1..) {
                    if matches!(event, Event::Put { answered_after } if *answered_after == shown) {
                        replica.learn_late(&key(), votes(1, 1), Revision(revision));
                    }
                }
            };
            for (index, revision) in (0..events.len()).zip(1..) {
                answer(&mut replica, index);
                match events[index] {
                    Event::Deleted => replica.forget(&key(), Revision(revision)),
                    Event::Put { .. } => replica.learn(&key(), votes(1, 1), Revision(revision)),
                }
                replica.note_shown(Revision(revision));
            }
            for shown in events.len()..9 {
                answer(&mut replica, shown);
            }
            let is_there = matches!(events.last(), Some(Event::Put { .. }));
            prop_assert_eq!(replica.get(&key()).is_some(), is_there);
        }

        #[test]
        fn processes_that_learn_of_the_same_writes_in_any_order_agree(
            writes in vec((0..9_u32, 0..4_u8), 1..9),
            order in any::<prop::sample::Index>(),
        ) {
            let learned: Vec<_> = (1..).zip(writes).map(|(revision, (most, name))| (votes(most, name), revision)).collect();
            let (mut one, mut other) = (Replica::default(), Replica::default());
            for (record, revision) in &learned {
                one.learn(&key(), record.clone(), Revision(*revision));
            }
            let at = order.index(learned.len());
            for (record, revision) in learned[at..].iter().chain(&learned[..at]) {
                other.learn(&key(), record.clone(), Revision(*revision));
            }
            prop_assert_eq!(one.revision(&key()), other.revision(&key()));
            // Whichever saw less learns the rest from what the other saves.
            if let Some(Save::Put(saved, revision)) = one.to_save(&key()) {
                other.learn(&key(), saved, Revision(revision.0 + 1));
                prop_assert_eq!(one.get(&key()), other.get(&key()));
            }
        }
    }
}
