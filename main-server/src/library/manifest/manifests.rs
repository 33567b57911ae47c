//! Stores manifests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use protocol::{ItemId, item::Blob};
use serde::{Serialize, de::DeserializeOwned};
use store::{Entry, Expect, Kv, Revision};
use tokio::time::timeout;

use super::{
    assemble::Takes,
    cache::{Cache, Cached},
    key::{Key, NAMESPACE},
    previews::{Picture, Previews},
    take::{Format, Outcome, Part, StoredPart, Take, TakeFragment, TakeHead},
};
use crate::library::Error;

/// Most takes of an item.
const MOST_TAKES: usize = 10_000;
/// Most fragments of an item, about eleven days.
const MOST_FRAGMENTS: usize = if cfg!(test) { 2_000 } else { 100_000 };
/// Capacity that is reserved for fragments that nodes may still have when a recording ends early.
const RESERVED_FRAGMENTS: usize = MOST_FRAGMENTS / 20;
/// Most alternative formats of a take.
const MOST_ALTERNATIVES: usize = 4;
/// Longest type of a take, in bytes.
const MIME_BYTES: usize = 256;
/// Largest number in a fragment: exact for all JSON readers.
const MOST: u64 = 1 << 53;
/// Timeout of the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// Page size for reading all entries.
const PAGE: usize = 256;

/// The take that fragments belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewTake {
    /// Its number; takes are played in this order.
    pub(crate) take: u64,
    /// The preferred format for players.
    pub(crate) format: Format,
    /// The same frames in other formats.
    pub(crate) alternatives: Vec<Format>,
}

/// The manifests of all items.
pub(crate) struct Manifests {
    kv: Arc<dyn Kv>,
    cache: Mutex<Cache>,
}

impl Manifests {
    pub(crate) fn new(kv: &Arc<dyn Kv>) -> Self {
        Self { kv: Arc::clone(kv), cache: Mutex::default() }
    }

