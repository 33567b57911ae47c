//! Brings what follows from heartbeats and deadlines into the store, newest state only.
//!
//! The view remembers which streams changed, not how often; so however slow the store is, no more than one record per
//! stream waits. What could not be saved goes back and is tried again.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use protocol::StreamId;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{control::ControlPlane, nodes::registry::Renewal};

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Most writes under way: one commit carries them all.
const AT_A_TIME: usize = 256;
/// Longest that a server that stops goes on saving.
const LAST_WORDS: Duration = Duration::from_secs(2);

enum Write {
    Stream(StreamId),
    Node(Renewal),
}

/// Saves what changes in `control` until `shutdown`, and once more then.
pub(crate) async fn run(control: &ControlPlane, shutdown: &CancellationToken) {
    while let Some(()) = shutdown.run_until_cancelled(control.until_unsaved()).await {
        if shutdown.run_until_cancelled(save(control)).await == Some(false) {
            shutdown.run_until_cancelled(sleep(RETRY)).await;
        }
    }
    control.take_all_again();
    if timeout(LAST_WORDS, save(control)).await != Ok(true) {
        tracing::warn!("not everything could be saved: what is missing will be seen as interrupted");
    }
}

/// Saves what changed; says whether all of it is saved.
async fn save(control: &ControlPlane) -> bool {
    let (streams, renewals) = control.take_unsaved();
    let writes = streams.into_iter().map(Write::Stream).chain(renewals.into_iter().map(Write::Node));
    let mut failures = stream::iter(writes)
        .map(|write| async move { apply(control, write).await.err() })
        .buffer_unordered(AT_A_TIME)
        .filter_map(std::future::ready);
    let mut failures = std::pin::pin!(failures.by_ref());
    let Some(error) = failures.next().await else { return true };
    let others = failures.count().await;
    match error {
        store::Error::Busy => tracing::debug!("{} changes wait for others, trying again", others + 1),
        error => tracing::error!("{} changes could not be saved, trying again: {error}", others + 1),
    }
    false
}

async fn apply(control: &ControlPlane, write: Write) -> Result<(), store::Error> {
    match write {
        Write::Stream(stream_id) => {
            control.save(stream_id).await.inspect_err(|_| control.put_back(stream_id))
        }
        Write::Node(renewal) => control.renew(renewal).await,
    }
}
