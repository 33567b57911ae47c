//! The blobs of the library: nodes without an object store of their own read and write them here, what no item names is
//! deleted, and what is damaged is found.

mod collect;
mod error;
mod health;
mod lease;
mod named;
mod operate;
mod range;
mod routes;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;

use std::sync::Arc;

use self::{health::ObjectsHealth, upkeep::Upkeep};
use crate::{
    feature::{Context, Feature},
    jobs::Jobs,
    library::Library,
};

/// The routes of blobs, and their upkeep.
pub(crate) fn feature(context: &Context, library: &Arc<Library>, jobs: &Arc<Jobs>) -> Feature {
    let upkeep = Arc::new(Upkeep::new(context, library, jobs));
    let routes = routes::router(context).merge(operate::router(&upkeep, &context.credentials));
    let health = ObjectsHealth::new(context.objects.clone(), &context.metrics);
    Feature::new(routes)
        .task("upkeep of the library", async move { upkeep.run().await })
        .task("health of the object store", async move { health.follow().await })
}

/// Any text as the header `Range`.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_range(header: &str) {
    if let Some(range) = range::parse(header) {
        assert!(!range.is_empty());
    }
}
