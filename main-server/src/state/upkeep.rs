//! What keeps the state in sync with the store and the other main servers, and lets time pass.

use std::{sync::Arc, time::Duration};

use store::{Record as _, leases};
use tokio::time::{MissedTickBehavior, interval};

use super::{ClusterState, catalogue::record::Record, registry::record::Registration, totals::Totals};
use crate::{
    clock::Now,
    feature::{Context, Feature},
};

/// How often ended leases and met deadlines are looked for.
const EXPIRY_TICK: Duration = Duration::from_millis(250);
/// How often listeners get changes: at most two a second per stream.
const CHANGES_TICK: Duration = Duration::from_millis(500);

/// The state as a feature: it has no routes.
pub(crate) fn feature(context: &Context, state: &Arc<ClusterState>) -> Feature {
    context.metrics.collect(Totals(Arc::clone(state)));
    let [loading, streams, nodes, following, expiring, saving] = [(); 6].map(|()| Arc::clone(state));
    Feature::default()
        .loading(move || {
            let state = Arc::clone(&loading);
            async move { state.load().await }
        })
        .hears_entries(Record::NAMESPACE, move |entry| streams.stream_records.hear(entry))
        .hears_entries(Registration::NAMESPACE, move |entry| nodes.node_records.hear(entry))
        .task("watch of the store", async move { following.follow().await })
        .task("expiry of leases and streams", async move { upkeep(&expiring).await })
        .task("leases of the store", leases::run(Arc::clone(&context.store.kv)))
        .saving("write-behind", |shutdown| async move { saving.save(&shutdown).await })
}

async fn upkeep(state: &ClusterState) {
    let (mut expiry, mut changes) = (interval(EXPIRY_TICK), interval(CHANGES_TICK));
    expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Now::read();
    loop {
        tokio::select! {
            _ = expiry.tick() => {
                let now = Now::read();
                state.expire(before, now);
                before = now;
            }
            _ = changes.tick() => state.tell_changes(),
        }
    }
}
