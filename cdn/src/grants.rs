//! Verifies grants with the newest keys of the main server, without asking it.

use std::sync::{Arc, Mutex};

use protocol::{
    ErrorCode, StreamId, WireError,
    grant::{Action, Claims, Error, PublicKey, Verifier},
};

use crate::{clock::Now, lock::lock};

/// Longest grant that is looked at; those given have about 300 bytes.
const MAX_GRANT_BYTES: usize = 4 << 10;

pub(crate) struct Grants(Mutex<Arc<Verifier>>);

impl Grants {
    pub(crate) fn new(keys: &[PublicKey]) -> Result<Self, Error> {
        Ok(Self(Mutex::new(Arc::new(Verifier::new(keys)?))))
    }

    /// From now on, grants have to be signed with one of `keys`.
    pub(crate) fn replace(&self, keys: &[PublicKey]) -> Result<(), Error> {
        *lock(&self.0) = Arc::new(Verifier::new(keys)?);
        Ok(())
    }

    /// The claims of a grant that permits `action` on `stream`.
    pub(crate) fn verify(
        &self,
        grant: &str,
        stream: StreamId,
        action: Action,
        now: Now,
    ) -> Result<Claims, WireError> {
        if grant.is_empty() || grant.len() > MAX_GRANT_BYTES {
            let message = "a grant is required; request one from the main server";
            return Err(WireError::new(ErrorCode::InvalidGrant, message));
        }
        let verifier = lock(&self.0).clone();
        let claims = verifier.verify(grant, stream, action, now.unix_s());
        claims.map_err(|error| WireError::new(ErrorCode::InvalidGrant, format!("{error}; request a new one")))
    }
}
