//! Ends leases: the one place where it is done, above both engines.
//!
//! Each main server counts by its own clock from the moment it sees a write, so no two clocks have to agree; an entry
//! may outlast its lease by the time between two looks and, when a main server starts, by one lease. It never goes
//! early. The deletion names the revision that was seen: a renewal always wins, and of several main servers one
//! deletes. While the store cannot be reached or written nothing counts, because nobody could renew; then all leases
//! begin anew.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{Bucket, Error, Event, Health, Kv, Revision};

/// How often it looks.
const TICK: Duration = Duration::from_millis(250);
/// Pause before a broken watch is begun again.
const RETRY: Duration = Duration::from_secs(1);

/// Ends leases in all buckets until it is dropped. Every main server runs one.
pub(crate) async fn run(kv: Arc<dyn Kv>) {
    let [streams, nodes, keys, settings] = Bucket::ALL.map(|bucket| end_leases(&*kv, bucket));
    tokio::join!(streams, nodes, keys, settings);
}

async fn end_leases(kv: &dyn Kv, bucket: Bucket) {
    loop {
        if let Err(error) = follow(kv, bucket).await {
            tracing::debug!("leases of {}: {error}", bucket.name());
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

type Leases = HashMap<String, Lease>;

/// Follows a bucket until its watch breaks.
async fn follow(kv: &dyn Kv, bucket: Bucket) -> Result<(), Error> {
    let mut watch = kv.watch(bucket, None).await?;
    let mut health = kv.health();
    let mut leases = Leases::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // First what is there to be seen, renewals above all.
            biased;
            event = watch.next() => match event {
                Some(event) => note(&mut leases, event?),
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                if interrupted(&mut health) || !end_overdue(kv, bucket, &mut leases).await {
                    leases.values_mut().for_each(Lease::begin_anew);
                }
            }
        }
    }
}

fn note(leases: &mut Leases, event: Event) {
    match event {
        Event::Put(entry) => match entry.lease {
            Some(length) => {
                let lease = Lease { revision: entry.revision, length, end: Instant::now() + length };
                leases.insert(entry.key, lease);
            }
            None => drop(leases.remove(&entry.key)),
        },
        Event::Deleted { key, .. } => drop(leases.remove(&key)),
        Event::Current => {}
    }
}

/// Whether the store is away or was since the last look.
fn interrupted(health: &mut watch::Receiver<Health>) -> bool {
    let has_changed = health.has_changed().unwrap_or(false);
    has_changed | (*health.borrow_and_update() != Health::GOOD)
}

/// Deletes what was not renewed in time; says whether the store took it. What goes is forgotten when the watch shows it.
async fn end_overdue(kv: &dyn Kv, bucket: Bucket, leases: &mut Leases) -> bool {
    let now = Instant::now();
    let overdue = leases.iter().filter(|(_, lease)| lease.end <= now);
    let overdue: Vec<_> = overdue.map(|(key, lease)| (key.clone(), lease.revision)).collect();
    for (key, revision) in overdue {
        match kv.delete(bucket, &key, Some(revision)).await {
            Ok(()) => tracing::debug!("the lease of {} {key} ended", bucket.name()),
            // Renewed, or another main server was first: the watch shows which. If the store is busy it is tried again.
            Err(Error::Conflict | Error::Busy) => {}
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Persistence, store::Store};

    const LEASE: Duration = Duration::from_secs(10);

    async fn kv() -> Arc<dyn Kv> {
        Store::open(&Persistence::SqliteInMemory, Path::new("unused")).await.unwrap().kv
    }

    async fn put(kv: &dyn Kv, key: &str, lease: Option<Duration>) -> Revision {
        kv.put(Bucket::Nodes, key, "".into(), lease).await.unwrap()
    }

    async fn is_there(kv: &dyn Kv, key: &str) -> bool {
        kv.get(Bucket::Nodes, key).await.unwrap().is_some()
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
        let mut leases = Leases::from([("a".to_owned(), overdue)]);
        assert!(end_overdue(&*kv, Bucket::Nodes, &mut leases).await);
        assert!(is_there(&*kv, "a").await);
    }
}
