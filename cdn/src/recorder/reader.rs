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
    /// Whether the next run is known to be the one right after the last that was read.
    follows: bool,
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
        Self { stream: stream.clone(), metrics, position, follows, take: None }
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
                return Some(NewRun { chunk, take, follows });
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
