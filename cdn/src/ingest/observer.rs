//! What the node does when streams come, change and go: the heartbeat to the main server, and viewers that wait for a stream to
//! begin. Readers of a stream are woken by the stream itself.

use protocol::{StreamId, grant::RecordedInto};

use crate::{clock::Now, hub::Closed};

/// Observes all streams of the node. Calls return at once.
pub(crate) trait StreamObserver: Send + Sync {
    /// A stream is carried from now on.
    fn opened(&self);
    /// Its broadcaster has come to this node, with a grant that says what the stream is recorded into.
    fn published(&self, _: StreamId, _recording: Option<RecordedInto>, _: Now) {}
    /// The state of a stream changed, or its path.
    fn changed(&self) {}
    /// A stream is carried no more. `was_origin`: its broadcaster, not another node, sent it here.
    fn closed(&self, _: StreamId, _: Closed, _was_origin: bool) {
        self.changed();
    }
}
