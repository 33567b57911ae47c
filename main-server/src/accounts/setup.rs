//! The link with which the first operator is made: valid once, and only until a main server prints a newer one or an operator
//! is made in another way.
//!
//! All main servers share one token; the store has its digest. It is used up by deleting that entry on condition that it is
//! the one that was checked, so of two requests with the same token one succeeds.

use bytes::Bytes;
use store::{Expect, Kv, Namespace, Revision};

use crate::auth::token::{self, Token};

/// Where the digest is kept.
const SETUP: Namespace = Namespace::new("setup");
/// The one key there.
const KEY: &str = "token";

/// The entry that a right token was checked against.
pub(crate) struct Valid {
    revision: Revision,
    digest: Bytes,
}

/// Replaces the token by `token`.
///
/// # Errors
/// The store's.
pub(crate) async fn replace(kv: &dyn Kv, token: &Token) -> Result<(), store::Error> {
    kv.put(SETUP, KEY, token.digest().into(), None).await.map(drop)
}

/// Deletes the token, because there is an operator. Without the store it stays: the operator is checked for too when it is used.
pub(crate) async fn discard(kv: &dyn Kv) {
    let discarded = async {
        if kv.get(SETUP, KEY).await?.is_some() {
            kv.delete(SETUP, KEY, None).await?;
        }
        Ok::<_, store::Error>(())
    };
    if let Err(error) = discarded.await {
        tracing::warn!("the setup token stays in the store, where it cannot be used: {error}");
    }
}

/// What `token` matches; `None` if it is not the one.
///
/// # Errors
/// The store's.
pub(crate) async fn check(kv: &dyn Kv, token: &str) -> Result<Option<Valid>, store::Error> {
    let digest = token::digest(token);
    let entry = kv.get(SETUP, KEY).await?;
    let entry = entry.filter(|entry| entry.value == digest.as_bytes());
    Ok(entry.map(|entry| Valid { revision: entry.revision, digest: entry.value }))
}

impl Valid {
    /// Uses the token up. False if another request was first.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn consume(&self, kv: &dyn Kv) -> Result<bool, store::Error> {
        match kv.delete(SETUP, KEY, Some(self.revision)).await {
            Ok(()) => Ok(true),
            Err(store::Error::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the token valid again, because what it was used for failed. If that fails too, a restart prints another.
    pub(crate) async fn restore(self, kv: &dyn Kv) {
        drop(kv.compare_and_set(SETUP, KEY, self.digest, None, Expect::Absent).await);
    }
}