    /// The media of an item, at least as new as `version`, the version in its record.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn load(&self, item_id: ItemId, version: u64) -> Result<Arc<Cached>, store::Error> {
        if let Some(cached) = self.cache().get(item_id, version) {
            return Ok(cached);
        }
        let entries = in_time(self.kv.entries(NAMESPACE, &Key::prefix(item_id))).await?;
        let read = Arc::new(Cached { version, takes: takes(&entries)? });
        self.keep(item_id, Arc::clone(&read));
        Ok(read)
    }

    /// Caches the media of an item.
    pub(crate) fn keep(&self, item_id: ItemId, cached: Arc<Cached>) {
        self.cache().put(item_id, cached);
    }

    /// Removes the media of an item from the cache.
    pub(crate) fn evict(&self, item_id: ItemId) {
        self.cache().remove(item_id);
    }

    /// Writes fragments of a take, and the take if it is new, and updates `takes`. Known fragments are
    /// ignored. Returns how many were refused because they partially overlap others.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::OtherTake`], [`Error::Full`]; [`Error::Store`] with a conflict if another
    /// server wrote meanwhile: load again.
    pub(crate) async fn append(
        &self,
        item_id: ItemId,
        new: &NewTake,
        fragments: &[TakeFragment],
        takes: &mut Takes,
    ) -> Result<usize, Error> {
        check(new, fragments)?;
        if count(takes) + fragments.len() > MOST_FRAGMENTS {
            return Err(Error::Full(format!("an item has at most {MOST_FRAGMENTS} fragments")));
        }
        let format = self.begin(item_id, new, takes).await?;
        let mut by_part: BTreeMap<u64, Vec<TakeFragment>> = BTreeMap::new();
        for fragment in fragments {
            by_part.entry(fragment.part()).or_default().push(TakeFragment { format, ..fragment.clone() });
        }
        let mut overlapping = 0;
        for (index, fragments) in by_part {
            let Some(take) = takes.get_mut(&new.take) else { continue };
            let stored = take.parts.get(&index);
            let expect = stored.map_or(Expect::Absent, |stored| Expect::Revision(stored.revision));
            let mut part = stored.map(|stored| stored.part.clone()).unwrap_or_default();
            let outcomes = fragments.iter().map(|fragment| take.with(&mut part, fragment));
            let outcomes: Vec<_> = outcomes.collect();
            overlapping += outcomes.iter().filter(|outcome| **outcome == Outcome::Overlaps).count();
            if outcomes.contains(&Outcome::Taken) {
                let revision = self.set(&Key::Part(new.take, index).of(item_id), &part, expect).await?;
                take.parts.insert(index, Arc::new(StoredPart { part, revision }));
            }
        }
        Ok(overlapping)
    }

    /// Writes the take or its init segment if it is new. Returns the number of the format in the take.
    async fn begin(&self, item_id: ItemId, new: &NewTake, takes: &mut Takes) -> Result<usize, Error> {
        let key = Key::Head(new.take).of(item_id);
        let Some(known) = takes.get_mut(&new.take) else {
            if takes.len() >= MOST_TAKES {
                return Err(Error::Full(format!("an item has at most {MOST_TAKES} takes")));
            }
            let head = TakeHead::new(new.format.clone(), new.alternatives.clone());
            let revision = self.set(&key, &head, Expect::Absent).await?;
            takes.insert(new.take, Take::new(head, revision));
            return Ok(0);
        };
        if let Some(number) = known.head.number_of(&new.format, &new.alternatives) {
            return Ok(number);
        }
        if !known.head.takes(&new.format, &new.alternatives) {
            return Err(Error::OtherTake(new.take));
        }
        let mut head = known.head.clone();
        head.others.push(new.format.clone());
        known.revision = self.set(&key, &head, Expect::Revision(known.revision)).await?;
        known.head = head;
        Ok(known.head.others.len())
    }

    /// Gives up missing groups before existing ones: the manifest continues after them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(crate) async fn settle(&self, item_id: ItemId, takes: &mut Takes) -> Result<(), Error> {
        let last = takes.keys().next_back().copied();
        for (number, take) in takes.iter_mut() {
            let head = TakeHead {
                settled_before: take.fragments().last().map_or(0, |fragment| fragment.first_group),
                is_over: take.head.is_over || Some(*number) != last,
                ..take.head.clone()
            };
            if head != take.head {
                let expect = Expect::Revision(take.revision);
                take.revision = self.set(&Key::Head(*number).of(item_id), &head, expect).await?;
                take.head = head;
            }
        }
        Ok(())
    }

    /// The pictures for the time line of an item.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn previews(&self, item_id: ItemId) -> Result<Previews, store::Error> {
        let entry = in_time(self.kv.get(NAMESPACE, &Key::Previews.of(item_id))).await?;
        entry.as_ref().map_or_else(|| Ok(Previews::default()), read)
    }

    /// Adds pictures. Returns their new number.
    ///
    /// # Errors
    /// Those of the store; a conflict if another server wrote meanwhile.
    pub(crate) async fn add_previews(
        &self,
        item_id: ItemId,
        pictures: &[Picture],
    ) -> Result<usize, store::Error> {
        let key = Key::Previews.of(item_id);
        let entry = in_time(self.kv.get(NAMESPACE, &key)).await?;
        let expect = entry.as_ref().map_or(Expect::Absent, |entry| Expect::Revision(entry.revision));
        let known: Previews = entry.as_ref().map_or_else(|| Ok(Previews::default()), read)?;
        let changed = pictures.iter().cloned().fold(known, Previews::with);
        self.set(&key, &changed, expect).await?;
        Ok(changed.pictures.len())
    }

    /// Deletes all entries of an item.
    ///
    /// # Errors
    /// Those of the store; some entries may then remain.
    pub(crate) async fn remove(&self, item_id: ItemId) -> Result<(), store::Error> {
        self.evict(item_id);
        loop {
            let page = in_time(self.kv.page(NAMESPACE, &Key::prefix(item_id), None, PAGE)).await?;
            for entry in &page.entries {
                in_time(self.kv.delete(NAMESPACE, &entry.key, None)).await?;
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Calls `each` with every blob of a manifest, and its item.
    ///
    /// # Errors
    /// Those of the store, and [`store::Error::Invalid`] for an entry that this version cannot read, whose
    /// blobs were not named.
    pub(crate) async fn blobs(&self, mut each: impl FnMut(ItemId, &Blob)) -> Result<(), store::Error> {
        let mut after = None;
        loop {
            let page = in_time(self.kv.page(NAMESPACE, "", after.as_deref(), PAGE)).await?;
            for entry in &page.entries {
                let (item_id, key) = Key::parse(&entry.key).ok_or_else(|| unreadable(&entry.key))?;
                match key {
                    Key::Head(_) => {
                        let head: TakeHead = read(entry)?;
                        head.inits().for_each(|blob| each(item_id, blob));
                    }
                    Key::Part(..) => {
                        let part: Part = read(entry)?;
                        let blobs = part.fragments.iter().flat_map(TakeFragment::blobs);
                        blobs.for_each(|blob| each(item_id, blob));
                    }
                    Key::Previews => {
                        let previews: Previews = read(entry)?;
                        previews.pictures.iter().for_each(|picture| each(item_id, &picture.blob));
                    }
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            after = Some(next);
        }
    }

    async fn set(&self, key: &str, value: &impl Serialize, expect: Expect) -> Result<Revision, store::Error> {
        let json = serde_json::to_vec(value).map_err(|error| store::Error::Invalid(error.to_string()))?;
        in_time(self.kv.compare_and_set(NAMESPACE, key, Bytes::from(json), None, expect)).await
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(takes: &Takes) -> usize {
    takes.values().map(Take::len).sum()
}

/// Whether an item with these takes should not grow, because the media that nodes still have must fit.
pub(crate) fn is_long(takes: &Takes) -> bool {
    count(takes) > MOST_FRAGMENTS - RESERVED_FRAGMENTS
}

/// Reads the takes from the entries of an item.
fn takes(entries: &[Entry]) -> Result<Takes, store::Error> {
    let mut takes = Takes::new();
    let keys = || entries.iter().filter_map(|entry| Key::parse(&entry.key).map(|(_, key)| (key, entry)));
    for (key, entry) in keys() {
        if let Key::Head(number) = key {
            takes.insert(number, Take::new(read(entry)?, entry.revision));
        }
    }
    for (key, entry) in keys() {
        if let Key::Part(number, index) = key
            && let Some(take) = takes.get_mut(&number)
        {
            let stored = StoredPart { part: read(entry)?, revision: entry.revision };
            take.parts.insert(index, Arc::new(stored));
        }
    }
    Ok(takes)
}

fn check(new: &NewTake, fragments: &[TakeFragment]) -> Result<(), Error> {
    let invalid = |message: &str| Err(Error::Invalid(message.into()));
    let mut formats = std::iter::once(&new.format).chain(&new.alternatives);
    if new.alternatives.len() > MOST_ALTERNATIVES || formats.any(|format| format.mime.len() > MIME_BYTES) {
        return invalid("the take has too many formats, or the name of one is too long");
    }
    for fragment in fragments {
        let numbers = [fragment.first_group, fragment.groups, fragment.start_ms, fragment.duration_ms];
        if fragment.groups == 0 || numbers.iter().any(|number| *number > MOST) {
            return invalid("a fragment has no groups or numbers that are too large");
        }
        if fragment.alternatives.len() != new.alternatives.len() {
            return invalid("a fragment is not in every format of its take");
        }
        if fragment.blobs().any(|blob| !is_hash(&blob.hash) || blob.bytes > MOST) {
            return invalid("a fragment's hash is not 64 lower-case hex digits");
        }
    }
    Ok(())
}

/// Whether `text` is a valid blob name.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T, store::Error> {
    serde_json::from_slice(&entry.value).map_err(|_| unreadable(&entry.key))
}

fn unreadable(key: &str) -> store::Error {
    store::Error::Invalid(format!("{NAMESPACE}: cannot read entry {key:?}"))
}

async fn in_time<T>(call: impl Future<Output = Result<T, store::Error>>) -> Result<T, store::Error> {
    let late = || store::Error::Unavailable(format!("no answer within {} s", STORE_TIMEOUT.as_secs()));
    timeout(STORE_TIMEOUT, call).await.unwrap_or_else(|_| Err(late()))
}
