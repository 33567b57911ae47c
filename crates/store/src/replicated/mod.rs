//! A typed view in memory of one namespace, so that every process answers from memory.
//!
//! A [`Replica`] is the table; it stands under the lock of the feature that owns it, its [`Host`]. [`Replicated`] keeps the
//! table and the store in sync: it loads, follows the changes of other processes, writes what has to last before it is
//! acknowledged, and saves the rest in the background, newest state only. Conflicts are resolved by [`Record::merge`].

mod follow;
mod replica;
mod save;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::error::Category;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

pub use self::replica::{Change, Record, Replica};
use crate::{Entry, Error, Expect, Kv, Revision, contention::give_way};

/// Longest wait for the store: a cluster of NATS servers that lost one may take some seconds to elect another leader. Whether
/// a write happened after all is then not known.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a write that met another process's is tried with what that wrote, with pauses between.
const ATTEMPTS: u32 = 16;

/// Entries that are read at a time by [`Replicated::each_stored`].
const PAGE: usize = 500;

/// The owner of a [`Replica`].
pub trait Host<T: Record>: Send + Sync {
    /// Runs `access` on the table under the owner's lock, and applies the [changes](Replica::take_changes) to whatever else
    /// is made of it before the lock is released.
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<T>) -> R) -> R;

    /// The changes of other processes cannot be seen any more, or everything that was missed has been caught up with.
    fn link(&self, is_current: bool) {
        let _ = is_current;
    }

    /// This process wrote an entry.
    fn written(&self, entry: &Entry) {
        let _ = entry;
    }
}

impl<T: Record, H: Host<T>> Host<T> for Arc<H> {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<T>) -> R) -> R {
        (**self).replica(access)
    }

    fn link(&self, is_current: bool) {
        (**self).link(is_current);
    }

    fn written(&self, entry: &Entry) {
        (**self).written(entry);
    }
}

/// A host that is only the table, for features that need no more.
#[derive(Debug)]
pub struct Shared<T: Record> {
    replica: Mutex<Replica<T>>,
    changed: watch::Sender<()>,
}

impl<T: Record> Default for Shared<T> {
    fn default() -> Self {
        Self { replica: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl<T: Record> Shared<T> {
    /// Changes whenever a record does.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl<T: Record> Host<T> for Shared<T> {
    fn replica<R>(&self, access: impl FnOnce(&mut Replica<T>) -> R) -> R {
        let mut replica = self.replica.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = access(&mut replica);
        if !replica.take_changes().is_empty() {
            self.changed.send_replace(());
        }
        outcome
    }
}

/// How long the store keeps a record after its last write; for ever if `None`.
type Lease<T> = Box<dyn Fn(&T) -> Option<Duration> + Send + Sync>;

/// A typed view in memory of one namespace: keeps the table of its [`Host`] and the store in sync.
pub struct Replicated<T: Record, H: Host<T> = Shared<T>> {
    kv: Arc<dyn Kv>,
    host: H,
    lease: Lease<T>,
    unsaved: Notify,
}

impl<T: Record> Replicated<T> {
    /// A view for a feature that keeps no lock of its own; the store keeps its records for ever.
    pub fn shared(kv: Arc<dyn Kv>) -> Self {
        Self::new(kv, Shared::default(), |_| None)
    }
}

impl<T: Record, H: Host<T>> Replicated<T, H> {
    /// A view that knows nothing yet: [`Self::load`] what the store has, and keep [`Self::follow`] and [`Self::save`] running.
    /// `lease` says how long the store keeps a record after its last write.
    pub fn new(
        kv: Arc<dyn Kv>,
        host: H,
        lease: impl Fn(&T) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        Self { kv, host, lease: Box::new(lease), unsaved: Notify::new() }
    }

    /// The owner of the table.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Runs `access` on the table. What it changed is saved in the background.
    pub fn with<R>(&self, access: impl FnOnce(&mut Replica<T>) -> R) -> R {
        let (outcome, has_unsaved) = self.host.replica(|replica| {
            let due = replica.next_due();
            let outcome = access(replica);
            (outcome, replica.has_unsaved(Instant::now().into_std()) || replica.next_due() != due)
        });
        if has_unsaved {
            self.wake();
        }
        outcome
    }

    /// There may be something to save: for a host that changed the table under its own lock.
    pub fn wake(&self) {
        self.unsaved.notify_one();
    }

    /// A copy of a record.
    pub fn get(&self, key: &T::Key) -> Option<T> {
        self.host.replica(|replica| replica.get(key).cloned())
    }

    /// Copies of all records, by key.
    pub fn all(&self) -> Vec<(T::Key, T)> {
        let mut all: Vec<_> = self
            .host
            .replica(|replica| replica.iter().map(|(key, record)| (key.clone(), record.clone())).collect());
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Loads every record.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(&self) -> Result<(), Error> {
        for entry in self.kv.entries(T::NAMESPACE, "").await? {
            self.learn(&entry, Replica::learn_late);
        }
        Ok(())
    }

    /// Takes over what the store has under `key` now.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_up(&self, key: &T::Key) -> Result<(), Error> {
        self.fetch(key).await.map(drop)
    }

    /// As [`Self::look_up`]. Says whether the store has nothing under `key`. A record that this version cannot read is there,
    /// although [`Self::get`] does not show it.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_absent(&self, key: &T::Key) -> Result<bool, Error> {
        Ok(self.fetch(key).await?.is_none())
    }

    /// Calls `each` with every record that the store has, a page at a time. What is written meanwhile may be missed or shown.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an entry that this version cannot read: then some records were not shown. The store's.
    pub async fn each_stored(&self, mut each: impl FnMut(T::Key, T)) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = in_time(self.kv.page(T::NAMESPACE, "", after.as_deref(), PAGE)).await?;
            for entry in &page.entries {
                let unreadable =
                    || Error::Invalid(format!("{}: this version cannot read {:?}", T::NAMESPACE, entry.key));
                let (key, record) = read::<T>(entry).ok_or_else(unreadable)?;
                each(key, record);
            }
            let Some(next) = page.next else { return Ok(()) };
            after = Some(next);
        }
    }

