//! What the store keeps of a node, under its hostname.

use protocol::{
    NodeId,
    node::{Capacity, RegisterServer},
};
use serde::{Deserialize, Serialize};
use store::{Namespace, Record};

/// A node's registration. How loaded it is and what it carries comes with its heartbeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// The id it uses, at every main server.
    pub(crate) node_id: NodeId,
    /// Where clients reach it; never ends in a slash.
    pub(crate) public_url: String,
    /// Where other nodes reach it, if not there; never ends in a slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer_url: Option<String>,
    /// Which start of its process this is.
    pub(crate) generation: u64,
    /// What its operator allows it to take.
    #[serde(default)]
    pub(crate) capacity: Capacity,
    /// Where it stands, in its operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
}

impl Record for Registration {
    /// The hostname.
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("nodes");
}

impl Registration {
    /// What `request`, checked already, says of the node called `node_id`.
    pub(crate) fn new(node_id: NodeId, request: &RegisterServer) -> Self {
        Self {
            node_id,
            public_url: request.public_url.clone(),
            peer_url: request.peer_url.clone(),
            generation: request.generation,
            capacity: request.capacity.unwrap_or_default(),
            region: request.region.clone(),
        }
    }
}
