//! What a transport needs of the node, and what the node gets of a transport.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::Router;
use supervisor::{Supervisor, contain};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::admission::Admission;
use crate::{
    clock::Clock,
    config::Limits,
    connections::Connections,
    egress::{Audience, Egress, Encoder},
    ingest::Ingest,
    metrics::Metrics,
    renewals::Renewals,
};

/// What a transport needs of the node.
#[derive(Clone)]
pub(crate) struct TransportContext {
    /// The node's own name.
    pub(crate) hostname: String,
    pub(crate) admission: Arc<Admission>,
    pub(crate) ingest: Arc<Ingest>,
    /// Asks clients for fresh grants.
    pub(crate) renewals: Arc<Renewals>,
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

impl TransportContext {
    /// What serves the viewers of a transport that writes with `encoder`.
    pub(super) fn egress<E: Encoder>(&self, encoder: E) -> Egress<E> {
        let counted = (self.limits.clone(), self.metrics.clone(), self.audience.clone());
        Egress::new(encoder, counted, self.clock.clone(), (self.tasks.clone(), self.shutdown.clone()))
    }

    /// Runs a task of one connection or one stream, called `name`, until the node stops. A panic is logged and ends the task only.
    pub(crate) fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let contained = async move {
            contain(name, task).await;
        };
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(contained));
    }
}
