//! The bounded window of one stream: its newest runs of frames in order, and the renditions of their takes.
//!
//! ```text
//!        first                       newest key          end
//!          │ group 5     │ group 6     │ group 7          │
//!  gone …  [ k . . . . . | k . . . . . | k . . . . . . .  ]  … to come
//! ```
//!
//! A *position* counts every run ever pushed, so it stays valid while runs before it are evicted. Runs leave in
//! whole groups, oldest first. The newest group always stays, because it is where viewers join, unless it alone
//! outgrows [`RingLimits::group_bytes`]: then it loses runs from its start, and joiners wait for the next keyframe.
//!
//! What leaves, and when, is in [`eviction`](super::eviction); how a run becomes a chunk of a format, in [`rendering`](super::rendering).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use media::{Run, Track};
use protocol::{
    event::{ChunkHead, FrameName},
    message::MAX_CHUNK_BYTES,
};

use super::{
    budget::{Account, Budget},
    entry::{Entry, OVERHEAD_BYTES},
    span::Span,
};
use crate::rendition::{Prefix, Renditions};

/// Bounds of a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    /// How long a run is kept at least, if the node's byte budget allows.
    pub window_ms: u64,
    /// Most bytes of one group.
    pub group_bytes: u64,
}

/// Why a run could not be appended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Runs come in the order of their names.
    #[error("run {found:?} does not come after {newest:?}")]
    OutOfOrder {
        /// Its first frame.
        found: FrameName,
        /// The newest run in the ring.
        newest: Span,
    },
    /// A take's tracks come before its runs.
    #[error("take {0} has no tracks yet")]
    NoTracks(u64),
    /// A take has the same tracks as long as runs of it are here.
    #[error("take {0} has other tracks already")]
    OtherTracks(u64),
    /// A run has frames, and only of its take's tracks.
    #[error("run of take {0} has no frames, or frames of an unknown track")]
    Frames(u64),
    /// A chunk has at most [`MAX_CHUNK_BYTES`].
    #[error("run has {0} bytes as a chunk, the limit is {MAX_CHUNK_BYTES}")]
    TooLarge(u64),
}

/// Bytes that a segment may have besides twice what the newest run has of it.
const SEGMENT_SLACK_BYTES: u64 = 64 << 10;

/// Runs over which the rate of a stream is taken: some keyframes' worth, and no walk through the whole window at each heartbeat.
const RATED: usize = 64;

/// The bounded window of one stream, oldest run first. Times are milliseconds of any clock that does not run backwards.
pub struct Ring {
    pub(super) entries: VecDeque<Entry>,
    pub(super) first: u64,
    pub(super) keys: VecDeque<u64>,
    /// What the newest group's runs cost without chunks.
    pub(super) newest_group_bytes: u64,
    pub(super) takes: BTreeMap<u64, Renditions>,
    pub(super) last_evicted: Option<Span>,
    /// Runs up to this one do not come any more.
    floor: Option<Span>,
    /// Readers before this position miss runs that never arrived.
    gap: u64,
    /// All entries and renditions.
    pub(super) bytes: u64,
    account: Account,
    pub(super) limits: RingLimits,
    pub(super) prefix: Prefix,
}

