//! Adapters between the hub and the networks. A transport is a folder here and one line in [`ALL`].
//!
//! A transport implements [`Outlet`] (encode once, offer without waiting), reads what its clients ask
//! for, and hands it on: viewers and relays to [`Admission`], segments to [`Ingest`]. When it starts it registers its name for
//! the metrics with [`Connections`]; it gives its routes and how its connections are closed. How much may be on
//! the way to one of its viewers is its own [`Delivery`](crate::egress::Delivery). The rest of the node knows none of them.

mod admission;
mod handshake;
mod refusal;
mod socketio;
mod ws;

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::Router;
use supervisor::Supervisor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::{admission::Admission, ws::binary_prefix as message_prefix};
use crate::{
    clock::Clock,
    config::Limits,
    connections::Connections,
    egress::{Audience, Egress, Outlet},
    ingest::Ingest,
    metrics::Metrics,
};

/// Every transport, in the order of the metrics. Each function is called once, when the node starts.
const ALL: &[fn(&Services) -> Running] = &[socketio::start, ws::start];

/// What a transport needs of the node.
#[derive(Clone)]
pub(crate) struct Services {
    /// The node's own name.
    pub(crate) hostname: String,
    pub(crate) admission: Arc<Admission>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) audience: Arc<Audience>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) connections: Arc<Connections>,
    pub(crate) supervisor: Supervisor,
    /// The node waits for these when it stops.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

/// A transport that was started.
pub(crate) struct Running {
    /// Where its clients connect.
    pub(crate) routes: Router,
    /// Closes its connections.
    pub(crate) close: Close,
}

/// Closes every connection of a transport, and ends those that are still there after this time.
pub(crate) type Close = Box<dyn FnOnce(Duration) -> Closing + Send>;

/// Ready once a transport has no connections.
pub(crate) type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts every transport.
pub(crate) fn start_all(services: &Services) -> Vec<Running> {
    ALL.iter().map(|start| start(services)).collect()
}

impl Services {
    /// What serves the viewers of a transport that sends through `outlet`.
    fn egress<O: Outlet>(&self, outlet: O) -> Egress<O> {
        let counted = (self.limits.clone(), self.metrics.clone(), self.audience.clone());
        Egress::new(outlet, counted, self.clock.clone(), (self.tasks.clone(), self.shutdown.clone()))
    }

    /// Runs a task until the node stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(task));
    }
}
