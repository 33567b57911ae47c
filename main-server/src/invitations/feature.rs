//! Invitations as a feature: what keeps them in sync with the store, and the end of those whose stream is over.
//! Their routes are among those of streams and of the library, which ends those of its items.

use std::{sync::Arc, time::Duration};

use protocol::StreamId;
use tokio::time::{sleep, timeout};

use super::Invitations;
use crate::{clock::Now, feature::Feature, state::ClusterState, subject::Subject};

/// Longest time between two looks for invitations whose stream is over.
const TIDY_INTERVAL: Duration = Duration::from_secs(60);
/// Shortest time between two looks for revocations.
const REVOKED_INTERVAL: Duration = Duration::from_millis(100);

/// The tasks of invitations.
pub(crate) fn feature(state: &Arc<ClusterState>, invitations: &Arc<Invitations>) -> Feature {
    let [loading, following, revoking, tidying, saving] = [(); 5].map(|()| Arc::clone(invitations));
    let state = Arc::clone(state);
    Feature::default()
        .loading(move || {
            let invitations = Arc::clone(&loading);
            async move { invitations.load().await }
        })
        .task("watch of invitations", async move { following.invitations.follow().await })
        .task("revoked invitations", async move { follow_revoked(&revoking).await })
        .task("end of invitations", async move { tidy(&tidying, &state).await })
        .saving("uses of invitations", |shutdown| async move { saving.invitations.save(&shutdown).await })
}

async fn follow_revoked(invitations: &Invitations) {
    let mut changed = invitations.invitations.host().changed();
    loop {
        invitations.note_revoked(Now::read());
        // Looked for again without a change, because nodes are told of a revocation for some time only.
        let _ = timeout(TIDY_INTERVAL, changed.changed()).await;
        sleep(REVOKED_INTERVAL).await;
    }
}

async fn tidy(invitations: &Invitations, state: &ClusterState) {
    loop {
        sleep(TIDY_INTERVAL).await;
        for key in invitations.keys() {
            // The library and parties end their own.
            let Subject::Stream(stream_id) = key.subject else { continue };
            // A later look removes what cannot be removed now.
            if matches!(is_over(state, stream_id).await, Ok(true)) {
                drop(invitations.remove(&key).await);
            }
        }
    }
}

/// Whether a stream is over, as the store knows as well.
async fn is_over(state: &ClusterState, stream_id: StreamId) -> Result<bool, store::Error> {
    let runs = || state.read_streams(|catalogue, _| catalogue.running(stream_id).is_ok());
    if !runs() {
        state.stream_records.look_up(&stream_id).await?;
    }
    Ok(!runs())
}
