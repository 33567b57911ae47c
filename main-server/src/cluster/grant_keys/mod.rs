//! The keys that sign grants, in the store: read, added, activated and removed. The [`ring`] has the rules of rotation.
//!
//! Every change is one conditional write, so of main servers that do the same at once one succeeds, and the others take over
//! what it wrote.

mod record;
mod ring;

use std::sync::Arc;

use protocol::grant;
use store::{Error, Kv, Replicated};

use self::record::Number;
#[cfg(test)]
pub(crate) use self::ring::{OVERLAP, SETTLING};
pub(crate) use self::{
    record::GrantKey,
    ring::{Ring, Step},
};
use super::bootstrap;
use crate::{
    auth::{Grants, Seed},
    clock::Now,
};

/// See the [module](self).
pub(crate) struct Keys {
    kv: Arc<dyn Kv>,
    records: Replicated<GrantKey>,
}

/// Why a key could not be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    /// The store did not take it, or not in time.
    #[error(transparent)]
    Store(#[from] Error),
    /// The system gave no random bytes; says why.
    #[error("{0}")]
    Random(String),
}

impl Keys {
    /// The keys in `kv`. In an empty store they begin with those of an earlier version, or else with `proposed`.
    ///
    /// # Errors
    /// The store's; [`Error::Invalid`] if no key can be read.
    pub(crate) async fn open(kv: Arc<dyn Kv>, proposed: Seed, now: Now) -> Result<Self, Error> {
        let keys = Self { records: Replicated::shared(Arc::clone(&kv)), kv };
        keys.records.load().await?;
        if keys.ring().is_none() {
            keys.begin(proposed, now).await?;
        }
        match keys.ring() {
            Some(_) => Ok(keys),
            None => Err(Error::Invalid("no grant key can be read; restore a backup".into())),
        }
    }

    async fn begin(&self, proposed: Seed, now: Now) -> Result<(), Error> {
        let earlier = bootstrap::earlier_grant_seeds(&*self.kv).await?;
        let seeds = if earlier.is_empty() { vec![(1, proposed)] } else { earlier };
        for (number, secret) in seeds {
            let key = GrantKey { secret, created_at_ms: now.unix_ms(), active_since_ms: Some(now.unix_ms()) };
            match self.records.create(&number, key).await {
                // Another main server that starts was first.
                Err(Error::Conflict) => self.records.look_up(&number).await?,
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// The keys as they are known here.
    pub(crate) fn ring(&self) -> Option<Ring> {
        Ring::new(self.records.all())
    }

    /// Takes over all that the store has.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        self.records.load().await
    }

    /// Follows what other main servers write, for ever.
    pub(crate) async fn follow(&self) {
        self.records.follow().await;
    }

    /// Changes whenever a key does.
    pub(crate) fn changed(&self) -> tokio::sync::watch::Receiver<()> {
        self.records.host().changed()
    }

    /// Adds a key, unless the newest one is not active yet: that is the one to wait for.
    ///
    /// # Errors
    /// See [`AddError`].
    pub(crate) async fn rotate(&self, now: Now) -> Result<(), AddError> {
        self.load().await?;
        match self.ring() {
            Some(ring) if ring.pending().is_none() => self.add(ring.next(), now).await,
            _ => Ok(()),
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// See [`AddError`].
    pub(crate) async fn apply(&self, step: Step, now: Now) -> Result<(), AddError> {
        match step {
            Step::Add(number) => self.add(number, now).await,
            Step::Activate(number) => {
                let activated = |key: &GrantKey| {
                    let active_since_ms = Some(now.unix_ms());
                    key.active_since_ms.is_none().then(|| GrantKey { active_since_ms, ..key.clone() })
                };
                self.records.change(&number, activated).await?;
                tracing::info!("grants are now signed with key {number}; the one before expires by itself");
                Ok(())
            }
            Step::Remove(number) => {
                self.records.remove(&number).await?;
                // The first key of an earlier version stays there too.
                bootstrap::forget_earlier_grant_seeds(&*self.kv).await?;
                tracing::info!("grant key {number} was removed: all grants that it signed have expired");
                Ok(())
            }
        }
    }

    async fn add(&self, number: Number, now: Now) -> Result<(), AddError> {
        let secret = Seed::random().map_err(|error| AddError::Random(error.to_string()))?;
        let key = GrantKey { secret, created_at_ms: now.unix_ms(), active_since_ms: None };
        match self.records.create(&number, key).await {
            Ok(()) => {
                tracing::info!("grant key {number} was added; nodes learn it with their next heartbeat")
            }
            Err(Error::Conflict) => self.records.look_up(&number).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Lets `grants` sign and accept with the keys of `ring` as they are at `now`.
///
/// # Errors
/// [`grant::Error::Key`].
pub(crate) fn use_keys(grants: &Grants, ring: &Ring, now: Now) -> Result<(), grant::Error> {
    let accepted = ring.accepted(now.unix_ms()).map(GrantKey::signer).collect::<Result<Vec<_>, _>>()?;
    let public = accepted.iter().map(|signer| signer.public_key().clone()).collect();
    grants.replace(ring.signing().1.signer()?, public)
}

/// Grants of the cluster `cluster_id`, signed and accepted with `keys`.
///
/// # Errors
/// [`grant::Error::Key`].
pub(crate) fn grants(keys: &Keys, cluster_id: String, now: Now) -> Result<Grants, grant::Error> {
    let ring = keys.ring().ok_or(grant::Error::Key)?;
    let grants = Grants::new(cluster_id, ring.signing().1.signer()?)?;
    use_keys(&grants, &ring, now)?;
    Ok(grants)
}
