//! One admitted client on one stream, from its admission until it leaves.

use std::sync::Arc;

use super::flow::Flow;
use crate::{clock::Now, hub::Upstream};

/// Dropping it leaves the stream.
pub(crate) struct Session {
    flow: Arc<Flow>,
    upstream: Arc<Upstream>,
    /// Dropped with the session.
    _attached: Option<Box<dyn Send + Sync>>,
}

impl Session {
    pub(super) fn new(flow: Arc<Flow>, upstream: Arc<Upstream>) -> Self {
        Self { flow, upstream, _attached: None }
    }

    /// The session with something that is dropped when it ends.
    pub(crate) fn with(mut self, attached: impl Send + Sync + 'static) -> Self {
        self._attached = Some(Box::new(attached));
        self
    }

    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// The client wants a keyframe soon. Requests are bounded for each viewer, and for each stream.
    pub(crate) fn request_keyframe(&self, now: Now) {
        if self.flow.member().is_some_and(|member| member.may_request_keyframe(now)) {
            self.upstream.request_keyframe(now.ms);
        }
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