    /// As [`Self::look_up`]. Returns the revision of the entry, if there is one, whether or not it could be read.
    async fn fetch(&self, key: &T::Key) -> Result<Option<Revision>, Error> {
        let known = self.host.replica(|replica| replica.revision(key));
        let entry = in_time(self.kv.get(T::NAMESPACE, &key.to_string())).await?;
        let stored = entry.as_ref().map(|entry| entry.revision);
        match (entry, known) {
            (Some(entry), _) => self.learn(&entry, Replica::learn_late),
            (None, Some(revision)) => self.with(|replica| replica.forget(key, revision)),
            (None, None) => {}
        }
        Ok(stored)
    }

    /// Takes over what another process wrote, after a write on the condition that the entry comes from `known` failed.
    ///
    /// # Errors
    /// [`Error::Conflict`] if nothing newer can be taken over, because this version cannot read the entry: the same write
    /// would fail again. The store's.
    pub(crate) async fn resolve(&self, key: &T::Key, known: Option<Revision>) -> Result<(), Error> {
        let stored = self.fetch(key).await?;
        let is_resolved = self.host.replica(|replica| {
            stored.is_none() || replica.get(key).is_none() || replica.revision(key) != known
        });
        is_resolved.then_some(()).ok_or(Error::Conflict)
    }

    /// Adds a record. When this returns, the store has it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is one, and the store's: then whether the store has it is not known.
    pub async fn create(&self, key: &T::Key, record: T) -> Result<(), Error> {
        self.write(key, record, Expect::Absent).await.map(drop)
    }

    /// Replaces a record by what `change` returns; `None` leaves it. Retries with the newest version after a conflict. When
    /// this returns, the store has the record as it is known here. Returns it, or `None` if there is no such record.
    ///
    /// What is known here may be older than what another process has written. A write that changes something is refused by the
    /// store in that case. If there is no record or `change` leaves it, the store is read once before that counts: `change` sees
    /// every version that was acknowledged before this call. So each such call costs a read: check first what a client may do.
    ///
    /// # Errors
    /// The store's; [`Error::Conflict`] if other processes were first too often.
    pub async fn change(&self, key: &T::Key, change: impl Fn(&T) -> Option<T>) -> Result<Option<T>, Error> {
        self.change_with(key, change, true).await
    }

