//! Write-behind: brings into the store what no caller waits for, newest state only.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Host, Record, Replicated, replica::Save};
use crate::{Error, Expect, Revision};

/// Pause after a failure of the store.
const RETRY: Duration = Duration::from_secs(1);
/// Pause before a record is tried again whose entry cannot be read, unless either changes before.
const RETRY_UNREADABLE: Duration = Duration::from_secs(30);
/// Most writes under way: one commit carries them all.
const AT_A_TIME: usize = 256;
/// Longest time for which a stopping process keeps saving.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

impl<T: Record, H: Host<T>> Replicated<T, H> {
    /// Saves what changes until `shutdown`, and once more then.
    pub async fn save(&self, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(self.until_unsaved()).await.is_some() {
            if shutdown.run_until_cancelled(self.save_queued()).await == Some(false) {
                shutdown.run_until_cancelled(sleep(RETRY)).await;
            }
        }
        self.host.replica(|replica| replica.queue_all());
        drop(timeout(SHUTDOWN_TIMEOUT, self.save_rest()).await);
        let left = self.host.replica(|replica| replica.unsaved());
        if left > 0 {
            tracing::warn!("{left} changes of {} were not saved before the stop", T::NAMESPACE);
        }
    }

    /// Saves what is queued until nothing is: a conflict queues the merged record again.
    async fn save_rest(&self) {
        while self.host.replica(|replica| replica.has_unsaved(Instant::now().into_std())) {
            if !self.save_queued().await {
                sleep(RETRY).await;
            }
        }
    }

    async fn until_unsaved(&self) {
        loop {
            let now = Instant::now().into_std();
            let (has_unsaved, due) =
                self.host.replica(|replica| (replica.has_unsaved(now), replica.next_due()));
            match due {
                _ if has_unsaved => return,
                Some(due) => timeout_at(due, self.unsaved.notified()).await,
                None => self.unsaved.notified().await,
            }
        }
    }

    /// Tries once to save what is queued. False if the store failed; what other processes changed meanwhile is queued again.
    /// What the store refuses is tried again when it changes.
    async fn save_queued(&self) -> bool {
        let now = Instant::now().into_std();
        let queued = self.host.replica(|replica| replica.take_unsaved(now));
        let mut failures = stream::iter(queued)
            .map(|key| async move {
                let failure = self.save_one(&key).await.err();
                match failure {
                    Some(Error::Invalid(why)) => {
                        tracing::error!("record {key} of {} cannot be saved: {why}", T::NAMESPACE);
                        None
                    }
                    // The entry that cannot be read has been logged.
                    Some(Error::Conflict) => {
                        let due = Instant::now() + RETRY_UNREADABLE;
                        self.host.replica(|replica| replica.put_off(&key, due.into_std()));
                        None
                    }
                    failure => {
                        self.host.replica(|replica| replica.put_back(&key));
                        failure
                    }
                }
            })
            .buffer_unordered(AT_A_TIME)
            .filter_map(std::future::ready);
        let mut failures = std::pin::pin!(failures.by_ref());
        let Some(error) = failures.next().await else { return true };
        let count = failures.count().await + 1;
        match error {
            Error::Busy => tracing::debug!("{count} changes of {} wait for other writers", T::NAMESPACE),
            error => {
                tracing::error!(
                    "{count} changes of {} could not be saved, trying again: {error}",
                    T::NAMESPACE
                );
            }
        }
        false
    }

    /// Saves one record. What another process wrote meanwhile is merged with it; the next try saves the outcome.
    async fn save_one(&self, key: &T::Key) -> Result<(), Error> {
        let (save, known) = self.host.replica(|replica| (replica.to_save(key), replica.revision(key)));
        let saved = match save {
            None => return Ok(()),
            Some(Save::Delete(Revision::NONE)) => {
                self.with(|replica| replica.forget(key, Revision::NONE));
                Ok(())
            }
            Some(Save::Put(record, Revision::NONE)) => {
                self.write(key, record, Expect::Absent).await.map(drop)
            }
            Some(Save::Put(record, revision)) => {
                self.write(key, record, Expect::Revision(revision)).await.map(drop)
            }
            Some(Save::Delete(revision)) => self.delete(key, revision).await,
        };
        match saved {
            Err(Error::Conflict) => self.resolve(key, known).await,
            saved => saved,
        }
    }
}

