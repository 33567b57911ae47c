//! Reads a stream's ring for the recorder: every run once, in order, as a chunk of its take's default format.
//!
//! A viewer that fell behind skips to the newest group; a recorder continues at the oldest that is left, because it need not be live.
//! The stream's lock is held for a few chunks at a time, which viewers of that format need too.

use std::sync::Arc;

use protocol::event::FrameName;

use super::spool::{NewRun, TakeHead};
use crate::{
    hub::{Ring, SharedStream, Span},
    lock::lock,
    metrics::Metrics,
    rendition::Renditions,
};

/// Most runs that are read under one lock.
const MOST_RUNS: usize = 16;
/// Bytes after which no further run is read under one lock.
const MOST_BYTES: usize = 1 << 20;

/// See the [module](self).
pub(super) struct Reader {
    stream: SharedStream,
    metrics: Arc<Metrics>,
    /// Of the next run.
    position: u64,
    /// See [`Self::follows`].
    follows: bool,
    /// Whether the ring had runs between that one and the next one.
    lagged: bool,
    /// Of the last run.
    take: Option<Arc<TakeHead>>,
}

impl Reader {
    /// Begins after the frame `last`, if the ring has what follows it, or else at its oldest group.
    pub(super) fn new(stream: &SharedStream, last: Option<FrameName>, metrics: Arc<Metrics>) -> Self {
        let (position, follows) = {
            let stream = lock(stream);
            let ring = stream.ring();
            match last.and_then(|last| after(ring, last)) {
                Some(position) => (position, true),
                None => (oldest_group(ring), false),
            }
        };
        Self { stream: stream.clone(), metrics, position, follows, lagged: false, take: None }
    }

    /// Whether the next run is known to be the one right after the last that was read, here or before it began.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// The position after the last run that was read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next runs, none while all were read. Chunks may be made for it.
    pub(super) fn read(&mut self) -> Vec<NewRun> {
        let shared = self.stream.clone();
        let mut stream = lock(&shared);
        let ring = stream.ring_mut();
        if self.position < ring.first() {
            // A gap is no fault of the reader.
            if self.position >= ring.gap_end() {
                self.metrics.recording_lags.add(1);
            }
            // Right before a gap it had read all that there was.
            self.lagged |= self.position + 1 != ring.gap_end();
            (self.position, self.follows) = (oldest_group(ring), false);
        }
        let (mut runs, mut bytes) = (Vec::new(), 0);
        while runs.len() < MOST_RUNS
            && bytes < MOST_BYTES
            && let Some(run) = self.next(ring)
        {
            bytes += run.chunk.data.len();
            runs.push(run);
        }
        let budget = ring.budget().cloned();
        drop(stream);
        if let Some(budget) = budget {
            budget.enforce();
        }
        runs
    }

    fn next(&mut self, ring: &mut Ring) -> Option<NewRun> {
        while self.position < ring.end() {
            let position = self.position;
            self.position += 1;
            let number = ring.head(position)?.name.take;
            let chunk = ring.renditions(number).and_then(|renditions| {
                let format = renditions.choose(None)?;
                let known = self.take.take().filter(|take| take.number() == number);
                self.take = known.or_else(|| TakeHead::of(number, renditions));
                Some(format)
            });
            let chunk = chunk.and_then(|format| ring.chunk(position, format));
            // A run that cannot be written in any format is a hole.
            let follows = std::mem::replace(&mut self.follows, chunk.is_some());
            if let (Some(chunk), Some(take)) = (chunk, self.take.clone()) {
                let lagged = std::mem::take(&mut self.lagged);
                return Some(NewRun { chunk, take, follows, lagged });
            }
        }
        None
    }
}

/// The position right after the run that holds `last`.
fn after(ring: &Ring, last: FrameName) -> Option<u64> {
    match ring.find(last) {
        Ok(position) => Some(position + 1),
        Err(position) if position == ring.first() => {
            let evicted = ring.last_evicted().is_some_and(|evicted| evicted.holds(last));
            let next = ring.head(position);
            let continues = next.is_some_and(|next| Span::around(last).continues_with(next.name));
            (evicted || continues).then_some(position)
        }
        Err(_) => None,
    }
}

fn oldest_group(ring: &Ring) -> u64 {
    ring.key_from(ring.first()).unwrap_or(ring.end())
}

impl TakeHead {
    /// Of a take in its default format; none if it cannot be written.
    fn of(take: u64, renditions: &Renditions) -> Option<Arc<Self>> {
        let init = renditions.init(renditions.choose(None)?)?;
        Some(Arc::new(Self::new(take, init.mime.clone(), init.data.clone())))
    }
}

