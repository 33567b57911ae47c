//! Writes the media of what plays as one continuous stream, in step with the timeline.
//!
//! The player has no clock of the party: it plays a fragment when it has it and has played what came before. So the first one
//! is written when the timeline is at its start, and those that follow it without a gap a moment earlier. After a seek or a pause the
//! stream goes on with the first fragment that begins when the player has played all it has. The times in the fragments are shifted, so
//! that they follow each other. An item in a format that cannot follow in one stream ends it.

use std::io::ErrorKind;

use media::Shift;
use protocol::{
    item::{Alternative, Blob, Fragment, ManifestTake, joins},
    party::Timeline,
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{
    client::{CallError, Party},
    schedule::{Clock, Schedule},
    source::Source,
};
use crate::failure::Failure;

/// How long before its time a fragment is written that follows the one before, ms.
const AHEAD_MS: u64 = 1000;
/// How far off a fragment may begin, ms. At most half its length.
const TOLERANCE_MS: u64 = 250;
/// Pause after media could not be read, ms.
const RETRY_MS: u64 = 1000;

/// A fragment, and when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    entry_id: String,
    take: usize,
    fragment: usize,
    /// The server's time.
    write_at_ms: u64,
}

/// A fragment that is ready to be written.
struct Piece {
    plan: Plan,
    format: Format,
    /// By how much its media's own times are less than the item's, ms.
    offset_ms: i64,
    start_ms: u64,
    duration_ms: u64,
    bytes: Vec<u8>,
}

/// What a decoder is set up by.
struct Format {
    mime: String,
    /// The name and the bytes of the init segment, if there is one.
    init: Option<(Blob, Vec<u8>)>,
}

impl Format {
    /// What changes the times of fragments; none in bare MP3, which has no times.
    fn shift(&self, by_ms: i64) -> Result<Option<Shift>, Failure> {
        let shift = self.init.as_ref().map(|(_, init)| Shift::new(init, by_ms)).transpose();
        shift.map_err(Failure::run("the media cannot be joined"))
    }

    /// Whether players go on with `next` in the same stream. Most of them skip another init segment, so that tracks, their units of
    /// time and codecs have to be the same.
    fn can_go_on_with(&self, next: &Self) -> Result<bool, Failure> {
        Ok(self.mime == next.mime && self.shift(0)? == next.shift(0)?)
    }

    fn joins(&self, next: &Self) -> bool {
        let parts = |format: &Self| (format.mime.clone(), format.init.as_ref().map(|(name, _)| name.clone()));
        let ((mime, init), (next_mime, next_init)) = (parts(self), parts(next));
        joins((&mime, init.as_ref()), (&next_mime, next_init.as_ref()))
    }
}

/// Writes to the player.
pub(super) struct Audio<W> {
    output: W,
    sources: Vec<Source>,
    ready: Option<Piece>,
    /// What the decoder was set up by last.
    format: Option<Format>,
    /// Length of what was written.
    written_ms: u64,
    /// When the player has played what was written, by the server's clock.
    ends_at_ms: u64,
}

