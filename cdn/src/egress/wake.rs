//! What pumps and announcers wait for, and the state of the stream that they look at then.

use protocol::event::StreamStateChanged;

use crate::{
    clock::Clock,
    hub::{LiveStream, Role, Subscriber},
};

/// How a stream is doing.
pub(super) fn state(stream: &LiveStream) -> StreamStateChanged {
    let viewers = stream.readers().counts().now(Role::Viewer);
    StreamStateChanged { stream_id: stream.id(), state: stream.state(), viewers }
}

/// Waits until `subscriber` is woken, or until `due_ms` of the node's time.
pub(super) async fn woken_or_due(subscriber: &Subscriber, clock: &Clock, due_ms: Option<u64>) {
    match due_ms {
        None => subscriber.woken().await,
        Some(due_ms) => {
            // Running out of time is one of the two ways this is meant to end.
            drop(tokio::time::timeout(clock.until(due_ms), subscriber.woken()).await);
        }
    }
}