async fn timeout_at(due: std::time::Instant, wake: impl Future<Output = ()>) {
    tokio::select! {
        () = wake => {}
        () = sleep_until(due.into()) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path, sync::Arc};

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Engine, Kv, Namespace, Store};

    /// A set that processes add names to.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Names(BTreeSet<String>);

    impl Record for Names {
        type Key = String;
        const NAMESPACE: Namespace = Namespace::new("names");

        fn merge(&mut self, other: &Self) {
            self.0.extend(other.0.iter().cloned());
        }
    }

    const KEY: &str = "a";

    /// A view that knows a record and has an unsaved change of it, with its store.
    async fn unsaved() -> (Arc<dyn Kv>, Replicated<Names>) {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let names = Replicated::shared(Arc::clone(&store.kv));
        names.create(&KEY.into(), Names(BTreeSet::new())).await.unwrap();
        assert!(names.with(|replica| replica.update(&KEY.into(), |names| names.0.extend(["here".into()]))));
        (store.kv, names)
    }

    fn is_tried_at_once(names: &Replicated<Names>) -> bool {
        names.with(|replica| replica.has_unsaved(Instant::now().into_std()))
    }

    #[tokio::test]
    async fn a_record_that_another_process_wrote_unreadably_is_not_tried_again_at_once() {
        let (kv, names) = unsaved().await;
        kv.put(Names::NAMESPACE, KEY, "{}".into(), None).await.unwrap();
        assert!(names.save_queued().await, "the store works");
        assert!(!is_tried_at_once(&names) && names.with(|replica| replica.next_due()).is_some());

        // Once it can be read, both versions are merged and saved.
        kv.put(Names::NAMESPACE, KEY, r#"["there"]"#.into(), None).await.unwrap();
        names.look_up(&KEY.into()).await.unwrap();
        assert!(names.save_queued().await && !is_tried_at_once(&names));
        let saved = kv.get(Names::NAMESPACE, KEY).await.unwrap().unwrap();
        assert_eq!(&*saved.value, br#"["here","there"]"#);
    }

    #[tokio::test]
    async fn a_conflict_with_an_entry_that_is_gone_by_now_is_resolved() {
        let (_, names) = unsaved().await;
        let key = "new".to_owned();
        names.with(|replica| replica.insert(key.clone(), Names(BTreeSet::new())));
        assert_eq!(names.resolve(&key, None).await, Ok(()));
    }

    #[tokio::test]
    async fn a_record_that_the_store_refuses_is_tried_again_once_it_changes_and_not_before() {
        let (_, names) = unsaved().await;
        let large = "a".repeat(crate::MAX_VALUE_BYTES);
        names.with(|replica| replica.update(&KEY.into(), |names| names.0.extend([large])));
        assert!(names.save_queued().await, "the store works");
        assert!(!is_tried_at_once(&names) && names.with(|replica| replica.next_due()).is_none());
        names.with(|replica| replica.update(&KEY.into(), |names| names.0 = ["small".into()].into()));
        assert!(is_tried_at_once(&names) && names.save_queued().await);
        assert_eq!(names.with(|replica| replica.unsaved()), 0);
    }

    #[tokio::test]
    async fn the_last_save_of_a_process_tries_again_after_a_conflict() {
        let (kv, names) = unsaved().await;
        kv.put(Names::NAMESPACE, KEY, r#"["there"]"#.into(), None).await.unwrap();
        let stopped = CancellationToken::new();
        stopped.cancel();
        names.save(&stopped).await;
        let saved = kv.get(Names::NAMESPACE, KEY).await.unwrap().unwrap();
        assert_eq!(&*saved.value, br#"["here","there"]"#);
    }
}
