//! Source lookup: asks the main server from which nodes to pull a stream. A bounded number of questions is open at a time, and
//! a failed lookup is not repeated for a moment, however many viewers want the stream.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use cluster_client::CallError;
use protocol::{ErrorCode, StreamId, WireError, node::Sources};
use tokio::sync::Semaphore;

use super::errors::{unavailable, unknown_stream};
use crate::{clock::Clock, control::Control, lock::lock};

/// Most questions at a time.
const AT_A_TIME: usize = 16;
/// How long an error is remembered.
const ERROR_MEMORY: Duration = Duration::from_millis(1500);
/// Most errors remembered.
const MOST_ERRORS: usize = 1024;

/// See the [module](self).
pub(super) struct SourceLookup {
    control: Option<Arc<Control>>,
    clock: Clock,
    room: Semaphore,
    errors: Mutex<HashMap<StreamId, (u64, WireError)>>,
}

impl SourceLookup {
    pub(super) fn new(control: Option<Arc<Control>>, clock: Clock) -> Self {
        Self { control, clock, room: Semaphore::new(AT_A_TIME), errors: Mutex::default() }
    }

    /// Where paths without an origin lead: the main server the node is with.
    pub(super) fn main_server(&self) -> &str {
        self.control.as_ref().map_or("", |control| control.main_server())
    }

    /// Whether the node has no main server to ask.
    pub(super) fn is_impossible(&self) -> bool {
        self.control.is_none()
    }

    /// The nodes to pull `stream` from, at least one; `avoid` names nodes that just failed.
    ///
    /// # Errors
    /// `unknown_stream`, or `no_node_available` for every other reason.
    pub(super) async fn ask(&self, stream: StreamId, avoid: Vec<String>) -> Result<Sources, WireError> {
        let control = self.control.as_ref().ok_or_else(|| unknown_stream(stream))?;
        let _room = self.room.acquire().await.map_err(|_| unavailable(stream))?;
        match control.sources(stream, avoid).await {
            Ok(sources) if !sources.nodes.is_empty() => Ok(sources),
            Ok(_) => Err(unavailable(stream)),
            Err(error) => Err(source_error(stream, &error)),
        }
    }

    /// Remembers why a lookup of a stream failed.
    pub(super) fn remember(&self, stream: StreamId, error: WireError) {
        let (mut errors, now) = (lock(&self.errors), self.clock.now());
        errors.retain(|_, (at_ms, _)| now.since(*at_ms) < ERROR_MEMORY);
        if errors.len() < MOST_ERRORS {
            errors.insert(stream, (now.ms, error));
        }
    }

    /// Why the last lookup of a stream failed, for a moment.
    pub(super) fn recent_error(&self, stream: StreamId) -> Option<WireError> {
        let errors = lock(&self.errors);
        let (at_ms, error) = errors.get(&stream)?;
        (self.clock.now().since(*at_ms) < ERROR_MEMORY).then(|| error.clone())
    }
}

fn source_error(stream: StreamId, error: &CallError) -> WireError {
    if error.code() == Some(ErrorCode::UnknownStream) {
        return unknown_stream(stream);
    }
    tracing::debug!(stream.id = %stream, %error, "no node to pull stream {stream} from: {error}");
    unavailable(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_for_a_moment() {
        let (lookup, id) = (SourceLookup::new(None, Clock::start()), StreamId::new("a", 1));
        lookup.remember(id, unavailable(id));
        tokio::time::advance(ERROR_MEMORY / 2).await;
        assert_eq!(lookup.recent_error(id).map(|error| error.code), Some(ErrorCode::NoNodeAvailable));
        tokio::time::advance(ERROR_MEMORY).await;
        assert_eq!(lookup.recent_error(id), None);
    }
}
