//! The feature of the library: its routes, and the synchronisation of its records with the store.

use std::sync::Arc;

use super::{ItemNodes, Library, retention, routes};
use crate::{
    broadcasters::Broadcasters,
    feature::{Context, Feature},
    invitations::Invitations,
};

/// The routes of the library, and the background tasks of its records.
pub(crate) fn feature(
    context: &Context,
    nodes: &ItemNodes,
    broadcasters: &Arc<Broadcasters>,
    invitations: &Arc<Invitations>,
    library: &Arc<Library>,
) -> Feature {
    let [loading, following, retaining, tidying, saving] = [(); 5].map(|()| Arc::clone(library));
    let ending = Arc::clone(invitations);
    let api = routes::Api {
        library: Arc::clone(library),
        nodes: nodes.clone(),
        grants: Arc::clone(&context.grants),
        objects: context.objects.clone(),
        passphrases: Arc::clone(&context.passphrases),
        broadcasters: Arc::clone(broadcasters),
        invitations: Arc::clone(invitations),
        partition: Arc::clone(&context.partition),
        credentials: context.credentials.clone(),
        play_grants: context
            .metrics
            .counter("undead_play_grants", "Grants for items of the library handed out"),
        closing: context.closing.clone(),
    };
    Feature::new(routes::router(Arc::new(api)))
        .loading(move || {
            let library = Arc::clone(&loading);
            async move { library.load().await }
        })
        .task("watch of the library", async move { following.items.follow().await })
        .task("retention of the library", async move { retention::run(&retaining).await })
        .task(
            "end of invitations to items",
            async move { retention::end_invitations(&tidying, &ending).await },
        )
        .saving("items of the library", |shutdown| async move { saving.items.save(&shutdown).await })
}
