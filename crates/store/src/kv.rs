//! Namespaces of entries that all processes see alike: the contract that both engines keep.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use crate::Namespace;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// Largest value, in bytes: half of what a NATS server accepts in one message by default.
pub const MAX_VALUE_BYTES: usize = 512 * 1024;

/// Why the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached or cannot write: says why. Whether a write happened is then not known.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// The entry is not as it was expected; nothing was written.
    #[error("the entry was changed by another writer")]
    Conflict,
    /// The store works, but other writers were first for too long; nothing was written.
    #[error("too many writers at the same time")]
    Busy,
    /// Changes after that revision are not all known any more: watch from the start.
    #[error("changes since that revision are no longer known")]
    Compacted,
    /// The server that keeps the store is older than this program needs.
    #[error("the NATS server has version {found:?}, version {needed} or newer is needed")]
    OldServer {
        /// The server's.
        found: String,
        /// The oldest that is supported.
        needed: &'static str,
    },
    /// The store was written by a newer version of this program.
    #[error("the store's schema is version {found}, this program knows up to {known}: run a newer program")]
    TooNew {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The store was written by an older version of this program, and is only to be read.
    #[error(
        "the store's schema is version {found}, this program's is {known}: start a main server of this version on the \
         store first, or use the program that wrote it"
    )]
    TooOld {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// There is no store, and none is to be made; says where it would be.
    #[error("there is no store at {0}")]
    Missing(String),
    /// The value is too large or the key is invalid: says which.
    #[error("{0}")]
    Invalid(String),
}

/// The number of a write; it grows with every write to the store, over all namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every write: that of what the store does not have yet.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// What is kept.
    pub value: Bytes,
    /// The write it comes from.
    pub revision: Revision,
    /// How long it stays unless it is written again; for ever without.
    pub lease: Option<Duration>,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Entries, by key.
    pub entries: Vec<Entry>,
    /// The key after which the next page begins; `None` on the last one.
    pub next: Option<String>,
}

impl Page {
    /// The first `limit` of `entries`, which are by key and one more than that if there are more.
    pub(crate) fn of(mut entries: Vec<Entry>, limit: usize) -> Self {
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_more).map(|entry| entry.key.clone());
        Self { entries, next }
    }
}

/// Leaves the value out: it may be a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, revision, lease } = self;
        write!(f, "Entry({key:?}, {} bytes, revision {revision}, lease {lease:?})", value.len())
    }
}

/// What an entry has to be for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Not there.
    Absent,
    /// From this write.
    Revision(Revision),
}

/// What a [`Watch`] shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An entry that is there.
    Put(Entry),
    /// An entry is gone; perhaps one that the watcher never saw.
    Deleted {
        /// Its key.
        key: String,
        /// The deletion.
        revision: Revision,
    },
    /// All that was there when the watch began has been shown. Comes once.
    Current,
}

impl Event {
    /// The key of the entry, `None` for [`Event::Current`].
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Put(Entry { key, .. }) | Self::Deleted { key, .. } => Some(key),
            Self::Current => None,
        }
    }

    /// The write that it comes from; [`Revision::NONE`] if it comes from none.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Deleted { revision, .. } => *revision,
            Self::Current => Revision::NONE,
        }
    }
}

/// Changes of a namespace, in order. After an error or the end, the store may still work: watch again.
pub type Watch = BoxStream<'static, Result<Event, Error>>;

/// An entry that stays only until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its key.
    pub key: String,
    /// The write it comes from.
    pub revision: Revision,
    /// How long it stays after that write.
    pub lease: Duration,
}

/// Entries with a lease as they are written. After an error or the end, the store may still work: watch again.
pub type LeaseWatch = BoxStream<'static, Result<Leased, Error>>;

/// Whether the store can be used, as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The last write worked. After one that did not, the engine tries by itself until one does.
    pub writable: bool,
    /// The servers are reachable; always so where there are none.
    pub connected: bool,
}

impl Health {
    /// Nothing is wrong.
    pub const GOOD: Self = Self { writable: true, connected: true };
}

