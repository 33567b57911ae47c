//! When a main server last knew how the streams were doing: a time in the store, renewed while any stream runs. The records of
//! the streams themselves may be newer.
//!
//! A server that starts, or continues after a suspension, compares it with the clock. If no main server ran for longer than the
//! grace period, what the store has of running streams may be wrong by that long: they are in doubt until a node reports
//! them, see [`Catalogue::doubt`](crate::state::catalogue::Catalogue::doubt).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::Streams;
use crate::{clock::Now, cluster::bootstrap::SETTINGS};

/// Where the time is kept, under settings.
const KEY: &str = "last-seen";
/// How often it is renewed at least; see [`renewal`].
const LONGEST_RENEWAL: Duration = Duration::from_secs(10);
/// How often it is renewed at most: each renewal is a write.
const SHORTEST_RENEWAL: Duration = Duration::from_millis(500);
/// How often it is checked whether any stream runs, as long as none does.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for the store.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that a server that stops waits for the store.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct LastSeen {
    unix_ms: u64,
}

impl Streams {
    /// Renews the time while any stream runs.
    pub(crate) async fn note_last_seen(&self) {
        loop {
            let (runs_any, grace) =
                self.state.read_streams(|catalogue, _| (catalogue.runs_any(), catalogue.grace()));
            if runs_any {
                self.note_seen(WRITE_TIMEOUT).await;
                sleep(renewal(grace)).await;
            } else {
                sleep(CHECK_INTERVAL).await;
            }
        }
    }

    /// Renews it once more, for a server that stops. If the store does not take it, streams stay in doubt a little longer
    /// after the next start.
    pub(crate) async fn note_seen_last(&self) {
        self.note_seen(SHUTDOWN_TIMEOUT).await;
    }

    async fn note_seen(&self, at_most: Duration) {
        let seen = LastSeen { unix_ms: Now::read().unix_ms() };
        let value = serde_json::to_vec(&seen).expect("a number is always JSON");
        let saved = timeout(at_most, self.kv.put(SETTINGS, KEY, value.into(), None)).await;
        if !matches!(saved, Ok(Ok(_))) {
            tracing::debug!("the time at which streams were last seen could not be saved");
        }
    }

    /// Streams of long ago are in doubt: compares the time in the store with `now`.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn doubt(&self, now: Now) -> Result<(), store::Error> {
        let entry = self.kv.get(SETTINGS, KEY).await?;
        let seen = entry.and_then(|entry| serde_json::from_slice::<LastSeen>(&entry.value).ok());
        self.state.streams(|catalogue, _| {
            let newest_ms = catalogue.newest_ms();
            let seen_ms = seen.map_or(newest_ms, |seen| newest_ms.max(seen.unix_ms));
            let silence = Duration::from_millis(now.unix_ms().saturating_sub(seen_ms));
            catalogue.doubt(silence, now);
        });
        Ok(())
    }
}

/// How often the time is renewed: often enough that a server which restarts at once after a crash doubts no stream.
fn renewal(grace: Duration) -> Duration {
    (grace / 3).clamp(SHORTEST_RENEWAL, LONGEST_RENEWAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_renewed_several_times_within_a_grace_period() {
        let renewals =
            [1, 6_000, 30_000, 600_000].map(|grace| renewal(Duration::from_millis(grace)).as_millis());
        assert_eq!(renewals, [500, 2_000, 10_000, 10_000]);
    }
}
