//! What the store keeps of accounts and sessions.

use protocol::account::Role;
use serde::{Deserialize, Serialize};
use store::Namespace;

/// An account, by its name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// What it may do.
    pub(crate) role: Role,
    /// In PHC string form.
    pub(crate) password_hash: String,
    /// Random, replaced to end all sessions of the account: one write ends them on every main server.
    pub(crate) epoch: String,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
}

impl store::Record for Account {
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("accounts");
}

/// A session, by the digest of its token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Whose.
    pub(crate) account: String,
    /// That of the account when the session began; the session ends when the account has another one.
    pub(crate) epoch: String,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Unix epoch, to the minute.
    pub(crate) used_at_ms: u64,
}

impl store::Record for Session {
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("sessions");

    /// The latest use counts; nothing else changes.
    fn merge(&mut self, other: &Self) {
        self.used_at_ms = self.used_at_ms.max(other.used_at_ms);
    }
}
