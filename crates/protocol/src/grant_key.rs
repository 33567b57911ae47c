//! What operators are shown of the keys that sign grants. No secret is in here.

use serde::{Deserialize, Serialize};

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKeyState {
    /// Nodes are learning it; main servers sign with it once all live nodes have it.
    Next,
    /// Main servers sign with it.
    Current,
    /// Grants that it signed are accepted until they have expired.
    Retiring,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantKeyInfo {
    /// Its id, as in the header of grants.
    pub kid: String,
    /// What it is used for.
    pub state: GrantKeyState,
    /// When it was added, Unix epoch.
    pub created_at_ms: u64,
    /// Since when main servers sign with it, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since_ms: Option<u64>,
    /// When grants that it signed stop being accepted, Unix epoch; none while it has no successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_until_ms: Option<u64>,
    /// Hostnames of the live nodes that do not have it yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
}
