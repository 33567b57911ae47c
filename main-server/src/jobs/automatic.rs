//! Jobs that the server starts itself: every finished upload and recording with sound is measured, so that
//! pages show its waveform and parties play it at even loudness (`auto_waveform`).
//!
//! Each main server looks for such items; the job of an item has the same id on all of them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use protocol::{
    item::{Kind as ItemKind, State},
    job::Kind,
};
use tokio::time::{sleep, timeout};

use super::{
    Error, Jobs,
    job::{Record, Starter},
};
use crate::library::Record as Item;

/// The server starts no more jobs itself while it has this many unfinished ones.
const AT_ONCE: usize = 8;
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
        if !self.limits.auto_waveform {
            return Ok(());
        }
        let (under_way, tried) = self.records.with(|records| {
            let is_under_way = |record: &&Record| record.is_open() && record.starter == Starter::Server;
            let all =
                || records.iter().map(|(_, record)| record).filter(|record| record.kind == Kind::Waveform);
            let tried: BTreeSet<_> = all().map(|record| record.item_id).collect();
            (all().filter(is_under_way).count(), tried)
        });
        let room = AT_ONCE.saturating_sub(under_way);
        for (item_id, item) in
            self.library.first(room, |item_id, item| is_due(item) && !tried.contains(&item_id))
        {
            match self.start_own(Kind::Waveform, item_id, &item).await {
                // The item was deleted or changed a moment ago, or there is no space now.
                Ok(_) | Err(Error::Library(_) | Error::Invalid(_) | Error::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether an item can be measured and has not been.
fn is_due(item: &Item) -> bool {
    item.state == State::Ready
        && item.kind != ItemKind::Job
        && item.waveform.is_none()
        && !item.is_deleted()
        && item.tracks.iter().any(|track| track.kind == "audio")
}
