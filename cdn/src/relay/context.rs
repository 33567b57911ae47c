//! What pulling needs of the node.

use std::sync::Arc;

use tls::Trust;
use tokio_util::sync::CancellationToken;

use super::{opened::OpenedStreams, warnings::Warnings};
use crate::{
    clock::Clock, config::Limits, control::Control, grants::Grants, ingest::Ingest, metrics::Metrics,
};

/// See the [module](self).
pub(crate) struct RelayContext {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) opened: Arc<OpenedStreams>,
    /// None in a node without main servers, which pulls no streams.
    pub(crate) control: Option<Arc<Control>>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    pub(crate) hostname: String,
    pub(crate) trust: Trust,
    pub(crate) warnings: Warnings,
    pub(crate) clock: Clock,
    pub(crate) shutdown: CancellationToken,
}
