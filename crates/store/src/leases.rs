//! Ends leases, in one place for both engines.
//!
//! Each process counts by its own clock from the moment it sees a write, so no two clocks have to agree. An entry may
//! outlast its lease by the time between two checks and, after a process started, by one lease. It never ends early: the
//! deletion names the revision that was seen, so a renewal always wins, and of several processes one deletes. While the
//! store cannot be reached or written no lease ends, because none could be renewed; afterwards all leases restart.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{Error, Health, Kv, Leased, Namespace, Revision};

/// Time between two checks.
const TICK: Duration = Duration::from_millis(250);
/// Pause before a broken watch is begun again.
const RETRY: Duration = Duration::from_secs(1);

/// Ends leases in all namespaces until it is dropped. Every process that shares the store runs one.
pub async fn run(kv: Arc<dyn Kv>) {
    loop {
        if let Err(error) = follow(&*kv).await {
            tracing::debug!("leases of the store: {error}");
        }
        sleep(RETRY).await;
    }
}

/// One entry's lease, counted from when it was last seen written.
struct Lease {
    revision: Revision,
    length: Duration,
    end: Instant,
}

impl Lease {
    fn begin_anew(&mut self) {
        self.end = Instant::now() + self.length;
    }
}

type Leases = HashMap<(Namespace, String), Lease>;

/// Follows the entries with a lease until the watch breaks.
async fn follow(kv: &dyn Kv) -> Result<(), Error> {
    let mut watch = kv.leases().await?;
    let mut health = kv.health();
    let mut leases = Leases::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Renewals are seen before any lease ends.
            biased;
            leased = watch.next() => match leased {
                Some(leased) => note(&mut leases, leased?),
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                if interrupted(&mut health) || !end_overdue(kv, &mut leases).await {
                    leases.values_mut().for_each(Lease::begin_anew);
                }
            }
        }
    }
}

fn note(leases: &mut Leases, Leased { namespace, key, revision, lease }: Leased) {
    let lease = Lease { revision, length: lease, end: Instant::now() + lease };
    leases.insert((namespace, key), lease);
}

/// Whether the store is away or was since the last check.
fn interrupted(health: &mut watch::Receiver<Health>) -> bool {
    let has_changed = health.has_changed().unwrap_or(false);
    has_changed | (*health.borrow_and_update() != Health::GOOD)
}

/// Deletes what was not renewed in time. Says whether the store took it.
async fn end_overdue(kv: &dyn Kv, leases: &mut Leases) -> bool {
    let now = Instant::now();
    let overdue = leases.iter().filter(|(_, lease)| lease.end <= now);
    let overdue: Vec<_> = overdue.map(|(place, lease)| (place.clone(), lease.revision)).collect();
    for (place, revision) in overdue {
        let (namespace, key) = &place;
        match kv.delete(*namespace, key, Some(revision)).await {
            Ok(()) => tracing::debug!("the lease of {namespace} {key} ended"),
            // Written again or deleted since: if it has a lease still, the watch shows it.
            Err(Error::Conflict) => {}
            Err(Error::Busy) => continue,
            Err(_) => return false,
        }
        leases.remove(&place);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Engine, Store};

    const NODES: Namespace = Namespace::new("nodes");

    const LEASE: Duration = Duration::from_secs(10);

    async fn kv() -> Arc<dyn Kv> {
        Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap().kv
    }

    async fn put(kv: &dyn Kv, key: &str, lease: Option<Duration>) -> Revision {
        kv.put(NODES, key, "".into(), lease).await.unwrap()
    }

    async fn is_there(kv: &dyn Kv, key: &str) -> bool {
        kv.get(NODES, key).await.unwrap().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_goes_when_its_lease_ends_and_not_before() {
        let kv = kv().await;
        put(&*kv, "leased", Some(LEASE)).await;
        put(&*kv, "for ever", None).await;
        let task = tokio::spawn(run(Arc::clone(&kv)));
        sleep(LEASE - TICK).await;
        assert!(is_there(&*kv, "leased").await);
        sleep(3 * TICK).await;
        assert!(!is_there(&*kv, "leased").await && is_there(&*kv, "for ever").await);
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_entry_stays_and_one_that_lost_its_lease_too() {
        let kv = kv().await;
        put(&*kv, "freed", Some(LEASE)).await;
        let task = tokio::spawn(run(Arc::clone(&kv)));
        for _ in 0..8 {
            put(&*kv, "renewed", Some(LEASE)).await;
            sleep(LEASE / 2).await;
            put(&*kv, "freed", None).await;
        }
        assert!(is_there(&*kv, "renewed").await && is_there(&*kv, "freed").await);
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_was_not_seen_yet_wins() {
        let kv = kv().await;
        let seen = put(&*kv, "a", Some(LEASE)).await;
        put(&*kv, "a", Some(LEASE)).await;
        let overdue = Lease { revision: seen, length: LEASE, end: Instant::now() };
        let mut leases = Leases::from([((NODES, "a".to_owned()), overdue)]);
        assert!(end_overdue(&*kv, &mut leases).await);
        assert!(is_there(&*kv, "a").await);
    }
}
