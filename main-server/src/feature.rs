//! A feature as the app puts it together: its routes, its tasks, what it loads from the store, and what it hears from the other
//! main servers.
//!
//! A feature is one folder with a function `feature`, which makes it from a [`Context`] and what else it needs, and one line in
//! [`crate::app`] that calls the function. Its metrics go to [`Context::metrics`], its events to [`Context::feed`].

use std::{future::Future, pin::Pin, sync::Arc};

use axum::Router;
use bytes::Bytes;
use objects::Objects;
use store::{Entry, Namespace, Store};
use supervisor::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::{
    api::caller::Credentials,
    auth::{Grants, Passphrases},
    cluster::{
        gossip::{Kind, Listeners, Outbox},
        grant_keys::Keys,
        partition::Partition,
    },
    config::Config,
    events::Feed,
    metrics::Metrics,
};

type Done<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Run = Box<dyn FnOnce(CancellationToken) -> Done<()> + Send>;
type Load = Box<dyn Fn() -> Done<Result<(), store::Error>> + Send + Sync>;

/// What every feature may use.
#[derive(Clone)]
pub(crate) struct Context {
    /// What the operator set.
    pub(crate) config: Arc<Config>,
    /// Keeps records and passes messages on.
    pub(crate) store: Store,
    /// The media of the library, and parts of uploads.
    pub(crate) objects: Objects,
    /// What nodes and people prove themselves with.
    pub(crate) credentials: Credentials,
    /// Signs and checks grants.
    pub(crate) grants: Arc<Grants>,
    /// The keys behind those.
    pub(crate) grant_keys: Arc<Keys>,
    /// Makes and checks the hashes of passphrases.
    pub(crate) passphrases: Arc<Passphrases>,
    /// Takes events for the listeners of `GET /api/events`.
    pub(crate) feed: Arc<Feed>,
    /// Contact with the store and the other main servers.
    pub(crate) partition: Arc<Partition>,
    /// Takes messages for the other main servers.
    pub(crate) outbox: Arc<Outbox>,
    /// Takes metrics for `GET /metrics`.
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when event streams have to end.
    pub(crate) closing: CancellationToken,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Feature {
    routes: Routes,
    loads: Vec<Load>,
    listeners: Listeners,
    tasks: Vec<Task>,
}

/// The routes of features.
#[derive(Default)]
pub(crate) struct Routes {
    /// Their requests have [`REQUEST_TIMEOUT`](crate::api::REQUEST_TIMEOUT).
    pub(crate) bounded: Router,
    /// They take large bodies, and bound their size and time themselves.
    pub(crate) receiving: Router,
}

/// Something that runs as long as the server does.
struct Task {
    name: &'static str,
    run: Run,
}

impl Feature {
    /// A feature with these routes, their state applied.
    pub(crate) fn new(routes: Router) -> Self {
        Self { routes: Routes { bounded: routes, ..Routes::default() }, ..Self::default() }
    }

    /// Adds routes that take large bodies, their state applied: see [`Routes::receiving`].
    #[must_use]
    pub(crate) fn receiving(mut self, routes: Router) -> Self {
        self.routes.receiving = self.routes.receiving.merge(routes);
        self
    }

    /// Runs `load` before the server answers requests, after what features that were added earlier load. If the store
    /// cannot be reached, it may run again.
    #[must_use]
    pub(crate) fn loading<F: Future<Output = Result<(), store::Error>> + Send + 'static>(
        mut self,
        load: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        self.loads.push(Box::new(move || Box::pin(load())));
        self
    }

    /// Calls `listener` with each message of this kind of another main server.
    #[must_use]
    pub(crate) fn hears(mut self, kind: Kind, listener: impl Fn(Bytes) + Send + Sync + 'static) -> Self {
        self.listeners.add(kind, listener);
        self
    }

    /// Calls `listener` with each entry of `namespace` that another main server says it wrote.
    #[must_use]
    pub(crate) fn hears_entries(
        mut self,
        namespace: Namespace,
        listener: impl Fn(&Entry) + Send + Sync + 'static,
    ) -> Self {
        self.listeners.add_entries(namespace, listener);
        self
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
        self.routes.bounded = self.routes.bounded.merge(other.routes.bounded);
        self.routes.receiving = self.routes.receiving.merge(other.routes.receiving);
        self.loads.extend(other.loads);
        self.listeners.merge(other.listeners);
        self.tasks.extend(other.tasks);
        self
    }

    /// Loads everything, in order.
    ///
    /// # Errors
    /// The store's; what was loaded until then stays.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        for load in &self.loads {
            load().await?;
        }
        Ok(())
    }

    /// What is done with messages of other main servers.
    pub(crate) fn take_listeners(&mut self) -> Listeners {
        std::mem::take(&mut self.listeners)
    }

    /// The routes, and what runs the tasks.
    pub(crate) fn split(self) -> (Routes, Tasks) {
        (self.routes, Tasks(self.tasks))
    }
}

/// What features do without a request.
pub(crate) struct Tasks(Vec<Task>);

impl Tasks {
    /// Runs all of them until `shutdown`, supervised.
    pub(crate) async fn run(self, supervisor: &Supervisor, shutdown: &CancellationToken) {
        let tasks = self.0.into_iter();
        let running = tasks.map(|Task { name, run }| supervisor.watch(name, run(shutdown.clone())));
        futures_util::future::join_all(running).await;
    }
}
