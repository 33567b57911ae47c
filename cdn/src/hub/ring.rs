//! The bounded window of one stream: its newest chunks in order, and the init segments they need.
//!
//! ```text
//!        first                       newest key          end
//!          │ group 5     │ group 6     │ group 7          │
//!  gone …  [ k . . . . . | k . . . . . | k . . . . . . .  ]  … to come
//! ```
//!
//! A *position* counts every chunk ever pushed, so it stays valid while chunks before it are evicted. Chunks leave in
//! whole groups, oldest first. The newest group always stays, because it is where viewers join, unless it alone
//! outgrows [`RingLimits::group_bytes`]: then it loses chunks from its start, and joiners wait for the next keyframe.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use protocol::{event::ChunkName, message::MAX_CHUNK_BYTES};

use super::{
    budget::Account,
    layout::{Prefix, Stored},
};

/// Bytes that a chunk or an init segment costs besides its payload, so that many tiny ones are bounded too.
const OVERHEAD_BYTES: u64 = 512;

/// Smallest unit that is forwarded: self-contained media that a player appends after its take's init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its place in the stream.
    pub name: ChunkName,
    /// Whether it begins with a keyframe: a place to join.
    pub key: bool,
    /// Its first timestamp, in its take's time.
    pub pts_ms: u64,
    /// How much time it covers.
    pub duration_ms: u64,
    /// Server-clock time at which its first frame was captured, if the broadcaster told.
    pub captured_at_ms: Option<i64>,
    /// The bytes to append.
    pub data: Bytes,
}

/// What a player needs before any chunk of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitSegment {
    /// Which take it opens.
    pub take: u64,
    /// The type of the take's chunks, with codecs.
    pub mime: String,
    /// The bytes to append.
    pub data: Bytes,
}

impl InitSegment {
    fn bytes(&self) -> u64 {
        (self.data.len() + self.mime.len()) as u64 + OVERHEAD_BYTES
    }
}

/// Bounds of a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    /// How long a chunk is kept at least, if the node's byte budget allows.
    pub window_ms: u64,
    /// Most bytes of one group.
    pub group_bytes: u64,
}

/// Why a chunk could not be appended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Chunks come in the order of their names.
    #[error("chunk {found:?} does not come after {newest:?}")]
    OutOfOrder {
        /// The chunk.
        found: ChunkName,
        /// The newest one in the ring.
        newest: ChunkName,
    },
    /// A take's init segment comes before its chunks.
    #[error("take {0} has no init segment yet")]
    NoInit(u64),
    /// A chunk has at most [`MAX_CHUNK_BYTES`].
    #[error("chunk has {0} bytes, at most {MAX_CHUNK_BYTES} may come")]
    TooLarge(usize),
}

/// Chunks over which the rate of a stream is taken: some keyframes' worth, and no walk through the whole window at each heartbeat.
const RATED: usize = 64;

struct Entry {
    chunk: Arc<Stored>,
    arrived_ms: u64,
}

impl Entry {
    fn bytes(&self) -> u64 {
        self.chunk.data.len() as u64 + OVERHEAD_BYTES
    }
}

/// The bounded window of one stream, oldest chunk first. A position counts every chunk ever pushed, so it stays valid while
/// chunks before it are evicted. Times are milliseconds of any clock that does not run backwards.
pub struct Ring {
    entries: VecDeque<Entry>,
    first: u64,
    keys: VecDeque<u64>,
    newest_group_bytes: u64,
    inits: BTreeMap<u64, Arc<InitSegment>>,
    last_evicted: Option<ChunkName>,
    /// Chunks up to this one do not come any more.
    floor: Option<ChunkName>,
    /// Who reads before this position misses chunks that never came.
    gap: u64,
    /// All entries and init segments.
    bytes: u64,
    account: Account,
    limits: RingLimits,
    prefix: Prefix,
}

