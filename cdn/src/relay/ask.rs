//! Asking the main server from whom to pull: a bounded number of questions at a time, and a stream that was refused is not
//! asked for again for a moment, however many want it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use protocol::{ErrorCode, StreamId, WireError, node::Sources};
use tokio::sync::Semaphore;

use super::{unavailable, unknown_stream};
use crate::{
    control::{CallError, Control},
    lock::lock,
};

/// Most questions at a time.
const AT_A_TIME: usize = 16;
/// How long a refusal is remembered.
const REFUSAL: Duration = Duration::from_millis(1500);
/// Most refusals remembered.
const MOST_REFUSALS: usize = 1024;

/// See the [module](self).
pub(super) struct Asks {
    control: Option<Arc<Control>>,
    room: Semaphore,
    refusals: Mutex<HashMap<StreamId, (Instant, WireError)>>,
}

impl Asks {
    pub(super) fn new(control: Option<Arc<Control>>) -> Self {
        Self { control, room: Semaphore::new(AT_A_TIME), refusals: Mutex::default() }
    }

    /// Where paths without an origin lead: the main server the node is with.
    pub(super) fn main_server(&self) -> &str {
        self.control.as_ref().map_or("", |control| control.main_server())
    }

    /// Whether there is nobody to ask.
    pub(super) fn are_in_vain(&self) -> bool {
        self.control.is_none()
    }

    /// From whom to pull `stream`, at least one node; `avoid` names nodes that just failed.
    ///
    /// # Errors
    /// `unknown_stream`, or `no_node_available` for every other reason.
    pub(super) async fn ask(&self, stream: StreamId, avoid: Vec<String>) -> Result<Sources, WireError> {
        let control = self.control.as_ref().ok_or_else(|| unknown_stream(stream))?;
        let _room = self.room.acquire().await.map_err(|_| unavailable(stream))?;
        match control.sources(stream, avoid).await {
            Ok(sources) if !sources.nodes.is_empty() => Ok(sources),
            Ok(_) => Err(unavailable(stream)),
            Err(error) => Err(refusal(stream, &error)),
        }
    }

    /// Remembers that a stream could not be had.
    pub(super) fn refused(&self, stream: StreamId, error: WireError) {
        let mut refusals = lock(&self.refusals);
        refusals.retain(|_, (at, _)| at.elapsed() < REFUSAL);
        if refusals.len() < MOST_REFUSALS {
            refusals.insert(stream, (Instant::now(), error));
        }
    }

    /// Why a stream could not be had a moment ago.
    pub(super) fn recent_refusal(&self, stream: StreamId) -> Option<WireError> {
        let refusals = lock(&self.refusals);
        let (at, error) = refusals.get(&stream)?;
        (at.elapsed() < REFUSAL).then(|| error.clone())
    }
}

fn refusal(stream: StreamId, error: &CallError) -> WireError {
    if error.code() == Some(ErrorCode::UnknownStream) {
        return unknown_stream(stream);
    }
    tracing::debug!(stream.id = %stream, %error, "nobody to pull stream {stream} from: {error}");
    unavailable(stream)
}
