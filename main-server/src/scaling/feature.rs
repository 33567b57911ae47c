//! Scaling as a feature: `GET /api/scaling`, and a signal that is current between requests.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{Bounds, Signal, routes};
use crate::{
    clock::Now,
    feature::{Context, Feature},
    state::ClusterState,
};

/// How often the load is looked at to say how many nodes it wants.
const TICK: Duration = Duration::from_secs(1);

/// The routes and the task of the scaling signal.
pub(crate) fn feature(context: &Context, state: &Arc<ClusterState>) -> Feature {
    let scaling = Arc::new(Signal::new(context.config.scale_down_after, context.config.scaling));
    let [wanted, watching] = [(); 2].map(|()| Arc::clone(&scaling));
    let help = "Nodes the present load wants; see GET /api/scaling";
    context.metrics.gauge("undead_nodes_wanted", help, move || wanted.wanted().into());
    let watched = Arc::clone(state);
    let credentials = context.credentials.clone();
    Feature::new(routes::router(Arc::new(routes::Api { scaling, state: Arc::clone(state), credentials })))
        .task("scaling signal", async move { watch_load(&watching, &watched).await })
}

/// Keeps the scaling signal current between requests for it, and logs when it changes.
async fn watch_load(signal: &Signal, state: &ClusterState) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wanted = signal.wanted();
    loop {
        ticks.tick().await;
        let now = Now::read();
        let scaling = signal.update(&state.list_nodes(now), Bounds::ANY, now.instant);
        if wanted != scaling.wanted {
            wanted = scaling.wanted;
            tracing::info!(wanted, nodes = scaling.nodes, "scaling: {}", scaling.reason);
        }
    }
}
