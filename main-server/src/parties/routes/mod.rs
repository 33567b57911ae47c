//! `/api/parties`, `/api/people` and `/api/clock`.

mod clock;
mod commands;
mod events;
mod extract;
mod invitations;
mod join;
mod list;
mod play;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    routing::{delete, get, post},
};
use tokio_util::sync::CancellationToken;

use super::Parties;
use crate::{
    api::caller::Credentials, auth::Grants, cluster::partition::Partition, feature::Context,
    library::ItemNodes, metrics::Counter,
};

/// The shared state of the handlers.
pub(super) struct Api {
    parties: Arc<Parties>,
    credentials: Credentials,
    grants: Arc<Grants>,
    partition: Arc<Partition>,
    /// Chooses the nodes that serve items.
    nodes: ItemNodes,
    /// Cancelled when event streams must end.
    closing: CancellationToken,
    created: Counter,
    commands: Counter,
}

impl Api {
    pub(super) fn new(context: &Context, nodes: ItemNodes, parties: &Arc<Parties>) -> Self {
        Self {
            parties: Arc::clone(parties),
            credentials: context.credentials.clone(),
            grants: Arc::clone(&context.grants),
            partition: Arc::clone(&context.partition),
            nodes,
            closing: context.closing.clone(),
            created: context.metrics.counter("undead_parties_created", "Parties created"),
            commands: context.metrics.counter("undead_party_commands", "Commands of members accepted"),
        }
    }
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of parties.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/parties", get(list::list).post(join::create))
        .route("/api/parties/{party_id}", get(state::show))
        .route("/api/parties/{party_id}/join", post(join::join))
        .route("/api/parties/{party_id}/leave", post(join::leave))
        .route("/api/parties/{party_id}/commands", post(commands::command))
        .route("/api/parties/{party_id}/report", post(commands::report))
        .route("/api/parties/{party_id}/events", get(events::listen))
        .route("/api/parties/{party_id}/play", post(play::play))
        .route("/api/parties/{party_id}/invitations", get(invitations::list).post(invitations::create))
        .route("/api/parties/{party_id}/invitations/{invitation_id}", delete(invitations::revoke))
        .route("/api/people", get(list::people))
        .with_state(api)
        .route("/api/clock", post(clock::clock))
}
