//! How far the pull of a stream is, and why it ends.

use protocol::{WireError, node::Access};

use crate::ingest::Superseded;

/// How far the pull of a stream is, for viewers that wait for it.
#[derive(Clone, Debug)]
pub(super) enum PullState {
    /// The main server is asked.
    Asking,
    /// It is found; a viewer that may watch it has to want it.
    Found(Access),
    /// Its newest chunk has arrived, or its broadcaster registered at this node.
    Ready,
    /// No node gives it.
    Failed(WireError),
}

impl PullState {
    /// Whether viewers need not wait.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// Why the pull of a stream ends.
pub(super) enum PullEnd {
    /// It does not come this way any more, for a good reason.
    Done,
    /// No node gave it.
    Failed(WireError),
    /// No viewer with permission to watch it asked for it.
    Unwanted,
}

impl From<Superseded> for PullEnd {
    fn from(_: Superseded) -> Self {
        Self::Done
    }
}
