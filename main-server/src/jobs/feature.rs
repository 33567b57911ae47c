//! The feature of jobs: its routes, the synchronisation of its records with the store, and its background
//! work.

use std::sync::Arc;

use super::{Jobs, advance, automatic, routes};
use crate::{
    clock::Now,
    feature::{Context, Feature},
};

/// The routes of jobs, and their background tasks. The library is loaded before.
pub(crate) fn feature(context: &Context, jobs: &Arc<Jobs>) -> Feature {
    let [loading, following, queued, heard, saving, advancing, looking, measuring] =
        [(); 8].map(|()| Arc::clone(jobs));
    let [open, waiting, workers] = [(); 3].map(|()| Arc::clone(jobs));
    let metrics = &context.metrics;
    metrics.gauge("undead_jobs", "Jobs that are not finished", move || {
        open.records.with(|records| records.iter().filter(|(_, record)| record.is_open()).count()) as u64
    });
    metrics.gauge("undead_job_tasks_waiting", "Tasks of jobs that wait for a worker", move || {
        waiting.tasks.waiting() as u64
    });
    metrics.gauge("undead_workers", "Workers that were heard in the last 30 s", move || {
        workers.workers.all(Now::read()).len() as u64
    });
    let api = routes::Api::new(context, jobs);
    Feature::new(routes::router(Arc::new(api)))
        .loading(move || {
            let jobs = Arc::clone(&loading);
            async move { jobs.load().await }
        })
        .task("watch of jobs", async move { following.records.follow().await })
        .task("watch of tasks of jobs", async move { queued.tasks.follow().await })
        .task("watch of workers", async move { heard.workers.follow().await })
        .task("steps of jobs", advance::run(advancing))
        .task("upkeep of jobs", advance::look_after(looking))
        .task("measuring of items", automatic::run(measuring))
        .saving("what workers say", |shutdown| async move { saving.workers.save(&shutdown).await })
}
