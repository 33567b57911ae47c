//! What all pumps of a transport share.

use std::sync::Arc;

use super::audience::Audience;
use crate::{clock::Clock, config::Limits, metrics::Metrics};

/// See the [module](self).
pub(super) struct PumpContext<E> {
    pub(super) encoder: E,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audience: Arc<Audience>,
    pub(super) clock: Clock,
}
