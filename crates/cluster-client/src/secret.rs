//! What nodes and workers show to join a cluster.

use std::fmt;

/// The cluster secret. Its `Debug` form does not show it.
#[derive(Clone, Default)]
pub struct ClusterSecret(String);

impl ClusterSecret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for a header or a signature. Never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(…)")
    }
}
