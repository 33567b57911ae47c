//! What a connection watches: several streams at a time, some of which may still be on their way to this node.

use std::collections::HashMap;

use protocol::{ErrorCode, StreamId, WireError};
use tokio_util::sync::CancellationToken;

use crate::{clock::Now, egress::Session, transport::held_grant::HeldGrant};

/// The streams a connection watches.
#[derive(Default)]
pub(super) struct Watched(HashMap<StreamId, Watch>);

/// What a connection has to do with a stream it watches.
pub(super) enum Watch {
    /// The stream is being fetched. Cancelled when the viewer asks again, leaves or is gone.
    Waiting(CancellationToken),
    /// The viewer gets it, with this grant if it needs one.
    Flowing(Session, Option<Box<HeldGrant>>),
}

impl Watch {
    /// Whether the node still serves it.
    fn is_open(&self) -> bool {
        match self {
            Self::Waiting(unwanted) => !unwanted.is_cancelled(),
            Self::Flowing(session, _) => !session.is_over(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Self::Waiting(unwanted) = self {
            unwanted.cancel();
        }
    }
}

impl Watched {
    pub(super) fn leave(&mut self, id: StreamId) {
        self.0.remove(&id);
    }

    /// The connection watches a stream from now on.
    pub(super) fn insert(&mut self, id: StreamId, watch: Watch) {
        self.0.insert(id, watch);
    }

    pub(super) fn leave_all(&mut self) {
        self.0.clear();
    }

    /// Asks for a keyframe of a stream that the connection gets.
    pub(super) fn request_keyframe(&self, id: StreamId, now: Now) -> Result<(), WireError> {
        let session = self.session(id).ok_or_else(|| {
            let message = "this connection does not watch that stream; send watch_stream first";
            WireError::new(ErrorCode::InvalidRequest, message)
        })?;
        session.request_keyframe(now);
        Ok(())
    }

    /// The session on `id`, if there is one.
    pub(super) fn session(&self, id: StreamId) -> Option<&Session> {
        match self.0.get(&id)? {
            Watch::Waiting(_) => None,
            Watch::Flowing(session, _) => Some(session),
        }
    }

    /// The client shows a fresh grant of a stream that it gets. Where it needs none, nothing is looked at.
    ///
    /// # Errors
    /// `invalid_grant`, `limit_reached`, `not_registered` if the connection does not get the stream.
    pub(super) fn renew(&self, id: StreamId, grant: &str) -> Result<(), WireError> {
        match self.0.get(&id) {
            Some(Watch::Flowing(_, held)) => held.as_ref().map_or(Ok(()), |held| held.renew(grant)),
            Some(Watch::Waiting(_)) | None => {
                let message = "this connection neither publishes nor watches that stream";
                Err(WireError::new(ErrorCode::NotRegistered, message))
            }
        }
    }

    /// Whether it watches nothing now.
    pub(super) fn is_empty(&self) -> bool {
        !self.0.values().any(Watch::is_open)
    }

    /// Whether the connection may watch `id` besides what it watches.
    pub(super) fn check_room(&mut self, id: StreamId, most: usize) -> Result<(), WireError> {
        self.0.retain(|_, watch| watch.is_open());
        if self.0.len() >= most && !self.0.contains_key(&id) {
            return Err(WireError::new(ErrorCode::LimitReached, "this connection watches too many streams"));
        }
        Ok(())
    }
}
