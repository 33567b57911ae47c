//! Verifies grants with the newest keys of the main server, without asking it.

use std::sync::{Arc, Mutex};

use protocol::{
    ErrorCode, StreamId, WireError,
    grant::{Action, Claims, Error, PublicKey, Verifier},
};

use crate::{clock::Now, lock::lock};

/// Longest grant that is looked at, in bytes; those given have about 400.
pub const MAX_GRANT_BYTES: usize = 4 << 10;

pub(crate) struct Grants(Mutex<Arc<Verifier>>);

impl Grants {
    pub(crate) fn new(keys: &[PublicKey]) -> Result<Self, Error> {
        Ok(Self(Mutex::new(Arc::new(Verifier::new(keys)?))))
    }

    /// From now on, grants have to be signed with one of `keys`, for the cluster `cluster_id` if the main server names one.
    pub(crate) fn replace(&self, keys: &[PublicKey], cluster_id: Option<&str>) -> Result<(), Error> {
        let verifier = Verifier::new(keys)?;
        *lock(&self.0) = Arc::new(match cluster_id {
            Some(cluster_id) => verifier.of_cluster(cluster_id),
            None => verifier,
        });
        Ok(())
    }

    /// The ids of the keys.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        lock(&self.0).key_ids().map(str::to_owned).collect()
    }

    /// The claims of a grant that permits `action` on `stream`.
    pub(crate) fn verify(
        &self,
        grant: &str,
        stream: StreamId,
        action: Action,
        now: Now,
    ) -> Result<Claims, WireError> {
        self.verify_at(grant, stream, action, now.unix_s())
    }

    /// The same for a client that does it already: its grant may have expired meanwhile.
    pub(crate) fn verify_running(
        &self,
        grant: &str,
        stream: StreamId,
        action: Action,
    ) -> Result<Claims, WireError> {
        self.verify_at(grant, stream, action, 0)
    }

    fn verify_at(
        &self,
        grant: &str,
        stream: StreamId,
        action: Action,
        now_s: u64,
    ) -> Result<Claims, WireError> {
        if grant.is_empty() || grant.len() > MAX_GRANT_BYTES {
            let message = "a grant is required; request one from the main server";
            return Err(WireError::new(ErrorCode::InvalidGrant, message));
        }
        let verifier = lock(&self.0).clone();
        if verifier.key_ids().next().is_none() {
            return Err(no_keys());
        }
        let claims = verifier.verify(grant, stream, action, now_s);
        claims.map_err(|error| WireError::new(ErrorCode::InvalidGrant, format!("{error}; request a new one")))
    }
}

/// A node that has just started cannot tell a good grant from a bad one. The client's may be good, so it is not told to
/// throw it away.
fn no_keys() -> WireError {
    let message = "this node has not registered yet; try another, or again in a moment";
    WireError::new(ErrorCode::NoNodeAvailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_has_4_kib() {
        let (grants, now) = (Grants::new(&[]).unwrap(), Now { ms: 0, unix_ms: 0 });
        let refusal = |bytes: usize| {
            let grant = "x".repeat(bytes);
            grants.verify(&grant, StreamId::new("a", 1), Action::Watch, now).unwrap_err().message
        };
        assert!(refusal(MAX_GRANT_BYTES).contains("registered"), "it is looked at");
        assert!(refusal(MAX_GRANT_BYTES + 1).contains("required"));
    }
}
