//! What outlives the process: a stream as the store keeps it.

use protocol::stream::Visibility;
use serde::{Deserialize, Serialize};

/// The lasting part of a stream; who carries it and who watches comes back with the nodes' heartbeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// As shown.
    pub(crate) title: String,
    /// Who may watch.
    pub(crate) visibility: Visibility,
    /// In PHC string form, if viewers are asked for a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase_hash: Option<String>,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// When it first went live, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at_ms: Option<u64>,
    /// When it was over, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at_ms: Option<u64>,
    /// Hostname of the node it belongs on.
    pub(crate) placed_on: String,
}
