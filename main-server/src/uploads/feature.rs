//! Uploads as a feature: their routes, what keeps their records in sync with the store, and what is done without a request.

use std::sync::Arc;

use super::{Uploads, processing::Processing, routes};
use crate::{
    broadcasters::Broadcasters,
    feature::{Context, Feature},
    library::Library,
};

/// The routes of uploads, and the tasks of their records. The library is loaded before.
pub(crate) fn feature(
    context: &Context,
    broadcasters: &Arc<Broadcasters>,
    library: &Arc<Library>,
) -> Feature {
    let uploads = Arc::new(Uploads::of(context, library));
    let [loading, following, queued, clearing, stopping] = [(); 5].map(|()| Arc::clone(&uploads));
    let processing = Processing { uploads: Arc::clone(&uploads), objects: context.objects.clone() };
    Feature::default()
        .receiving(routes::router(uploads, context.credentials.clone(), Arc::clone(broadcasters)))
        .loading(move || {
            let uploads = Arc::clone(&loading);
            async move { uploads.load().await }
        })
        .task("watch of uploads", async move { following.records.follow().await })
        .task("watch of complete uploads", async move { queued.queue.follow().await })
        .task("clearing up after uploads", async move { clearing.keep_up().await })
        .saving("making items of uploads", |shutdown| async move { processing.run(&shutdown).await })
        .saving("uploads under way", |shutdown| async move {
            shutdown.cancelled().await;
            stopping.appending.close();
            stopping.appending.wait().await;
        })
}
