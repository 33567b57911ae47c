//! The requirements for playing an item: media, and nodes that serve it.

use std::sync::Arc;

use placement::rendezvous;
use protocol::{ErrorCode, ItemId, item::State};
use serving::Prefix;

use super::{Error, Record};
use crate::{api::error::Error as ApiError, clock::Now, state::ClusterState};

/// Most nodes in an answer.
const MOST_NODES: usize = 8;

/// Checks that the item has media.
///
/// # Errors
/// [`Error::NotReady`].
pub(crate) fn check_state(record: &Record) -> Result<(), Error> {
    match record.state {
        State::Growing | State::Ready => Ok(()),
        State::Processing => Err(Error::NotReady("the item is being read: try again later".into())),
        State::Failed => {
            let reason = record.error.as_deref().unwrap_or("it could not be read");
            Err(Error::NotReady(format!("the item cannot be played: {reason}")))
        }
    }
}

/// Chooses the nodes that serve items.
#[derive(Clone)]
pub(crate) struct ItemNodes(Arc<ClusterState>);

impl ItemNodes {
    /// Uses the nodes of `state`.
    pub(crate) fn new(state: &Arc<ClusterState>) -> Self {
        Self(Arc::clone(state))
    }

    /// Whether a live stream is recorded into this item, which is created shortly after the stream started.
    pub(crate) fn is_to_be_recorded(&self, item_id: ItemId) -> bool {
        self.0.read_streams(|catalogue, _| {
            catalogue.recorded().any(|(_, stream)| {
                let recording = stream.record().recording.as_ref();
                !stream.is_over()
                    && recording.is_some_and(|recording| recording.is_on && recording.item_id == item_id)
            })
        })
    }

    /// The nodes that serve an item, in the order to try them, for a client that reaches the site below `prefix`.
    ///
    /// # Errors
    /// `no_node_available`.
    pub(crate) fn of(&self, item_id: ItemId, prefix: &Prefix, now: Now) -> Result<Vec<String>, ApiError> {
        let candidates = self.0.read_nodes(|registry| registry.library_nodes(now.instant));
        let nodes = rendezvous::order(item_id.to_string().as_bytes(), candidates, MOST_NODES);
        if nodes.is_empty() {
            let message = "no node serves the library now: try again in a moment";
            return Err(ApiError::new(ErrorCode::NoNodeAvailable, message));
        }
        Ok(nodes.into_iter().map(|node| prefix.url(node.public_url)).collect())
    }
}