/// A key-value store with revisions.
///
/// - A write that returned `Ok` lasts: it is on the disk, or acknowledged by most servers of a cluster.
/// - Every write gets a [`Revision`], greater than that of every write before it, in any namespace.
/// - [`Kv::compare_and_set`] lets exactly one of several writers win; the others get [`Error::Conflict`].
/// - A [`Watch`] shows changes in the order of their revisions. Of several changes to one key only the newest is sure to
///   come: a slow watcher gets fewer, never a queue that grows, and what it knows in the end is right.
/// - An entry with a lease is deleted when it was not written again for that long; [`crate::leases`] sees to it.
///
/// Every call may fail with [`Error::Unavailable`]. Dropping a call that writes leaves open whether it happens.
#[async_trait]
pub trait Kv: Send + Sync + 'static {
    /// The entry at `key`: every write that was acknowledged before the call is seen.
    async fn get(&self, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error>;

    /// Every entry of a namespace whose key begins with `prefix`, by key. An empty prefix is all of them. NATS finds a
    /// prefix that ends with `/` without a look at other keys.
    async fn entries(&self, namespace: Namespace, prefix: &str) -> Result<Vec<Entry>, Error>;

    /// The first `limit` of those entries after the key `after`. What is written between two calls may be missed or shown.
    async fn page(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error>;

    /// Every entry of every namespace, by namespace and key: as of one moment with SQLite, as of some moment each with NATS.
    async fn snapshot(&self) -> Result<Vec<(Namespace, Entry)>, Error>;

    /// Writes an entry if what is there is what is expected, or whatever is there if nothing is. Its lease restarts now.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond [`MAX_KEY_BYTES`] or [`MAX_VALUE_BYTES`], or for an empty key; [`Error::Conflict`] if something
    /// else is there.
    async fn set(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
        expect: Option<Expect>,
    ) -> Result<Revision, Error>;

    /// Writes an entry unconditionally: see [`Self::set`].
    async fn put(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
    ) -> Result<Revision, Error> {
        self.set(namespace, key, value, lease, None).await
    }

    /// Writes an entry if what is there is what is expected: see [`Self::set`].
    async fn compare_and_set(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
        expect: Expect,
    ) -> Result<Revision, Error> {
        self.set(namespace, key, value, lease, Some(expect)).await
    }

    /// Removes an entry, if it comes from the write that is expected. Removing what is not there is no error, unless
    /// something is expected.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it comes from another write or is gone.
    async fn delete(&self, namespace: Namespace, key: &str, expect: Option<Revision>) -> Result<(), Error>;

    /// Shows a namespace's entries whose keys begin with `prefix`, then [`Event::Current`], then changes of such entries. With
    /// `after`, instead of the entries what has changed after that revision, deletions too.
    ///
    /// # Errors
    /// [`Error::Compacted`] if deletions after `after` may be forgotten already. The watch itself may end with it too.
    async fn watch(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<Revision>,
    ) -> Result<Watch, Error>;

    /// Shows every entry with a lease, of all namespaces, then each such entry when it is written. An entry that was
    /// deleted or lost its lease is not shown.
    async fn leases(&self) -> Result<LeaseWatch, Error>;

    /// Whether the engine has answered a write within the last `span`: then another that takes longer waits for its turn, and
    /// the engine is not away. An engine that always answers at once does not keep track.
    fn has_answered_within(&self, span: Duration) -> bool {
        let _ = span;
        false
    }

    /// Whether the store can be used.
    fn health(&self) -> watch::Receiver<Health>;
}

/// What every engine checks before it writes.
pub(crate) fn check(key: &str, value: &[u8]) -> Result<(), Error> {
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(Error::Invalid(format!("a key has 1 to {MAX_KEY_BYTES} bytes, not {}", key.len())));
    }
    if value.len() > MAX_VALUE_BYTES {
        let rule = format!("entry {key:?} has {} bytes, the limit is {MAX_VALUE_BYTES}", value.len());
        return Err(Error::Invalid(rule));
    }
    Ok(())
}
