//! Stream keys as a feature: their routes, what keeps them in sync with the store, and the end of streams whose key is gone.

use std::sync::Arc;

use super::{StreamKeys, revocation::Revocation, routes};
use crate::{
    accounts::Accounts,
    feature::{Context, Feature},
    state::ClusterState,
};

/// The routes of stream keys, and the tasks of their records.
pub(crate) fn feature(
    context: &Context,
    state: &Arc<ClusterState>,
    accounts: &Arc<Accounts>,
    keys: &Arc<StreamKeys>,
) -> Feature {
    let [loading, following, saving] = [(); 3].map(|()| Arc::clone(keys));
    let revocation = Revocation::new(Arc::clone(keys), Arc::clone(accounts), Arc::clone(state));
    Feature::new(routes::router(Arc::clone(keys), context.credentials.clone()))
        .loading(move || {
            let keys = Arc::clone(&loading);
            async move { keys.load().await }
        })
        .task("watch of stream keys", async move { following.keys.follow().await })
        .task("end of streams whose key is gone", async move { revocation.run().await })
        .saving("last uses of stream keys", |shutdown| async move { saving.keys.save(&shutdown).await })
}
