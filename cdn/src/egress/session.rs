//! One admitted client on one stream, from its admission until it leaves.

use std::sync::Arc;

use super::Flow;

/// Dropping it leaves the stream.
#[derive(Debug)]
pub(crate) struct Session {
    flow: Arc<Flow>,
}

impl Session {
    pub(super) fn new(flow: Arc<Flow>) -> Self {
        Self { flow }
    }

    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// Whether the node serves it no more. The pump holds the flow while it does.
    pub(crate) fn is_over(&self) -> bool {
        self.flow.is_over() || Arc::strong_count(&self.flow) == 1
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.flow.leave();
    }
}
