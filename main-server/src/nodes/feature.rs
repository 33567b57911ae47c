//! Nodes as a feature: their routes, and the heartbeats that other main servers receive.

use std::sync::Arc;

use super::{
    Nodes,
    forwarded::{HEARTBEAT, Receiver},
    routes,
};
use crate::{
    feature::{Context, Feature},
    invitations::Invitations,
    recordings::Recordings,
    state::ClusterState,
};

/// The routes of nodes, and what is heard of nodes from other main servers.
pub(crate) fn feature(
    context: &Context,
    state: &Arc<ClusterState>,
    invitations: &Arc<Invitations>,
    recordings: &Arc<Recordings>,
) -> Feature {
    let nodes = Arc::new(Nodes::new(context, state, invitations));
    let (receiver, forwarded) = (Receiver::default(), Arc::clone(&nodes));
    let refused = context.metrics.counter("undead_registrations_refused", "Nodes refused");
    let api = routes::Api {
        nodes,
        state: Arc::clone(state),
        recordings: Arc::clone(recordings),
        grants: Arc::clone(&context.grants),
        credentials: context.credentials.clone(),
        heartbeat: context.config.heartbeat,
        lease: context.config.lease,
        heartbeats: context.metrics.counter("undead_heartbeats", "Heartbeats accepted"),
        refused,
    };
    Feature::new(routes::router(Arc::new(api))).hears(HEARTBEAT, move |payload| {
        if let Some(heartbeat) = receiver.receive(payload) {
            forwarded.apply_forwarded(&heartbeat);
        }
    })
}
