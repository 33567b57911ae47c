//! The workers of the cluster, as every main server knows them: what each said about itself last.
//!
//! The store keeps that for a short time after the last call, so that the record of a worker that died expires.

use std::{sync::Arc, time::Duration};

use protocol::job::{Worker, WorkerState};
use serde::{Deserialize, Serialize};
use store::{Kv, Namespace, Record, Replicated, Shared};
use tokio_util::sync::CancellationToken;

use crate::clock::Now;

/// How long a worker is known after its last call.
const SILENT: Duration = Duration::from_secs(30);
/// Least time between two writes of what a worker says: if it says something new, and if not.
const NEWS_MS: u64 = 1_000;
const REFRESH_MS: u64 = 4_000;
/// Most workers that are listed. Further ones get tasks, but are not shown.
const MOST: usize = 1_000;

/// What a worker said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    worker: Worker,
    /// Unix epoch.
    seen_at_ms: u64,
}

impl Record for Known {
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("workers");

    fn merge(&mut self, other: &Self) {
        if other.seen_at_ms >= self.seen_at_ms {
            self.clone_from(other);
        }
    }
}

/// See the [module](self).
pub(super) struct Workers(Replicated<Known>);

impl Workers {
    /// None are known yet: see [`Self::load`].
    pub(super) fn new(kv: &Arc<dyn Kv>) -> Self {
        Self(Replicated::new(Arc::clone(kv), Shared::default(), |_| Some(SILENT)))
    }

    /// Takes over those in the store.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn load(&self) -> Result<(), store::Error> {
        self.0.load().await
    }

    /// Follows what other main servers hear, until it is dropped.
    pub(super) async fn follow(&self) {
        self.0.follow().await;
    }

    /// Writes what is heard here, until `shutdown`.
    pub(super) async fn save(&self, shutdown: &CancellationToken) {
        self.0.save(shutdown).await;
    }

    /// A worker calls.
    pub(super) fn hear(&self, worker: &Worker, now: Now) {
        let (key, known) = (&worker.worker_id, Known { worker: worker.clone(), seen_at_ms: now.unix_ms() });
        self.0.with(|records| match records.get(key) {
            Some(before) => {
                let pause_ms = if before.worker == known.worker { REFRESH_MS } else { NEWS_MS };
                if before.seen_at_ms.saturating_add(pause_ms) <= known.seen_at_ms {
                    records.update(key, |record| *record = known);
                }
            }
            None if records.len() < MOST => drop(records.insert(key.clone(), known)),
            None => {}
        });
    }

    /// Those that were heard a short time ago, by name.
    pub(super) fn all(&self, now: Now) -> Vec<WorkerState> {
        let since_ms = now.unix_ms().saturating_sub(u64::try_from(SILENT.as_millis()).unwrap_or(u64::MAX));
        let known = self.0.all().into_iter().map(|(_, known)| known);
        let heard = known.filter(|known| known.seen_at_ms >= since_ms);
        let mut all: Vec<_> =
            heard.map(|Known { worker, seen_at_ms }| WorkerState { worker, seen_at_ms }).collect();
        all.sort_by(|a, b| (&a.worker.name, &a.worker.worker_id).cmp(&(&b.worker.name, &b.worker.worker_id)));
        all
    }
}