    /// As [`Self::change`], but a record that is unknown here or that `change` leaves is not looked up: for changes that are
    /// tried again from time to time, or that no process undoes once they were made or refused.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn change_known(
        &self,
        key: &T::Key,
        change: impl Fn(&T) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.change_with(key, change, false).await
    }

    async fn change_with(
        &self,
        key: &T::Key,
        change: impl Fn(&T) -> Option<T>,
        mut needs_look: bool,
    ) -> Result<Option<T>, Error> {
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            let (known, revision, is_saved) = self
                .host
                .replica(|replica| (replica.get(key).cloned(), replica.revision(key), replica.is_saved(key)));
            let changed = match (known.as_ref().and_then(&change), &known) {
                (Some(changed), _) => changed,
                (None, Some(record)) if !is_saved => record.clone(),
                _ if needs_look => {
                    self.look_up(key).await?;
                    needs_look = false;
                    if self.host.replica(|replica| replica.revision(key)) == revision {
                        return Ok(known);
                    }
                    continue;
                }
                _ => return Ok(known),
            };
            let expect = revision.map_or(Expect::Absent, Expect::Revision);
            match self.write(key, changed, expect).await {
                Ok(_) => return Ok(self.get(key)),
                Err(Error::Conflict) => {
                    attempt += 1;
                    give_way(attempt).await;
                    self.look_up(key).await?;
                    needs_look = false;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict)
    }

    /// Deletes a record, whatever it has become. When this returns, the store does not have it, unless its first save is
    /// still under way: then it is deleted in the background.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn remove(&self, key: &T::Key) -> Result<(), Error> {
        self.remove_if(key, |_| true).await
    }

    /// Deletes a record as long as it is one that `is_meant`; another one stays.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn remove_if(&self, key: &T::Key, is_meant: impl Fn(&T) -> bool) -> Result<(), Error> {
        for attempt in 1..=ATTEMPTS {
            let known = || {
                let meant = |replica: &mut Replica<T>| {
                    replica.revision(key).filter(|_| replica.get(key).is_some_and(&is_meant))
                };
                self.host.replica(meant)
            };
            if known().is_none() {
                self.look_up(key).await?;
            }
            let Some(revision) = known() else {
                self.with(|replica| {
                    if replica.get(key).is_some_and(&is_meant) {
                        replica.discard(key);
                    }
                });
                return Ok(());
            };
            match self.delete(key, revision).await {
                Err(Error::Conflict) => {
                    give_way(attempt).await;
                    self.look_up(key).await?;
                }
                outcome => return outcome,
            }
        }
        Err(Error::Conflict)
    }

    /// Deletes what `revision` wrote.
    pub(crate) async fn delete(&self, key: &T::Key, revision: Revision) -> Result<(), Error> {
        in_time(self.kv.delete(T::NAMESPACE, &key.to_string(), Some(revision))).await?;
        self.with(|replica| replica.forget(key, revision));
        Ok(())
    }

    /// Writes a record on a condition, and takes it over.
    pub(crate) async fn write(&self, key: &T::Key, record: T, expect: Expect) -> Result<Revision, Error> {
        let (name, value, lease) = (key.to_string(), json(&record)?, (self.lease)(&record));
        let written = self.kv.compare_and_set(T::NAMESPACE, &name, value.clone(), lease, expect);
        let revision = in_time(written).await?;
        self.host.written(&Entry { key: name, value, revision, lease });
        self.with(|replica| replica.learn_late(key, record, revision));
        Ok(revision)
    }

    /// Takes over an entry of the store through `learn`. One that cannot be read is reported and otherwise as if it were not
    /// there.
    fn learn(&self, entry: &Entry, learn: impl FnOnce(&mut Replica<T>, &T::Key, T, Revision)) {
        let Some((key, record)) = read::<T>(entry) else { return };
        let lacks_lease = entry.lease.is_none() && (self.lease)(&record).is_some();
        self.with(|replica| {
            learn(replica, &key, record, entry.revision);
            // Written by a version of the program that gave it none.
            if lacks_lease && replica.revision(&key) == Some(entry.revision) {
                replica.renew(&key);
            }
        });
    }

    /// Takes over what another process says it wrote.
    pub fn hear(&self, entry: &Entry) {
        self.learn(entry, Replica::learn_late);
    }
}

fn read<T: Record>(entry: &Entry) -> Option<(T::Key, T)> {
    let (namespace, name) = (T::NAMESPACE, &entry.key);
    let Ok(key) = name.parse() else {
        tracing::error!("{namespace}: {name:?} is not a valid key");
        return None;
    };
    let record = serde_json::from_slice(&entry.value);
    let record = record
        .inspect_err(|error| {
            tracing::error!(
                "{namespace}: cannot read record {name:?}, ignoring it: {}",
                without_values(error)
            )
        })
        .ok()?;
    Some((key, record))
}

/// Where and how a record is wrong. The error's own text may quote a value, which logs must not show.
fn without_values(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        Category::Syntax | Category::Eof => "not JSON",
        Category::Data => "a field is missing or has the wrong type",
        Category::Io => "unreadable",
    };
    format!("{kind}, line {}, column {}", error.line(), error.column())
}

fn json(record: &impl serde::Serialize) -> Result<Bytes, Error> {
    let json = serde_json::to_vec(record).map_err(|error| Error::Invalid(format!("a record: {error}")))?;
    Ok(json.into())
}

/// Waits for the store, but not for ever.
async fn in_time<R>(call: impl Future<Output = Result<R, Error>>) -> Result<R, Error> {
    let late = || Error::Unavailable(format!("no answer within {} s", WRITE_TIMEOUT.as_secs()));
    timeout(WRITE_TIMEOUT, call).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_is_described_without_its_values() {
        let error = serde_json::from_str::<[u32; 1]>(r#"["hunter2"]"#).unwrap_err();
        assert!(error.to_string().contains("hunter2"));
        assert_eq!(without_values(&error), "a field is missing or has the wrong type, line 1, column 10");
    }
}
