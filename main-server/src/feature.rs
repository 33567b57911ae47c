//! A feature as the app puts it together: its routes, and what it does without a request.
//!
//! A feature is one folder, and one line in [`crate::app`] that calls its function with a [`Context`].

use std::{future::Future, pin::Pin, sync::Arc};

use axum::Router;
use store::Store;
use supervisor::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::{api::caller::Credentials, streams::feed::Feed};

type Run = Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What every feature may use.
#[derive(Clone)]
pub(crate) struct Context {
    /// Keeps records and passes messages on.
    pub(crate) store: Store,
    /// What nodes and operators prove themselves with.
    pub(crate) credentials: Credentials,
    /// Takes events for the listeners of `GET /api/events`.
    pub(crate) feed: Arc<Feed>,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Feature {
    routes: Router,
    tasks: Vec<Task>,
}

/// Something that runs as long as the server does.
struct Task {
    name: &'static str,
    run: Run,
}

impl Feature {
    /// A feature with these routes, their state applied.
    pub(crate) fn new(routes: Router) -> Self {
        Self { routes, tasks: Vec::new() }
    }

    /// Runs `task` until the server stops.
    #[must_use]
    pub(crate) fn task(self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.saving(name, |shutdown| async move {
            shutdown.run_until_cancelled(task).await;
        })
    }

    /// Runs the task that `run` makes; the server stops once that returns, which it does soon after the token is cancelled.
    #[must_use]
    pub(crate) fn saving<F: Future<Output = ()> + Send + 'static>(
        mut self,
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self {
        let run: Run = Box::new(|shutdown| Box::pin(run(shutdown)));
        self.tasks.push(Task { name, run });
        self
    }

    /// Both features as one.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.routes = self.routes.merge(other.routes);
        self.tasks.extend(other.tasks);
        self
    }

    /// The routes, and a future that runs the tasks until `shutdown`, supervised.
    pub(crate) fn split(self) -> (Router, Tasks) {
        (self.routes, Tasks(self.tasks))
    }
}

/// What features do without a request.
pub(crate) struct Tasks(Vec<Task>);

impl Tasks {
    /// Runs all of them until `shutdown`.
    pub(crate) async fn run(self, supervisor: &Supervisor, shutdown: &CancellationToken) {
        let tasks = self.0.into_iter();
        let running = tasks.map(|Task { name, run }| supervisor.watch(name, run(shutdown.clone())));
        futures_util::future::join_all(running).await;
    }
}
