//! A fresh grant for a session that runs.

use serde::{Deserialize, Serialize};

use crate::StreamId;

/// Payload of `renew`: the broadcaster or viewer of a stream has a new grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Which stream.
    pub stream_id: StreamId,
    /// For what the client does already.
    pub grant: String,
}