#[cfg(test)]
mod tests {
    use protocol::{StreamId, event::FrameName, stream::Visibility};

    use super::*;
    use crate::hub::{
        Hub, HubLimits, RingLimits,
        samples::{run, tracks},
    };

    const FORMAT: protocol::Format = protocol::Format::WebM;

    fn name(take: u64, group: u64, index: u32) -> FrameName {
        FrameName { take, group, index }
    }

    /// A stream of take 0, which keeps a second.
    fn stream() -> SharedStream {
        let ring = RingLimits { window_ms: 1000, group_bytes: 1 << 20 };
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 30, streams: 1 }, |_, _| {});
        let stream = hub.open(StreamId::new("a", 1), Visibility::Public).unwrap();
        lock(&stream).ring_mut().push_tracks(0, tracks()).unwrap();
        stream
    }

    /// Appends groups of two runs, half a second each.
    fn push(stream: &SharedStream, groups: std::ops::Range<u64>) {
        for group in groups {
            for index in [0, 1] {
                let run = run(name(0, group, index), 1, 100);
                lock(stream).ring_mut().push(0, run, None, 500 * group).unwrap();
            }
        }
    }

    /// The names of what was read, and whether each follows the one before.
    fn read(reader: &mut Reader) -> Vec<(u64, u32, bool)> {
        named(reader.read())
    }

    fn named(runs: Vec<NewRun>) -> Vec<(u64, u32, bool)> {
        let runs = runs.into_iter();
        runs.map(|run| (run.chunk.head.name.group, run.chunk.head.name.index, run.follows)).collect()
    }

    #[test]
    fn a_recorder_shares_the_chunks_of_viewers_and_takes_few_under_one_lock() {
        let stream = stream();
        push(&stream, 0..3);
        let of_viewers: Vec<_> =
            (0..6).map(|position| lock(&stream).ring_mut().chunk(position, FORMAT).unwrap()).collect();
        let bytes = lock(&stream).ring().budget().unwrap().bytes();
        let mut reader = Reader::new(&stream, None, Arc::default());
        let runs = reader.read();
        assert!(runs.iter().zip(&of_viewers).all(|(run, chunk)| Arc::ptr_eq(&run.chunk, chunk)));
        assert_eq!(runs.len(), 6);
        assert_eq!(lock(&stream).ring().budget().unwrap().bytes(), bytes, "nothing was made for it");
        assert!(reader.read().is_empty());
        let many: Vec<_> =
            (6..6 + 2 * MOST_RUNS as u32).map(|index| run(name(0, 3, index - 6), 1, 10)).collect();
        many.into_iter().for_each(|run| lock(&stream).ring_mut().push(0, run, None, 1500).unwrap());
        assert_eq!([reader.read().len(), reader.read().len()], [MOST_RUNS; 2]);
    }

    #[test]
    fn a_recorder_that_is_late_continues_at_the_oldest_group_and_is_counted() {
        let (stream, metrics) = (stream(), Arc::<Metrics>::default());
        push(&stream, 0..1);
        let mut reader = Reader::new(&stream, None, metrics.clone());
        assert_eq!(read(&mut reader), [(0, 0, false), (0, 1, true)]);
        push(&stream, 1..9);
        let late = reader.read();
        assert!(late[0].lagged && late[1..].iter().all(|run| !run.lagged));
        let rest = named(late);
        assert_eq!((rest[0], rest[1]), ((6, 0, false), (6, 1, true)), "a second is left");
        assert_eq!((rest.last(), metrics.recording_lags.get()), (Some(&(8, 1, true)), 1));
        lock(&stream).ring_mut().gap();
        push(&stream, 10..11);
        let after_gap = reader.read();
        assert!(after_gap.iter().all(|run| !run.lagged));
        assert_eq!(named(after_gap), [(10, 0, false), (10, 1, true)], "a gap is told, and is no lag");
        assert_eq!(metrics.recording_lags.get(), 1);
    }

    #[test]
    fn a_recorder_that_comes_back_begins_after_what_it_has() {
        let stream = stream();
        push(&stream, 0..2);
        let begin = |last| read(&mut Reader::new(&stream, Some(last), Arc::default()))[..1].to_vec();
        assert_eq!(begin(name(0, 0, 1)), [(1, 0, true)]);
        assert_eq!(begin(name(0, 7, 1)), [(0, 0, false)], "unknown: all of it");
        push(&stream, 2..6);
        assert_eq!(begin(name(0, 2, 1)), [(3, 0, true)], "the last one that left is known");
    }
}
