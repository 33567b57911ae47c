//! Jobs that the server starts itself (`auto_waveform`): every finished upload and recording with sound is measured, so that
//! pages show its waveform and parties play it at even loudness, and every one with pictures gets previews for its time line
//! while there is a worker with `ffmpeg`.
//!
//! Each main server looks for such items; the job of an item has the same id on all of them. A job that failed is not started again
//! as long as its record is kept.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use protocol::{
    ItemId,
    item::{Kind as ItemKind, State},
    job::{Ability, Kind},
};
use tokio::time::{sleep, timeout};

use super::{
    Error, Jobs,
    job::{Record, Starter},
};
use crate::{clock::Now, library::Record as Item};

/// The server starts no more measurements itself while it has this many unfinished ones, and no more jobs for pictures, which take longer.
const AT_ONCE: usize = 8;
const PICTURES_AT_ONCE: usize = 2;
/// Age of an item that gets pictures: pages make them themselves of files that are uploaded there.
const PICTURES_AFTER: Duration = Duration::from_secs(60);
/// Shortest and longest time between two searches for items.
const PAUSE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(30);

/// Starts jobs until it is dropped.
pub(super) async fn run(jobs: Arc<Jobs>) {
    let (mut items, mut records) = (jobs.library.changed(), jobs.records.host().changed());
    loop {
        if let Err(error) = jobs.measure_items().await {
            tracing::warn!("cannot have items measured now: {error}");
        }
        if let Err(error) = jobs.picture_items(Now::read()).await {
            tracing::warn!("cannot have pictures of items made now: {error}");
        }
        sleep(PAUSE).await;
        let either = async {
            tokio::select! { changed = items.changed() => changed, changed = records.changed() => changed }
        };
        let _ = timeout(INTERVAL, either).await;
    }
}

impl Jobs {
    /// Starts measurements of unmeasured items, newest first, up to a number at a time.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn measure_items(&self) -> Result<(), Error> {
        self.start_for_items(Kind::Waveform, AT_ONCE, lacks_waveform).await
    }

    /// The same for pictures of items without them, if a worker can make them.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) async fn picture_items(&self, now: Now) -> Result<(), Error> {
        let workers = self.workers.all(now);
        if !workers.iter().any(|known| known.worker.abilities.contains(&Ability::Ffmpeg)) {
            return Ok(());
        }
        let since_ms = now.unix.saturating_sub(PICTURES_AFTER).as_millis();
        let is_due = |item: &Item| lacks_pictures(item) && u128::from(item.created_at_ms) <= since_ms;
        self.start_for_items(Kind::Preview, PICTURES_AT_ONCE, is_due).await
    }

    /// Starts jobs of one kind for items that are due and were not tried, up to `at_once` at a time.
    async fn start_for_items(
        &self,
        kind: Kind,
        at_once: usize,
        is_due: impl Fn(&Item) -> bool,
    ) -> Result<(), Error> {
        if !self.limits.auto_waveform {
            return Ok(());
        }
        let (under_way, tried) = self.records.with(|records| {
            let is_under_way = |record: &&Record| record.is_open() && record.starter == Starter::Server;
            let all = || records.iter().map(|(_, record)| record).filter(|record| record.kind == kind);
            let tried: BTreeSet<ItemId> = all().map(|record| record.item_id).collect();
            (all().filter(is_under_way).count(), tried)
        });
        let room = at_once.saturating_sub(under_way);
        for (item_id, item) in
            self.library.first(room, |item_id, item| is_due(item) && !tried.contains(&item_id))
        {
            match self.start_own(kind, item_id, &item).await {
                // The item was deleted or changed a moment ago, or there is no space now.
                Ok(_) | Err(Error::Library(_) | Error::Invalid(_) | Error::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
