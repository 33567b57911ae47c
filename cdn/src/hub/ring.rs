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
    mem,
    sync::Arc,
};

use bytes::Bytes;
use protocol::{event::ChunkName, message::MAX_CHUNK_BYTES};

use super::{
    budget::Usage,
    layout::{Prefix, Stored},
};

/// Bytes an entry costs besides its payload, so that many tiny chunks are bounded too.
const OVERHEAD_BYTES: u64 = 256;

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
    usage: Usage,
    limits: RingLimits,
    prefix: Prefix,
}

impl Ring {
    /// An empty ring whose bytes count towards `usage`, and whose chunks are laid out behind `prefix`.
    pub fn new(limits: RingLimits, usage: Usage, prefix: Prefix) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            keys: VecDeque::new(),
            newest_group_bytes: 0,
            inits: BTreeMap::new(),
            last_evicted: None,
            floor: None,
            gap: 0,
            usage,
            limits,
            prefix,
        }
    }

    /// Keeps `init` for the chunks of its take.
    pub fn push_init(&mut self, init: InitSegment) {
        self.usage.add(init.data.len() as u64);
        if let Some(replaced) = self.inits.insert(init.take, Arc::new(init)) {
            self.usage.sub(replaced.data.len() as u64);
        }
        self.forget_unused_inits();
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
        self.usage.add(entry.bytes());
        self.entries.push_back(entry);
        self.evict_older_than(now_ms.saturating_sub(self.limits.window_ms));
        self.bound_newest_group();
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
        self.keys.iter().rev().copied().find(is_old_enough).or(self.keys.front().copied())
    }

    /// Position of the oldest keyframe from `position` on.
    pub fn key_from(&self, position: u64) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key >= position)
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

    /// When the newest chunk of the oldest group arrived, if that group may leave.
    pub fn oldest_group_arrived_ms(&self) -> Option<u64> {
        self.arrived_ms(self.second_group()? - 1)
    }

    /// Lets the oldest group go; false if there is only the newest.
    pub fn evict_oldest_group(&mut self) -> bool {
        let Some(boundary) = self.second_group() else { return false };
        while self.first < boundary {
            self.evict_oldest_chunk();
        }
        self.forget_unused_inits();
        true
    }

    /// Lets the oldest chunk of the newest group go, after the groups before it; false if one chunk is left.
    pub fn shrink_newest_group(&mut self) -> bool {
        while self.evict_oldest_group() {}
        if self.entries.len() < 2 {
            return false;
        }
        self.evict_oldest_chunk();
        true
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

    /// Bytes of the newest group.
    pub fn newest_group_bytes(&self) -> u64 {
        self.newest_group_bytes
    }

    /// Counts towards nobody's usage from now on.
    pub(super) fn leave_budget(&mut self) {
        let held_bytes = self.held_bytes();
        self.usage.sub(held_bytes);
        self.usage = Usage::default();
        self.usage.add(held_bytes);
    }

    fn entry(&self, position: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(position.checked_sub(self.first)?).ok()?)
    }

    /// Where the second oldest group begins. The oldest may have lost its own start.
    fn second_group(&self) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key > self.first)
    }

    fn evict_older_than(&mut self, horizon_ms: u64) {
        while self.oldest_group_arrived_ms().is_some_and(|arrived_ms| arrived_ms < horizon_ms) {
            self.evict_oldest_group();
        }
    }

    fn bound_newest_group(&mut self) {
        while self.newest_group_bytes > self.limits.group_bytes && self.shrink_newest_group() {}
    }

    fn evict_oldest_chunk(&mut self) {
        let in_newest_group = self.second_group().is_none();
        let Some(gone) = self.entries.pop_front() else { return };
        self.usage.sub(gone.bytes());
        if in_newest_group {
            self.newest_group_bytes -= gone.bytes();
        }
        self.last_evicted = Some(gone.chunk.name);
        self.first += 1;
        while self.keys.front().is_some_and(|key| *key < self.first) {
            self.keys.pop_front();
        }
    }

    /// Keeps the newest take's init segment and those of takes that have chunks here.
    fn forget_unused_inits(&mut self) {
        let Some(newest) = self.inits.keys().next_back().copied() else { return };
        let mut inits = mem::take(&mut self.inits);
        inits.retain(|take, init| {
            let used = *take == newest || self.has_chunks(*take);
            if !used {
                self.usage.sub(init.data.len() as u64);
            }
            used
        });
        self.inits = inits;
    }

    fn has_chunks(&self, take: u64) -> bool {
        let (Ok(position) | Err(position)) = self.find(ChunkName { take, group: 0, index: 0 });
        self.chunk(position).is_some_and(|chunk| chunk.name.take == take)
    }

    fn held_bytes(&self) -> u64 {
        let entries: u64 = self.entries.iter().map(Entry::bytes).sum();
        let inits: u64 = self.inits.values().map(|init| init.data.len() as u64).sum();
        entries + inits
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.usage.sub(self.held_bytes());
    }
}
