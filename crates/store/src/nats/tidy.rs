//! Background work: checks whether writing works again, and removes old deletions.
//!
//! A deletion leaves a mark, for watches from a revision. Marks older than an hour are purged now and then, after the greatest
//! of their revisions was noted: a watch from an earlier revision is refused. Every process does that; doing it
//! twice does no harm.

use std::{
    sync::Weak,
    time::{Duration, SystemTime},
};

use tokio::time::{sleep, timeout};

use super::{
    Nats, key,
    message::{Body, is_deletion, unavailable},
    watch::Delivery,
    write::Write,
};
use crate::Error;

/// How often a store that failed is tried.
const PROBE: Duration = Duration::from_secs(1);
/// How often old marks are looked for.
const TIDY: Duration = Duration::from_secs(20 * 60);
/// How long a mark is kept.
pub(super) const KEEP: Duration = Duration::from_secs(60 * 60);
/// Longest pause between two messages: after that, no more are coming.
const PAUSE: Duration = Duration::from_secs(5);

/// Tries to write while writing fails, until the store is closed.
pub(super) async fn probe(nats: Weak<Nats>) {
    loop {
        sleep(PROBE).await;
        let Some(nats) = nats.upgrade() else { return };
        if !nats.health.borrow().writable {
            let body = Body::Put { value: "".into(), lease: None };
            let _ = nats.write(key::PROBE.into(), body, None).await;
        }
    }
}

/// Forgets old deletions now and then, until the store is closed.
pub(super) async fn tidy(nats: Weak<Nats>) {
    loop {
        sleep(TIDY).await;
        let Some(nats) = nats.upgrade() else { return };
        match forget(&nats, KEEP).await {
            Ok(forgotten) => tracing::debug!("{forgotten} deletions forgotten"),
            Err(error) => tracing::warn!("cannot remove old deletions: {error}"),
        }
    }
}

/// Forgets deletions of more than `keep` ago.
pub(super) async fn forget(nats: &Nats, keep: Duration) -> Result<usize, Error> {
    let marks = marks(nats, SystemTime::now() - keep).await?;
    let Some(greatest) = marks.iter().map(|(_, sequence)| *sequence).max() else { return Ok(0) };
    let body = Body::Put { value: greatest.to_string().into(), lease: None };
    Write::new(nats, key::FORGOTTEN.into(), body, None)?.run().await?;
    for (subject, sequence) in &marks {
        // Up to the mark only: what was written after it stays.
        let purge = nats.stream.purge().filter(subject).sequence(sequence + 1);
        purge.await.map_err(|error| unavailable(&error))?;
    }
    Ok(marks.len())
}

/// Subjects and sequences of the deletions before `before`.
async fn marks(nats: &Nats, before: SystemTime) -> Result<Vec<(String, u64)>, Error> {
    let info = nats.stream.get_info().await.map_err(|error| unavailable(&error))?;
    let mut delivery = Delivery::start(nats, key::SUBJECTS.into(), 1, true).await?;
    let (mut marks, mut seen) = (Vec::new(), 0);
    while seen < info.state.last_sequence {
        // The last ones were purged by another process.
        let Ok(next) = timeout(PAUSE, delivery.next()).await else { break };
        let (sequence, message) = next?;
        seen = sequence;
        let written = message.info().map_err(|error| unavailable(&error))?.published;
        if SystemTime::from(written) > before {
            break;
        }
        if message.headers.as_ref().is_some_and(is_deletion) {
            marks.push((message.subject.to_string(), sequence));
        }
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use nats_harness::Servers;
    use supervisor::Supervisor;

    use super::*;
    use crate::{Engine, Event, Expect, Kv, Namespace};

    const NODES: Namespace = Namespace::new("nodes");

    #[tokio::test]
    async fn an_old_deletion_is_forgotten_and_who_watches_from_before_it_is_told() {
        let servers = Servers::start(1).unwrap();
        let Ok(Engine::Nats(addresses, access)) = servers.urls().parse() else { panic!() };
        let nats = Nats::open(&addresses, &access, &Supervisor::new()).await.unwrap();
        let first = nats.put(NODES, "kept", "1".into(), None).await.unwrap();
        for key in ["gone", "back"] {
            nats.put(NODES, key, "1".into(), None).await.unwrap();
            nats.delete(NODES, key, None).await.unwrap();
        }
        let back = nats.put(NODES, "back", "2".into(), None).await.unwrap();
        assert_eq!(forget(&nats, KEEP).await, Ok(0), "it is too young");
        let mut early = nats.watch(NODES, "", Some(first)).await.unwrap();
        assert!(matches!(early.next().await, Some(Ok(Event::Deleted { .. }))));
        assert_eq!(forget(&nats, Duration::ZERO).await, Ok(1), "only one is still deleted");

        assert_eq!(nats.watch(NODES, "", Some(first)).await.err(), Some(Error::Compacted));
        assert!(nats.watch(NODES, "", Some(back)).await.is_ok());
        let keys = nats.entries(NODES, "").await.unwrap().into_iter().map(|entry| entry.key);
        assert_eq!(keys.collect::<Vec<_>>(), ["back", "kept"]);
        let again = nats.compare_and_set(NODES, "gone", "2".into(), None, Expect::Absent).await;
        assert!(again.unwrap() > back, "revisions go on");
    }
}
