//! Writes the media of what plays as one continuous stream, in step with the timeline.
//!
//! The player has no clock of the party: it plays a chunk when it has it and has played what came before. So the first one
//! is written when the timeline is at its start, and those that follow it without a gap a moment earlier. After a seek or a pause the
//! stream goes on with the first chunk that begins when the player has played all it has. The times in the chunks are shifted, so
//! that they follow each other. An item in a format that cannot follow in one stream ends it.

use std::{io::ErrorKind, sync::Arc};

use protocol::party::Timeline;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{
    client::{CallError, Party},
    fragment::{Format, Loaded},
    place::Place,
    schedule::{Clock, Schedule},
    source::Source,
};
use crate::failure::Failure;

/// How long before its time a chunk is written that follows the one before, ms.
const AHEAD_MS: u64 = 1000;
/// How far off a chunk may begin, ms. At most half its length.
const TOLERANCE_MS: u64 = 250;
/// Pause after media could not be read, ms.
const RETRY_MS: u64 = 1000;
/// Fragments that are kept: two in which the next chunk may be, and the first one of the next entry.
const KEPT: usize = 3;

/// A chunk, and when it is written.
struct Plan {
    place: Place,
    chunk: usize,
    /// The server's time.
    write_at_ms: u64,
}

/// Writes to the player.
pub(super) struct Audio<W> {
    output: W,
    sources: Vec<Source>,
    loaded: Vec<Loaded>,
    next: Option<Plan>,
    /// What the decoder was set up by last.
    format: Option<Arc<Format>>,
    /// Length of what was written.
    written_ms: u64,
    /// When the player has played what was written, by the server's clock.
    ends_at_ms: u64,
}

impl<W: AsyncWrite + Unpin> Audio<W> {
    pub(super) fn new(output: W) -> Self {
        let (sources, loaded) = (Vec::new(), Vec::new());
        Self { output, sources, loaded, next: None, format: None, written_ms: 0, ends_at_ms: 0 }
    }

    /// Reads what is to be written next. Gives the server's time at which [`Self::write`] is to be called.
    pub(super) async fn prepare(&mut self, party: &Party, schedule: &Schedule, clock: &Clock) -> Option<u64> {
        match self.try_prepare(party, schedule, clock).await {
            Ok(write_at_ms) => write_at_ms,
            Err(error) => {
                // Whether the party is over, the events tell.
                tracing::warn!("cannot read what plays, trying again: {error}");
                self.sources.clear();
                self.next = None;
                Some(clock.now_ms() + RETRY_MS)
            }
        }
    }

    async fn try_prepare(
        &mut self,
        party: &Party,
        schedule: &Schedule,
        clock: &Clock,
    ) -> Result<Option<u64>, CallError> {
        let timelines = || [schedule.now.as_ref(), schedule.next.as_ref()].into_iter().flatten();
        let is_needed = |entry_id: &str| timelines().any(|timeline| entry_of(timeline) == Some(entry_id));
        self.sources.retain(|source| is_needed(&source.entry_id) && !source.is_old());
        for entry in timelines().filter_map(|timeline| timeline.entry.as_ref()) {
            let is_open = self.sources.iter().any(|source| source.entry_id == entry.entry_id);
            if entry.item_id.is_some() && !is_open {
                self.sources.push(Source::open(party, entry).await?);
            }
        }
        self.next = None;
        let until_ms = schedule.next.as_ref().map_or(u64::MAX, |next| next.at_ms);
        let ends = [(schedule.now.as_ref(), until_ms), (schedule.next.as_ref(), u64::MAX)];
        for (timeline, until_ms) in ends.into_iter().filter_map(|(timeline, end)| Some((timeline?, end))) {
            if self.next.is_none() {
                let window =
                    Window { timeline, until_ms, ends_at_ms: self.ends_at_ms, now_ms: clock.now_ms() };
                self.next = self.plan(party, &window).await?;
            }
        }
        let grows = self.sources.iter().any(|source| source.manifest.is_growing);
        let again = grows.then(|| clock.now_ms() + RETRY_MS);
        Ok(self.next.as_ref().map(|plan| plan.write_at_ms).or(again))
    }

    /// Finds the chunk that is next in a window.
    async fn plan(&mut self, party: &Party, window: &Window<'_>) -> Result<Option<Plan>, CallError> {
        let entry_id = entry_of(window.timeline);
        let Some(source) = self.sources.iter().find(|source| entry_id == Some(&source.entry_id)) else {
            return Ok(None);
        };
        // The next chunk may be in the fragment after the one that plays.
        let places =
            source.places().filter(|(_, fragment)| window.may_use(fragment.start_ms, fragment.duration_ms));
        for (place, _) in places.take(2) {
            let known = self.loaded.iter().position(|loaded| loaded.place == place);
            let index = match known {
                Some(index) => index,
                None => {
                    let Some(loaded) = Loaded::read(party, source, place.clone()).await? else { continue };
                    if self.loaded.len() >= KEPT {
                        self.loaded.remove(0);
                    }
                    self.loaded.push(loaded);
                    self.loaded.len() - 1
                }
            };
            let chunks = self.loaded[index].chunks.iter().enumerate();
            let mut fitting = chunks
                .filter_map(|(chunk, of)| Some((chunk, window.write_at_ms(of.start_ms, of.duration_ms)?)));
            if let Some((chunk, write_at_ms)) = fitting.next() {
                return Ok(Some(Plan { place, chunk, write_at_ms }));
            }
        }
        Ok(None)
    }

