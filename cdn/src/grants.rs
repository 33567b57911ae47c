//! Verifies grants with the newest keys of the main server, without asking it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use protocol::{
    ErrorCode, ItemId, StreamId, WireError,
    grant::{Action, Claims, Error, PublicKey, Verifier},
    node::Access,
};

use crate::{clock::Now, lock::lock};

/// Longest grant that is looked at, in bytes; those given have about 400.
pub const MAX_GRANT_BYTES: usize = 4 << 10;

/// Most grants for items whose signature is not checked again.
const MOST_VERIFIED: usize = 4096;

pub(crate) struct Grants(Mutex<Arc<Current>>);

/// The newest keys, and what was verified with them.
struct Current {
    verifier: Verifier,
    /// Grants for items that are good until a time, in seconds since the Unix epoch. A player shows the same grant with every fragment,
    /// and checking its signature costs as much as sending some of it.
    verified: Mutex<HashMap<String, (ItemId, u64)>>,
}

impl Grants {
    pub(crate) fn new(keys: &[PublicKey]) -> Result<Self, Error> {
        Ok(Self(Mutex::new(Arc::new(Current::new(Verifier::new(keys)?)))))
    }

    /// From now on, grants have to be signed with one of `keys`, for the cluster `cluster_id` if the main server names one.
    pub(crate) fn replace(&self, keys: &[PublicKey], cluster_id: Option<&str>) -> Result<(), Error> {
        let verifier = Verifier::new(keys)?;
        *lock(&self.0) = Arc::new(Current::new(match cluster_id {
            Some(cluster_id) => verifier.of_cluster(cluster_id),
            None => verifier,
        }));
        Ok(())
    }

    /// The ids of the keys.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        lock(&self.0).verifier.key_ids().map(str::to_owned).collect()
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

    /// Whether a viewer with this grant may watch `stream`; its claims, where it needs a grant.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub(crate) fn admit_viewer(
        &self,
        grant: Option<&str>,
        stream: StreamId,
        access: Access,
        now: Now,
    ) -> Result<Option<Claims>, WireError> {
        if access == Access::Open {
            return Ok(None);
        }
        let claims = self.verify(grant.unwrap_or_default(), stream, Action::Watch, now)?;
        if access == Access::Asked && !claims.says_asked() {
            let message =
                "the grant is from a time when the stream asked viewers for nothing; request another one";
            return Err(WireError::new(ErrorCode::InvalidGrant, message));
        }
        Ok(Some(claims))
    }

    /// As [`Self::verify`], for a client that does it already: its grant may have expired meanwhile.
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
        let current = self.current(grant)?;
        current.verifier.verify(grant, stream, action, now_s).map_err(|error| refused(&error))
    }

    /// Whether `grant` permits to play the item `item_id`.
    pub(crate) fn verify_item(&self, grant: &str, item_id: ItemId, now: Now) -> Result<(), WireError> {
        let current = self.current(grant)?;
        if current.has_verified(grant, item_id, now.unix_s()) {
            return Ok(());
        }
        let claims = current.verifier.verify_item(grant, item_id, now.unix_s());
        let claims = claims.map_err(|error| refused(&error))?;
        current.remember(grant, item_id, claims.exp);
        Ok(())
    }

    /// Whether it is known without checking a signature that `grant` permits to play the item `item_id`.
    pub(crate) fn has_verified_item(&self, grant: &str, item_id: ItemId, now: Now) -> bool {
        self.current(grant).is_ok_and(|current| current.has_verified(grant, item_id, now.unix_s()))
    }

    /// The keys, for a grant that is worth looking at.
    fn current(&self, grant: &str) -> Result<Arc<Current>, WireError> {
        if grant.is_empty() || grant.len() > MAX_GRANT_BYTES {
            let message = "a grant is required; request one from the main server";
            return Err(WireError::new(ErrorCode::InvalidGrant, message));
        }
        let current = lock(&self.0).clone();
        let has_keys = current.verifier.key_ids().next().is_some();
        if has_keys { Ok(current) } else { Err(no_keys()) }
    }
}

impl Current {
    fn new(verifier: Verifier) -> Self {
        Self { verifier, verified: Mutex::default() }
    }

    fn has_verified(&self, grant: &str, item_id: ItemId, now_s: u64) -> bool {
        lock(&self.verified).get(grant).is_some_and(|(verified, exp)| *verified == item_id && now_s < *exp)
    }

    fn remember(&self, grant: &str, item_id: ItemId, exp: u64) {
        let mut verified = lock(&self.verified);
        if verified.len() >= MOST_VERIFIED {
            verified.clear();
        }
        verified.insert(grant.to_owned(), (item_id, exp));
    }
}

fn refused(error: &Error) -> WireError {
    WireError::new(ErrorCode::InvalidGrant, format!("{error}; request a new one"))
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