impl<W: AsyncWrite + Unpin> Audio<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, sources: Vec::new(), ready: None, format: None, written_ms: 0, ends_at_ms: 0 }
    }

    /// Reads what is to be written next. Gives the server's time at which [`Self::write`] is to be called.
    pub(super) async fn prepare(&mut self, party: &Party, schedule: &Schedule, clock: &Clock) -> Option<u64> {
        match self.try_prepare(party, schedule, clock).await {
            Ok(write_at_ms) => write_at_ms,
            Err(error) => {
                // Whether the party is over, the events tell.
                tracing::warn!("cannot read what plays, trying again: {error}");
                self.sources.clear();
                self.ready = None;
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
        let Some(plan) = self.plan(schedule, clock.now_ms()) else {
            self.ready = None;
            let grows = self.sources.iter().any(|source| source.manifest.is_growing);
            return Ok(grows.then(|| clock.now_ms() + RETRY_MS));
        };
        let write_at_ms = plan.write_at_ms;
        match &mut self.ready {
            Some(ready) if ready.plan.is_same_fragment(&plan) => ready.plan = plan,
            _ => self.ready = self.read(party, plan).await?,
        }
        Ok(Some(write_at_ms))
    }

    fn plan(&self, schedule: &Schedule, now_ms: u64) -> Option<Plan> {
        let until_ms = schedule.next.as_ref().map_or(u64::MAX, |next| next.at_ms);
        let plan = |timeline: &Timeline, until_ms| {
            let source = self.sources.iter().find(|source| entry_of(timeline) == Some(&source.entry_id))?;
            plan(timeline, until_ms, &source.manifest.takes, self.ends_at_ms, now_ms)
        };
        let now = schedule.now.as_ref().and_then(|now| plan(now, until_ms));
        now.or_else(|| plan(schedule.next.as_ref()?, u64::MAX))
    }

    async fn read(&self, party: &Party, plan: Plan) -> Result<Option<Piece>, CallError> {
        let source = self.sources.iter().find(|source| source.entry_id == plan.entry_id);
        let found = source.and_then(|source| Some((source, source.manifest.takes.get(plan.take)?)));
        let Some((source, take)) = found else { return Ok(None) };
        let (mime, init, fragments) = format_of(take);
        let Some(Fragment { blob, start_ms, duration_ms }) = fragments.get(plan.fragment).cloned() else {
            return Ok(None);
        };
        let init = match init {
            Some(init) => Some((init.clone(), source.read(party, init).await?)),
            None => None,
        };
        let format = Format { mime: mime.to_owned(), init };
        let bytes = source.read(party, &blob).await?;
        Ok(Some(Piece { plan, format, offset_ms: take.offset_ms, start_ms, duration_ms, bytes }))
    }

    /// Writes what is ready, if its time has come. Gives whether the stream goes on: not if the player closed it, nor before an
    /// item in a format that cannot follow.
    ///
    /// # Errors
    /// The output fails in another way than by being closed.
    pub(super) async fn write(&mut self, now_ms: u64) -> Result<bool, Failure> {
        let Some(piece) = self.ready.take_if(|piece| piece.plan.write_at_ms <= now_ms) else {
            return Ok(true);
        };
        let duration_ms = piece.duration_ms;
        let Some(bytes) = self.bytes_of(piece)? else {
            eprintln!("what plays next has another format: join again to hear it");
            return Ok(false);
        };
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

    /// The fragment at its place in the stream, with the init segment if the decoder needs it. None if it cannot follow.
    fn bytes_of(&mut self, piece: Piece) -> Result<Option<Vec<u8>>, Failure> {
        let Piece { format, offset_ms, start_ms, mut bytes, .. } = piece;
        let known = self.format.as_ref();
        if !known.map_or(Ok(true), |known| known.can_go_on_with(&format))? {
            return Ok(None);
        }
        let media_ms = start_ms.saturating_sub_signed(offset_ms);
        if let Some(shift) = format.shift(self.written_ms.cast_signed() - media_ms.cast_signed())? {
            for edit in shift.edits(&bytes).map_err(Failure::run("the media cannot be joined"))? {
                bytes[edit.at..][..edit.bytes().len()].copy_from_slice(edit.bytes());
            }
        }
        let is_set_up = known.is_some_and(|known| known.joins(&format));
        if let (false, Some((_, init))) = (is_set_up, &format.init) {
            bytes.splice(..0, init.iter().copied());
        }
        self.format = Some(format);
        Ok(Some(bytes))
    }
}

/// The format of a take that is written: bare MP3 if there is that, because any MP3 can follow any other.
fn format_of(take: &ManifestTake) -> (&str, Option<&Blob>, &[Fragment]) {
    let is_bare =
        |other: &&Alternative| other.init.is_none() && other.fragments.len() == take.fragments.len();
    match take.alternatives.iter().find(is_bare) {
        Some(bare) => (&bare.mime, None, &bare.fragments),
        None => (&take.mime, take.init.as_ref(), &take.fragments),
    }
}

impl Plan {
    fn is_same_fragment(&self, other: &Self) -> bool {
        (&self.entry_id, self.take, self.fragment) == (&other.entry_id, other.take, other.fragment)
    }
}

fn entry_of(timeline: &Timeline) -> Option<&str> {
    timeline.entry.as_ref().map(|entry| &*entry.entry_id)
}

/// The first fragment that the player can begin at its time, of those that begin before `until_ms`. Times are the server's; the player has
/// played what it has at `ends_at_ms`.
fn plan(
    timeline: &Timeline,
    until_ms: u64,
    takes: &[ManifestTake],
    ends_at_ms: u64,
    now_ms: u64,
) -> Option<Plan> {
    let entry_id = entry_of(timeline).filter(|_| !timeline.paused)?.to_owned();
    let all = takes.iter().enumerate().flat_map(|(take, ManifestTake { fragments, .. })| {
        fragments.iter().enumerate().map(move |(index, fragment)| (take, index, fragment))
    });
    for (take, index, fragment) in all {
        let tolerance_ms = TOLERANCE_MS.min(fragment.duration_ms / 2);
        // None for what was before the position at which the timeline began.
        let Some(due_ms) = (timeline.at_ms + fragment.start_ms).checked_sub(timeline.position_ms) else {
            continue;
        };
        if due_ms >= until_ms {
            return None;
        }
        if due_ms + tolerance_ms < ends_at_ms.max(now_ms).max(timeline.at_ms) {
            continue;
        }
        let follows = ends_at_ms > now_ms && due_ms <= ends_at_ms + tolerance_ms;
        let write_at_ms = if follows { due_ms.saturating_sub(AHEAD_MS) } else { due_ms };
        return Some(Plan { entry_id, take, fragment: index, write_at_ms });
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two takes of three fragments of 2 s.
    fn takes() -> Vec<ManifestTake> {
        let fragment =
            |number: u64| json!({ "hash": "", "bytes": 0, "start_ms": number * 2000, "duration_ms": 2000 });
        let take = |first: u64| json!({ "mime": "audio/mp4", "fragments": [fragment(first), fragment(first + 1), fragment(first + 2)] });
        serde_json::from_value(json!([take(0), take(3)])).unwrap()
    }

    /// At 100 s the position is 1 s.
    fn timeline(paused: bool) -> Timeline {
        let entry = json!({ "entry_id": "e1", "title": "", "hash": "", "added_by": "m1" });
        let json =
            json!({ "entry": entry, "position_ms": 1000, "at_ms": 100_000, "paused": paused, "round": 1 });
        serde_json::from_value(json).unwrap()
    }

    /// Take, fragment and time of what is written next.
    fn next(ends_at_ms: u64, now_ms: u64) -> Option<(usize, usize, u64)> {
        let plan = plan(&timeline(false), u64::MAX, &takes(), ends_at_ms, now_ms)?;
        Some((plan.take, plan.fragment, plan.write_at_ms))
    }

    #[test]
    fn the_first_fragment_is_written_when_the_timeline_is_at_its_start() {
        assert_eq!(next(0, 99_000), Some((0, 1, 101_000)), "the timeline begins within the first one");
        assert_eq!(next(0, 101_250), Some((0, 1, 101_000)), "a little late");
        assert_eq!(next(0, 101_251), Some((0, 2, 103_000)));
        assert_eq!(next(0, 104_900), Some((1, 0, 105_000)));
        assert_eq!(next(0, 109_251), None);
    }

    #[test]
    fn the_next_fragment_is_written_while_the_player_plays_the_one_before() {
        assert_eq!(next(103_000, 101_000), Some((0, 2, 102_000)));
        assert_eq!(next(103_010, 102_990), Some((0, 2, 102_000)));
        assert_eq!(next(103_000, 103_001), Some((0, 2, 103_000)), "it has played all it had");
    }

    #[test]
    fn after_a_seek_the_stream_goes_on_where_the_player_is_in_step() {
        assert_eq!(next(102_000, 100_500), Some((0, 2, 103_000)));
        assert_eq!(next(108_000, 100_500), Some((1, 2, 109_000)));
    }

    #[test]
    fn nothing_is_written_while_paused_or_after_the_next_entry_begins() {
        assert_eq!(plan(&timeline(true), u64::MAX, &takes(), 0, 100_000), None);
        assert_eq!(plan(&timeline(false), 101_000, &takes(), 0, 100_000), None);
        assert!(plan(&timeline(false), 101_001, &takes(), 0, 100_000).is_some());
    }
}
