//! What the producers of all streams need of the node.

use std::sync::Arc;

use super::observer::StreamObserver;
use crate::{clock::Clock, config::Limits, hub::Budget, metrics::Metrics};

/// See the [module](self).
pub(super) struct IngestContext {
    pub(super) budget: Budget,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) observers: Vec<Arc<dyn StreamObserver>>,
}