impl Ring {
    /// An empty ring with this account, whose chunks are laid out behind `prefix`.
    pub(super) fn new(limits: RingLimits, account: Account, prefix: Prefix) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            keys: VecDeque::new(),
            newest_group_bytes: 0,
            takes: BTreeMap::new(),
            last_evicted: None,
            floor: None,
            gap: 0,
            bytes: 0,
            account,
            limits,
            prefix,
        }
    }

    /// The runs of `take` have these tracks.
    ///
    /// # Errors
    /// [`Error::OtherTracks`] if some are here that have others.
    pub fn push_tracks(&mut self, take: u64, tracks: Arc<[Track]>) -> Result<(), Error> {
        match self.takes.get(&take) {
            Some(known) if *known.tracks() == tracks => return Ok(()),
            Some(_) if self.has_runs(take) => return Err(Error::OtherTracks(take)),
            _ => {}
        }
        let renditions = Renditions::new(tracks);
        self.bytes += take_bytes(&renditions);
        if let Some(replaced) = self.takes.insert(take, renditions) {
            self.bytes -= take_bytes(&replaced);
        }
        self.forget_unused_take(take);
        if let Some((&before, _)) = self.takes.range(..take).next_back() {
            self.forget_unused_take(before);
        }
        self.tell_budget();
        Ok(())
    }

    /// Appends a run of `take`, which arrived at `now_ms`, and evicts what the limits no longer allow.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] if it does not come after the newest run, [`Error::NoTracks`] if its take is unknown,
    /// [`Error::Frames`] if it does not fit that, [`Error::TooLarge`] if relays could not pass it on.
    pub fn push(
        &mut self,
        take: u64,
        run: Run,
        captured_at_ms: Option<i64>,
        now_ms: u64,
    ) -> Result<(), Error> {
        let head = head(take, &run, captured_at_ms);
        if let Some(newest) = self.newest().filter(|newest| !newest.is_before(head.name)) {
            return Err(Error::OutOfOrder { found: head.name, newest });
        }
        let tracks = self.takes.get(&take).ok_or(Error::NoTracks(take))?.tracks().len();
        if run.frames.is_empty() || run.frames.iter().any(|frame| frame.track >= tracks) {
            return Err(Error::Frames(take));
        }
        let most_bytes = media::most_chunk_bytes(&run);
        if most_bytes > MAX_CHUNK_BYTES {
            return Err(Error::TooLarge(most_bytes as u64));
        }
        let entry = Entry::new(head, run, now_ms);
        if let Some(before) = self.entries.back_mut() {
            before.settle();
        }
        if head.key {
            self.keys.push_back(self.end());
            self.newest_group_bytes = 0;
        }
        self.newest_group_bytes += entry.run_bytes();
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        self.evict_older_than(now_ms.saturating_sub(self.limits.window_ms));
        self.bound_newest_group();
        self.tell_budget();
        Ok(())
    }

    /// A segment of so many bytes is done. Where the newest run has little of it, the run gets memory of its own: it would keep all of
    /// the segment, uncounted, until the next run arrives.
    pub fn segment_done(&mut self, segment_bytes: u64) {
        if let Some(newest) = self.entries.back_mut()
            && segment_bytes > 2 * newest.data_bytes() + SEGMENT_SLACK_BYTES
        {
            newest.settle();
        }
    }

    /// Position of the oldest run.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Position after the newest run.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Name and times of the run at `position`, unless it left or has not come.
    pub fn head(&self, position: u64) -> Option<&ChunkHead> {
        Some(&self.entry(position)?.head)
    }

    /// When the run at `position` arrived.
    pub fn arrived_ms(&self, position: u64) -> Option<u64> {
        Some(self.entry(position)?.arrived_ms)
    }

    /// Position of the newest keyframe: where viewers join.
    pub fn newest_key(&self) -> Option<u64> {
        self.keys.back().copied()
    }

    /// Position of the newest keyframe that had come `back_ms` before the newest run did; the oldest if none had.
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

    /// The renditions of `take`, known while the ring has one of its runs or could still get one.
    pub fn renditions(&self, take: u64) -> Option<&Renditions> {
        self.takes.get(&take)
    }

    /// The run that was pushed last.
    pub fn newest(&self) -> Option<Span> {
        let gone = self.last_evicted.into_iter().chain(self.floor).max_by_key(|span| span.first);
        self.entries.back().map(|entry| Span::from(&entry.head)).or(gone)
    }

    /// The first frame of the run that was pushed last.
    pub fn newest_name(&self) -> Option<FrameName> {
        self.newest().map(|newest| newest.first)
    }

    /// Position after the last runs that are missing.
    pub fn gap_end(&self) -> u64 {
        self.gap
    }

    /// Runs are missing between those in the ring and the next one. The ring is emptied, so that no reader continues across the
    /// gap without `skipped`.
    pub fn gap(&mut self) {
        self.floor = self.newest();
        while !self.entries.is_empty() {
            self.evict_oldest();
        }
        self.last_evicted = None;
        // Also for readers that have everything until now.
        self.first += 1;
        self.gap = self.first;
        self.tell_budget();
    }

    /// The next run is the one after `last`. If `last` never arrived here, there is a [gap](Ring::gap), and readers that have
    /// `last` from elsewhere miss nothing.
    pub fn follow(&mut self, last: Span) {
        let newest = self.newest();
        if newest.is_some_and(|newest| newest.first >= last.first) {
            return;
        }
        if newest.is_some() {
            self.gap();
        }
        self.last_evicted = Some(last);
    }

    /// The run right before the oldest, as far as that is known.
    pub fn last_evicted(&self) -> Option<Span> {
        self.last_evicted
    }

    /// Position of the run that holds `frame`; if there is none, where it would be.
    pub fn find(&self, frame: FrameName) -> Result<u64, u64> {
        let after = self.entries.partition_point(|entry| entry.head.name <= frame);
        let holds = after.checked_sub(1).filter(|at| Span::from(&self.entries[*at].head).holds(frame));
        holds.map(|at| self.first + at as u64).ok_or(self.first + after as u64)
    }

    /// Bytes of its newest runs for each second that they cover; 0 while it has none.
    pub fn bytes_per_s(&self) -> u64 {
        let sum = |sum: (u64, u64), entry: &Entry| {
            (sum.0.saturating_add(entry.data_bytes()), sum.1.saturating_add(entry.head.duration_ms))
        };
        let (bytes, ms) = self.entries.iter().rev().take(RATED).fold((0, 0), sum);
        bytes.saturating_mul(1000).checked_div(ms).unwrap_or(0)
    }

    /// Counts towards no budget from now on.
    pub(super) fn leave_budget(&mut self) {
        self.account.close();
    }

    /// The budget that its bytes count towards, if any.
    pub fn budget(&self) -> Option<&Budget> {
        self.account.budget()
    }

    /// Tells the budget what is held.
    pub(super) fn tell_budget(&mut self) {
        self.account.set(self.bytes, self.entries.len() > 1);
    }

    fn entry(&self, position: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(position.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn has_runs(&self, take: u64) -> bool {
        let (Ok(position) | Err(position)) = self.find(FrameName { take, group: 0, index: 0 });
        self.head(position).is_some_and(|head| head.name.take == take)
    }
}

pub(super) fn take_bytes(renditions: &Renditions) -> u64 {
    renditions.bytes() as u64 + OVERHEAD_BYTES
}

fn head(take: u64, run: &Run, captured_at_ms: Option<i64>) -> ChunkHead {
    ChunkHead {
        name: FrameName { take, group: run.group, index: run.index },
        frames: u32::try_from(run.frames.len()).unwrap_or(u32::MAX),
        key: run.key(),
        pts_ms: run.pts_us() / 1000,
        duration_ms: run.duration_us() / 1000,
        captured_at_ms,
    }
}
