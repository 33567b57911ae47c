//! Jobs that the server starts itself (`auto_waveform`): every finished upload and recording with sound is measured, so that
//! pages show its waveform and parties play it at even loudness, and every one with pictures gets previews for its time line
//! while there is a worker with `ffmpeg`.
//!
//! Each main server looks for such items; the job of an item has the same id on all of them. A job that failed is not started again
//! as long as its record is kept. An item whose job cannot be started, for example because its manifest cannot be read, holds up no
//! other: it is tried again after a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    future,
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::{
    ItemId,
    item::{Kind as ItemKind, State},
    job::{Ability, Kind},
};
use tokio::time::{sleep, timeout};

use super::{
    Error, Jobs,
    bounds::{JOBS_MEASURING, JOBS_PICTURING},
    job::{Record, Starter},
};
use crate::{
    clock::Now,
    library::{Error as LibraryError, Record as Item},
};

/// Age of an item that gets pictures: pages make them themselves of files that are uploaded there.
const PICTURES_AFTER: Duration = Duration::from_secs(60);
/// Shortest and longest time between two searches for items.
const PAUSE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(30);
/// How many more items a search tries than it has room for, in case some cannot be started.
const SPARE: usize = 64;
/// When an item whose job could not be started is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(60 * 60);
/// Most such items that are remembered. If there are more, all of them are tried again.
const MOST_FAILED: usize = 10_000;

/// Starts jobs until it is dropped.
pub(super) async fn run(jobs: Arc<Jobs>) {
    if !jobs.limits.auto_waveform {
        return future::pending().await;
    }
    let mut failed = Failed::default();
    let (mut items, mut records) = (jobs.library.changed(), jobs.records.host().changed());
    loop {
        if let Err(error) = jobs.measure_items(&mut failed, Now::read()).await {
            tracing::warn!("cannot have items measured now: {error}");
        }
        if let Err(error) = jobs.picture_items(&mut failed, Now::read()).await {
            tracing::warn!("cannot have pictures of items made now: {error}");
        }
        sleep(PAUSE).await;
        let either = async {
            tokio::select! { changed = items.changed() => changed, changed = records.changed() => changed }
        };
        let _ = timeout(INTERVAL, either).await;
    }
}

/// Items whose job of some kind could not be started, and when that was.
#[derive(Default)]
pub(super) struct Failed(BTreeMap<(Kind, ItemId), Instant>);

impl Failed {
    /// Forgets the items that are to be tried again.
    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, failed_at| now.saturating_duration_since(*failed_at) < AGAIN_AFTER);
    }

    fn add(&mut self, kind: Kind, item_id: ItemId, now: Instant) {
        if self.0.len() >= MOST_FAILED {
            self.0.clear();
        }
        self.0.insert((kind, item_id), now);
    }

    fn has(&self, kind: Kind, item_id: ItemId) -> bool {
        self.0.contains_key(&(kind, item_id))
    }
}

impl Jobs {
    /// Starts measurements of unmeasured items, newest first, up to a number at a time.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn measure_items(&self, failed: &mut Failed, now: Now) -> Result<(), Error> {
        let search = Search { kind: Kind::Waveform, at_once: JOBS_MEASURING, now: now.instant };
        self.start_for_items(search, lacks_waveform, failed).await
    }

    /// The same for pictures of items without them, if a worker can make them.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn picture_items(&self, failed: &mut Failed, now: Now) -> Result<(), Error> {
        let workers = self.workers.all(now);
        if !workers.iter().any(|known| known.worker.abilities.contains(&Ability::Ffmpeg)) {
            return Ok(());
        }
        let since_ms = now.unix.saturating_sub(PICTURES_AFTER).as_millis();
        let is_due = |item: &Item| lacks_pictures(item) && u128::from(item.created_at_ms) <= since_ms;
        let search = Search { kind: Kind::Preview, at_once: JOBS_PICTURING, now: now.instant };
        self.start_for_items(search, is_due, failed).await
    }

    /// Starts jobs of one kind for items that are due and were not tried, while there is room.
    async fn start_for_items(
        &self,
        search: Search,
        is_due: impl Fn(&Item) -> bool,
        failed: &mut Failed,
    ) -> Result<(), Error> {
        let Search { kind, at_once, now } = search;
        failed.forget_old(now);
        let (under_way, tried) = self.records.with(|records| {
            let is_under_way = |record: &&Record| record.is_open() && record.starter == Starter::Server;
            let all = || records.iter().map(|(_, record)| record).filter(|record| record.kind == kind);
            let tried: BTreeSet<ItemId> = all().map(|record| record.item_id).collect();
            (all().filter(is_under_way).count(), tried)
        });
        let mut room = at_once.saturating_sub(under_way);
        if room == 0 {
            return Ok(());
        }
        let is_wanted =
            |item_id, item: &Item| is_due(item) && !tried.contains(&item_id) && !failed.has(kind, item_id);
        for (item_id, item) in self.library.first(room + SPARE, is_wanted) {
            match self.start_own(kind, item_id, &item).await {
                Ok(_) => room -= 1,
                Err(Error::Full(_)) => break,
                Err(error) if is_of_item(&error) => {
                    tracing::info!(item.id = %item_id, "no {kind:?} job of item {item_id} now: {error}");
                    failed.add(kind, item_id, now);
                }
                Err(error) => return Err(error),
            }
            if room == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// A search for items that are due.
#[derive(Clone, Copy)]
struct Search {
    kind: Kind,
    /// How many unfinished jobs of the kind the server may have.
    at_once: usize,
    now: Instant,
}

/// Whether the item is why its job cannot be started: it was deleted or changed a moment ago, or its media cannot be read. Otherwise no
/// job of any item can be started now.
fn is_of_item(error: &Error) -> bool {
    match error {
        Error::Store(error) | Error::Library(LibraryError::Store(error)) => {
            matches!(error, store::Error::Invalid(_))
        }
        Error::Objects(error) => matches!(error, objects::Error::TooLarge(_)),
        Error::CutOff(_) | Error::Library(LibraryError::CutOff(_)) => false,
        _ => true,
    }
}

/// Whether an item can be measured and has not been.
fn lacks_waveform(item: &Item) -> bool {
    item.waveform.is_none() && is_finished_with(item, "audio")
}

/// Whether pictures of an item can be made and there are none.
fn lacks_pictures(item: &Item) -> bool {
    item.previews == 0 && is_finished_with(item, "video")
}

fn is_finished_with(item: &Item, track_kind: &str) -> bool {
    item.state == State::Ready
        && item.kind != ItemKind::Job
        && !item.is_deleted()
        && item.tracks.iter().any(|track| track.kind == track_kind)
}
