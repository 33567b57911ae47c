//! Recordings as a feature: the route for reports, and the task that keeps items in line with their streams.

use std::sync::Arc;

use super::{Recordings, routes};
use crate::feature::{Context, Feature};

/// The route of reports, and the tasks of recordings.
pub(crate) fn feature(context: &Context, recordings: &Arc<Recordings>) -> Feature {
    let [loading, following, saving, running, picturing] = [(); 5].map(|()| Arc::clone(recordings));
    let api = routes::Api {
        recordings: Arc::clone(recordings),
        credentials: context.credentials.clone(),
        reports: context.metrics.counter("undead_recording_reports", "Reports of recordings taken"),
    };
    Feature::new(routes::router(Arc::new(api)))
        .loading(move || {
            let recordings = Arc::clone(&loading);
            async move { recordings.load().await }
        })
        .task("watch of recordings", async move { following.records.follow().await })
        .task("upkeep of recordings", async move { running.keep_up().await })
        .task("pictures of recordings", async move { picturing.keep_pictures().await })
        .saving("recordings", |shutdown| async move { saving.records.save(&shutdown).await })
}
