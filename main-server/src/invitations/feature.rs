//! Invitations as a feature: what keeps them in sync with the store, and the end of those whose stream is over or
//! whose item is gone. Their routes are among those of streams and of the library.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{Invitations, record::Key};
use crate::{clock::Now, feature::Feature, library::Library, state::ClusterState, subject::Subject};

/// Longest time between two looks for invitations whose stream is over or whose item is gone.
const TIDY_INTERVAL: Duration = Duration::from_secs(60);
/// Shortest time between two looks for revocations.
const REVOKED_INTERVAL: Duration = Duration::from_millis(100);

/// The tasks of invitations.
pub(crate) fn feature(
    state: &Arc<ClusterState>,
    library: &Arc<Library>,
    invitations: &Arc<Invitations>,
) -> Feature {
    let [loading, following, revoking, tidying, saving] = [(); 5].map(|()| Arc::clone(invitations));
    let (state, library) = (Arc::clone(state), Arc::clone(library));
    Feature::default()
        .loading(move || {
            let invitations = Arc::clone(&loading);
            async move { invitations.load().await }
        })
        .task("watch of invitations", async move { following.invitations.follow().await })
        .task("revoked invitations", async move { follow_revoked(&revoking).await })
        .task("end of invitations", async move { tidy(&tidying, &state, &library).await })
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

async fn tidy(invitations: &Invitations, state: &ClusterState, library: &Library) {
    loop {
        sleep(TIDY_INTERVAL).await;
        for key in invitations.keys() {
            // A later look deletes what cannot be deleted now.
            drop(remove_if_over(invitations, state, library, &key).await);
        }
    }
}

async fn remove_if_over(
    invitations: &Invitations,
    state: &ClusterState,
    library: &Library,
    key: &Key,
) -> Result<(), store::Error> {
    let is_over = match key.subject {
        Subject::Item(item_id) => library.find(item_id).await?.is_none(),
        Subject::Stream(stream_id) => {
            let runs = || state.read_streams(|catalogue, _| catalogue.running(stream_id).is_ok());
            if !runs() {
                state.stream_records.look_up(&stream_id).await?;
            }
            !runs()
        }
    };
    if is_over { invitations.invitations.remove(key).await } else { Ok(()) }
}
