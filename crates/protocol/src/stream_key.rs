//! JSON bodies about stream keys: what lets a client create streams for an account.

use serde::{Deserialize, Serialize};

/// What every stream key begins with, so that people and scanners recognise one.
pub const PREFIX: &str = "uk_";

/// Body of `POST /api/stream-keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateStreamKey {
    /// What the key is for; see [`title::clean`](crate::title::clean).
    pub name: String,
}

/// Answer to `POST /api/stream-keys`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamKeyCreated {
    /// Names the key; not a secret.
    pub key_id: String,
    /// As shown.
    pub name: String,
    /// The key itself. It is not shown again.
    pub key: String,
}

/// A stream key, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamKeyInfo {
    /// Names the key.
    pub key_id: String,
    /// As shown.
    pub name: String,
    /// The account it belongs to.
    pub owner: String,
    /// Unix epoch.
    pub created_at_ms: u64,
    /// When it was last used, to the minute; left out if it was not. Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at_ms: Option<u64>,
}
