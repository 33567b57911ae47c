//! Write-behind: brings into the store what no caller waits for, newest state only.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Host, Record, Replicated, replica::Save};
use crate::{Error, Expect, Revision};

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
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
        if timeout(SHUTDOWN_TIMEOUT, self.save_queued()).await != Ok(true) {
            tracing::warn!("not every change of {} could be saved", T::NAMESPACE);
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

    /// Saves what is queued. Says whether all of it is saved.
    async fn save_queued(&self) -> bool {
        let now = Instant::now().into_std();
        let queued = self.host.replica(|replica| replica.take_unsaved(now));
        let mut failures = stream::iter(queued)
            .map(|key| async move {
                let failure = self.save_one(&key).await.err();
                // It may have failed, or changed meanwhile.
                self.host.replica(|replica| replica.put_back(&key));
                failure
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
        let saved = match self.host.replica(|replica| replica.to_save(key)) {
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
            Err(Error::Conflict) => self.look_up(key).await,
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
