//! When a main server last knew how the streams were doing: a time in the store, renewed while any stream runs. What the
//! store says of the streams themselves may be newer.
//!
//! A server that starts, or goes on after a standstill, compares it with the clock. If no main server ran for longer than the
//! grace period, what the store has of running streams may be wrong by that long: they are in doubt until a node reports
//! them, see [`Catalogue::doubt`](crate::streams::catalogue::Catalogue::doubt).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::{
    clock::Now,
    cluster::bootstrap::SETTINGS,
    control::{
        ControlPlane,
        durable::{in_time, json},
    },
};

/// Where the time is kept, under settings.
const KEY: &str = "last-seen";
/// How often it is renewed; well below the grace period.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often it is looked whether any stream runs, as long as none does.
const LOOK: Duration = Duration::from_secs(1);
/// Longest that a server that stops waits for the store.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct LastSeen {
    unix_ms: u64,
}

impl ControlPlane {
    /// Renews the time while any stream runs.
    pub(crate) async fn note_last_seen(&self) {
        loop {
            if self.change(|state| state.catalogue.runs_any()) {
                self.note_seen().await;
                sleep(RENEWAL).await;
            } else {
                sleep(LOOK).await;
            }
        }
    }

    /// Renews it once more, for a server that stops.
    pub(crate) async fn note_seen_last(&self) {
        // Without it, streams stay in doubt a little longer after the next start.
        drop(timeout(LAST_WORDS, self.note_seen()).await);
    }

    async fn note_seen(&self) {
        let value = json(&LastSeen { unix_ms: Now::read().unix_ms() });
        if let Err(error) = in_time(self.store.kv.put(SETTINGS, KEY, value, None)).await {
            tracing::debug!("the time of the last sign of life could not be saved: {error}");
        }
    }

    /// For how long no main server knew how streams were doing, as far as the store and what was learned from it say.
    pub(crate) async fn silence(&self, now: Now) -> Result<Duration, store::Error> {
        let entry = self.store.kv.get(SETTINGS, KEY).await?;
        let seen = entry.and_then(|entry| serde_json::from_slice::<LastSeen>(&entry.value).ok());
        let newest_ms = self.change(|state| state.catalogue.newest_ms());
        let seen_ms = seen.map_or(newest_ms, |seen| newest_ms.max(seen.unix_ms));
        Ok(Duration::from_millis(now.unix_ms().saturating_sub(seen_ms)))
    }
}
