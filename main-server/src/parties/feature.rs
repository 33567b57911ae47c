//! The feature of parties: their routes, the synchronisation of their records with the store, and background
//! work.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Parties, presence, reports, routes, upkeep};
use crate::{
    feature::{Context, Feature},
    library::ItemNodes,
};

/// The routes of parties, and the background tasks of their records. Accounts, invitations, the library and
/// streams are loaded before.
pub(crate) fn feature(context: &Context, nodes: ItemNodes, parties: &Arc<Parties>) -> Feature {
    let [loading, watching, ticking, following, keeping, carried, reported, counted, listening] =
        [(); 9].map(|()| Arc::clone(parties));
    context.metrics.gauge("undead_parties", "Parties that are not over", move || {
        counted.table.all(|records| records.iter().filter(|(_, record)| !record.is_ended()).count()) as u64
    });
    context.metrics.gauge("undead_party_listeners", "Open event streams of members of parties", move || {
        listening.table.listeners() as u64
    });
    let api = routes::Api::new(context, nodes, parties);
    Feature::new(routes::router(Arc::new(api)))
        .loading(move || {
            let parties = Arc::clone(&loading);
            async move { parties.load().await }
        })
        .hears(presence::CARRIED, move |payload| carried.presence.hear(&payload, Instant::now()))
        .hears(reports::REPORTED, move |payload| {
            let is_member = |party_id, member| reported.is_member(party_id, member);
            reported.reports.hear(&payload, is_member);
        })
        .task("watch of parties", async move { watching.records.follow().await })
        .task("time of parties", upkeep::tick(ticking))
        .task("presence in parties", upkeep::follow(following))
        .task("upkeep of parties", upkeep::look_after(keeping))
}