impl Ring {
    /// An empty ring with this account, whose chunks are laid out behind `prefix`.
    pub(super) fn new(limits: RingLimits, account: Account, prefix: Prefix) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            keys: VecDeque::new(),
            newest_group_bytes: 0,
            inits: BTreeMap::new(),
            last_evicted: None,
            floor: None,
            gap: 0,
            bytes: 0,
            account,
            limits,
            prefix,
        }
    }

    /// Keeps `init` for the chunks of its take.
    pub fn push_init(&mut self, init: InitSegment) {
        let take = init.take;
        self.bytes += init.bytes();
        if let Some(replaced) = self.inits.insert(take, Arc::new(init)) {
            self.bytes -= replaced.bytes();
        }
        self.forget_unused_init(take);
        if let Some((&before, _)) = self.inits.range(..take).next_back() {
            self.forget_unused_init(before);
        }
        self.settle();
    }

    /// Appends `chunk`, which arrived at `now_ms`, and evicts what the limits no longer allow.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] if it is not newer than the newest chunk, [`Error::NoInit`] if its take is unknown,
    /// [`Error::TooLarge`] if relays could not pass it on.
    pub fn push(&mut self, chunk: Chunk, now_ms: u64) -> Result<(), Error> {
        if let Some(newest) = self.newest_name().filter(|newest| *newest >= chunk.name) {
            return Err(Error::OutOfOrder { found: chunk.name, newest });
        }
        if !self.inits.contains_key(&chunk.name.take) {
            return Err(Error::NoInit(chunk.name.take));
        }
        if chunk.data.len() > MAX_CHUNK_BYTES {
            return Err(Error::TooLarge(chunk.data.len()));
        }
        if chunk.key {
            self.keys.push_back(self.end());
            self.newest_group_bytes = 0;
        }
        let entry = Entry { chunk: Arc::new(Stored::new(chunk, self.prefix)), arrived_ms: now_ms };
        self.newest_group_bytes += entry.bytes();
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        self.evict_older_than(now_ms.saturating_sub(self.limits.window_ms));
        self.bound_newest_group();
        self.settle();
        Ok(())
    }

    /// Position of the oldest chunk.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Position after the newest chunk.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The chunk at `position`, unless it left or has not come.
    pub fn chunk(&self, position: u64) -> Option<&Arc<Stored>> {
        Some(&self.entry(position)?.chunk)
    }

    /// When the chunk at `position` arrived.
    pub fn arrived_ms(&self, position: u64) -> Option<u64> {
        Some(self.entry(position)?.arrived_ms)
    }

    /// Position of the newest keyframe: where viewers join.
    pub fn newest_key(&self) -> Option<u64> {
        self.keys.back().copied()
    }

    /// Position of the newest keyframe that had come `back_ms` before the newest chunk did; the oldest if none had.
    pub fn key_back(&self, back_ms: u64) -> Option<u64> {
        let newest_ms = self.arrived_ms(self.end().checked_sub(1)?)?;
        let is_old_enough = |key: &u64| {
            self.arrived_ms(*key).is_some_and(|arrived_ms| newest_ms.saturating_sub(arrived_ms) >= back_ms)
        };
        let old_enough = self.keys.partition_point(is_old_enough);
        self.keys.get(old_enough.saturating_sub(1)).copied()
    }

    /// Position of the oldest keyframe from `position` on.
    pub fn key_from(&self, position: u64) -> Option<u64> {
        self.keys.get(self.keys.partition_point(|key| *key < position)).copied()
    }

    /// The init segment of `take`, known as long as one of its chunks is here or could still come.
    pub fn init(&self, take: u64) -> Option<&Arc<InitSegment>> {
        self.inits.get(&take)
    }

    /// The chunk that was pushed last.
    pub fn newest_name(&self) -> Option<ChunkName> {
        self.entries.back().map(|entry| entry.chunk.name).or(self.last_evicted.max(self.floor))
    }

    /// Position after the last chunks that are missing.
    pub fn gap_end(&self) -> u64 {
        self.gap
    }

    /// Chunks are missing between those here and the next one: what is here goes, so that nobody reads across the gap
    /// without being told.
    pub fn gap(&mut self) {
        self.floor = self.newest_name();
        while !self.entries.is_empty() {
            self.evict_oldest_chunk();
        }
        self.last_evicted = None;
        // Also for who has read everything until now.
        self.first += 1;
        self.gap = self.first;
        self.settle();
    }

    /// The next chunk is the one after `last`. If `last` never came here, there is a [gap](Ring::gap), and who has `last`
    /// from elsewhere misses nothing.
    pub fn follow(&mut self, last: ChunkName) {
        let newest = self.newest_name();
        if newest >= Some(last) {
            return;
        }
        if newest.is_some() {
            self.gap();
        }
        self.last_evicted = Some(last);
    }

    /// The chunk right before the oldest, as far as that is known.
    pub fn last_evicted(&self) -> Option<ChunkName> {
        self.last_evicted
    }

    /// Position of the chunk called `name`; if there is none, where it would be.
    pub fn find(&self, name: ChunkName) -> Result<u64, u64> {
        let found = self.entries.binary_search_by_key(&name, |entry| entry.chunk.name);
        found.map(|index| self.first + index as u64).map_err(|index| self.first + index as u64)
    }

    /// Gives up the oldest group, or the oldest chunk of the only one; false if one chunk is left.
    pub(super) fn give_way(&mut self) -> bool {
        let gave = self.evict_oldest_group() || self.evict_oldest_of_many();
        self.settle();
        gave
    }

    /// Bytes of its newest chunks for each second that they cover; 0 while it has none.
    pub fn bytes_per_s(&self) -> u64 {
        let chunks = self.entries.iter().rev().take(RATED).map(|entry| &entry.chunk);
        let sum = |sum: (u64, u64), chunk: &Arc<Stored>| {
            (sum.0.saturating_add(chunk.data.len() as u64), sum.1.saturating_add(chunk.duration_ms))
        };
        let (bytes, ms) = chunks.fold((0, 0), sum);
        bytes.saturating_mul(1000).checked_div(ms).unwrap_or(0)
    }

    /// Counts towards no budget from now on.
    pub(super) fn leave_budget(&mut self) {
        self.account.close();
    }

    /// Tells the budget what is held.
    fn settle(&mut self) {
        self.account.set(self.bytes, self.entries.len() > 1);
    }

    fn entry(&self, position: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(position.checked_sub(self.first)?).ok()?)
    }

    /// Where the second oldest group begins. The oldest may have lost its own start.
    fn second_group(&self) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key > self.first)
    }

    /// When the newest chunk of the oldest group arrived, if that group may leave.
    fn oldest_group_arrived_ms(&self) -> Option<u64> {
        self.arrived_ms(self.second_group()? - 1)
    }

    fn evict_older_than(&mut self, horizon_ms: u64) {
        while self.oldest_group_arrived_ms().is_some_and(|arrived_ms| arrived_ms < horizon_ms) {
            self.evict_oldest_group();
        }
    }

    /// Evicts the oldest group; false if there is only the newest.
    fn evict_oldest_group(&mut self) -> bool {
        let Some(boundary) = self.second_group() else { return false };
        while self.first < boundary {
            self.evict_oldest_chunk();
        }
        true
    }

    /// Evicts the oldest chunk; false if it is the only one.
    fn evict_oldest_of_many(&mut self) -> bool {
        let evicts = self.entries.len() > 1;
        if evicts {
            self.evict_oldest_chunk();
        }
        evicts
    }

    fn bound_newest_group(&mut self) {
        if self.newest_group_bytes > self.limits.group_bytes {
            while self.evict_oldest_group() {}
            while self.newest_group_bytes > self.limits.group_bytes && self.evict_oldest_of_many() {}
        }
    }

    fn evict_oldest_chunk(&mut self) {
        let in_newest_group = self.second_group().is_none();
        let Some(gone) = self.entries.pop_front() else { return };
        self.bytes -= gone.bytes();
        if in_newest_group {
            self.newest_group_bytes -= gone.bytes();
        }
        self.last_evicted = Some(gone.chunk.name);
        self.first += 1;
        while self.keys.front().is_some_and(|key| *key < self.first) {
            self.keys.pop_front();
        }
        self.forget_unused_init(gone.chunk.name.take);
    }

    /// Forgets the init segment of a take that has no chunks here and is not the newest.
    fn forget_unused_init(&mut self, take: u64) {
        let is_newest = self.inits.last_key_value().is_none_or(|(newest, _)| *newest == take);
        if !is_newest
            && !self.has_chunks(take)
            && let Some(unused) = self.inits.remove(&take)
        {
            self.bytes -= unused.bytes();
        }
    }

    fn has_chunks(&self, take: u64) -> bool {
        let (Ok(position) | Err(position)) = self.find(ChunkName { take, group: 0, index: 0 });
        self.chunk(position).is_some_and(|chunk| chunk.name.take == take)
    }
}