    /// Writes what is next, if its time has come. Gives whether the stream goes on: not if the player closed it, nor before an
    /// item in a format that cannot follow.
    ///
    /// # Errors
    /// The output fails in another way than by being closed.
    pub(super) async fn write(&mut self, now_ms: u64) -> Result<bool, Failure> {
        let Some(Plan { place, chunk, .. }) = self.next.take_if(|plan| plan.write_at_ms <= now_ms) else {
            return Ok(true);
        };
        let Some(loaded) = self.loaded.iter().find(|loaded| loaded.place == place) else { return Ok(true) };
        let known = self.format.as_deref();
        if !known.map_or(Ok(true), |known| known.can_go_on_with(&loaded.format))? {
            eprintln!("what plays next has another format: join again to hear it");
            return Ok(false);
        }
        let is_set_up = known.is_some_and(|known| known.joins(&loaded.format));
        let bytes = loaded.bytes_at(chunk, self.written_ms, !is_set_up)?;
        let duration_ms = loaded.chunks[chunk].duration_ms;
        self.format = Some(Arc::clone(&loaded.format));
        let written = async { self.output.write_all(&bytes).await.and(self.output.flush().await) };
        match written.await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => return Err(Failure::run("cannot write to standard output")(error)),
        }
        self.written_ms += duration_ms;
        self.ends_at_ms = self.ends_at_ms.max(now_ms) + duration_ms;
        Ok(true)
    }
}

fn entry_of(timeline: &Timeline) -> Option<&str> {
    timeline.entry.as_ref().map(|entry| &*entry.entry_id)
}

/// What of a timeline can be written. Times are the server's.
struct Window<'a> {
    timeline: &'a Timeline,
    /// When another timeline begins.
    until_ms: u64,
    /// When the player has played what it has.
    ends_at_ms: u64,
    now_ms: u64,
}

impl Window<'_> {
    /// When a position of the item is played.
    fn due_ms(&self, position_ms: u64) -> Option<u64> {
        let due_ms = (self.timeline.at_ms + position_ms).checked_sub(self.timeline.position_ms);
        due_ms.filter(|due_ms| !self.timeline.paused && *due_ms < self.until_ms)
    }

    /// When the player can begin something.
    fn ready_ms(&self) -> u64 {
        self.ends_at_ms.max(self.now_ms).max(self.timeline.at_ms)
    }

    /// Whether a fragment may have a chunk that is not past.
    fn may_use(&self, start_ms: u64, duration_ms: u64) -> bool {
        let ends_ms =
            (self.timeline.at_ms + start_ms + duration_ms).saturating_sub(self.timeline.position_ms);
        let begins_ms = (self.timeline.at_ms + start_ms).saturating_sub(self.timeline.position_ms);
        !self.timeline.paused && begins_ms < self.until_ms && ends_ms > self.ready_ms()
    }

    /// When a chunk is written, if the player can begin it at its time.
    fn write_at_ms(&self, start_ms: u64, duration_ms: u64) -> Option<u64> {
        let due_ms = self.due_ms(start_ms)?;
        let tolerance_ms = TOLERANCE_MS.min(duration_ms / 2);
        if due_ms + tolerance_ms < self.ready_ms() {
            return None;
        }
        let follows = self.ends_at_ms > self.now_ms && due_ms <= self.ends_at_ms + tolerance_ms;
        Some(if follows { due_ms.saturating_sub(AHEAD_MS) } else { due_ms })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// At 100 s the position is 1 s.
    fn timeline(paused: bool) -> Timeline {
        let entry = json!({ "entry_id": "e1", "title": "", "hash": "", "added_by": "m1" });
        let json =
            json!({ "entry": entry, "position_ms": 1000, "at_ms": 100_000, "paused": paused, "round": 1 });
        serde_json::from_value(json).unwrap()
    }

    /// Which of six chunks of 2 s is written next, and when.
    fn next_of(timeline: &Timeline, until_ms: u64, ends_at_ms: u64, now_ms: u64) -> Option<(u64, u64)> {
        let window = Window { timeline, until_ms, ends_at_ms, now_ms };
        let next = (0..6).find_map(|chunk| Some((chunk, window.write_at_ms(chunk * 2000, 2000)?)));
        // What is written is in a fragment that is looked at.
        assert!(next.is_none_or(|(chunk, _)| window.may_use(chunk * 2000, 2000)));
        next
    }

    fn next(ends_at_ms: u64, now_ms: u64) -> Option<(u64, u64)> {
        next_of(&timeline(false), u64::MAX, ends_at_ms, now_ms)
    }

    #[test]
    fn the_first_chunk_is_written_when_the_timeline_is_at_its_start() {
        assert_eq!(next(0, 99_000), Some((1, 101_000)), "the timeline begins within the first one");
        assert_eq!(next(0, 101_250), Some((1, 101_000)), "a little late");
        assert_eq!(next(0, 101_251), Some((2, 103_000)));
        assert_eq!(next(0, 104_900), Some((3, 105_000)));
        assert_eq!(next(0, 109_251), None);
    }

    #[test]
    fn the_next_chunk_is_written_while_the_player_plays_the_one_before() {
        assert_eq!(next(103_000, 101_000), Some((2, 102_000)));
        assert_eq!(next(103_010, 102_990), Some((2, 102_000)));
        assert_eq!(next(103_000, 103_001), Some((2, 103_000)), "it has played all it had");
    }

    #[test]
    fn after_a_seek_the_stream_goes_on_where_the_player_is_in_step() {
        assert_eq!(next(102_000, 100_500), Some((2, 103_000)));
        assert_eq!(next(108_000, 100_500), Some((5, 109_000)));
    }

    #[test]
    fn nothing_is_written_while_paused_or_after_the_next_entry_begins() {
        assert_eq!(next_of(&timeline(true), u64::MAX, 0, 100_000), None);
        assert_eq!(next_of(&timeline(false), 101_000, 0, 100_000), None);
        assert!(next_of(&timeline(false), 101_001, 0, 100_000).is_some());
    }
}
