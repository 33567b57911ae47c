//! Ends the streams of stream keys that were revoked, and of accounts that were removed.
//!
//! Every main server looks at all running streams when a key or an account changes, at its start, and from time to time. So a
//! revocation that was acknowledged ends the streams even if the server that took it dies. Before a stream ends, the store is
//! asked whether the key is gone: a server may hear of a stream before it hears of its key.

use std::{collections::HashSet, sync::Arc, time::Duration};

use protocol::StreamId;
use tokio::time::timeout;

use super::StreamKeys;
use crate::{
    accounts::Accounts,
    clock::Now,
    state::{
        ClusterState,
        catalogue::record::{Owner, Record},
    },
};

/// Longest time between two looks, in case the store could not be asked.
const INTERVAL: Duration = Duration::from_secs(5);

/// See the [module](self).
pub(super) struct Revocation {
    keys: Arc<StreamKeys>,
    accounts: Arc<Accounts>,
    state: Arc<ClusterState>,
}

impl Revocation {
    pub(super) fn new(keys: Arc<StreamKeys>, accounts: Arc<Accounts>, state: Arc<ClusterState>) -> Self {
        Self { keys, accounts, state }
    }

    /// Ends streams until it is dropped.
    pub(super) async fn run(&self) {
        let (mut keys, mut accounts) = (self.keys.keys.host().changed(), self.accounts.changed());
        loop {
            let ended = async {
                self.remove_keys().await?;
                self.end_orphans().await
            };
            if let Err(error) = ended.await {
                tracing::warn!("cannot end the streams of revoked keys now: {error}");
            }
            let change = async {
                tokio::select! {
                    _ = keys.changed() => {}
                    _ = accounts.changed() => {}
                }
            };
            let _ = timeout(INTERVAL, change).await;
        }
    }

    /// Removes the keys of accounts that are gone.
    async fn remove_keys(&self) -> Result<(), store::Error> {
        for (key_id, key) in self.keys.keys.all() {
            let is_known = || self.accounts.since_ms(&key.owner) == Some(key.owner_since_ms);
            if is_known() {
                continue;
            }
            self.accounts.look_up(&key.owner).await?;
            if !is_known() {
                self.keys.keys.remove(&key_id).await?;
            }
        }
        Ok(())
    }

    async fn end_orphans(&self) -> Result<(), store::Error> {
        let mut gone: HashSet<Owner> = HashSet::new();
        for (stream_id, owner) in self.suspects() {
            if !gone.contains(&owner) && self.is_there(&owner).await? {
                continue;
            }
            gone.insert(owner);
            self.end(stream_id).await?;
        }
        Ok(())
    }

    /// The running streams whose key or account is unknown here.
    fn suspects(&self) -> Vec<(StreamId, Owner)> {
        let owned = self.state.read_streams(|catalogue, _| catalogue.owned());
        owned.into_iter().filter(|(_, owner)| !self.is_known(owner)).collect()
    }

    fn is_known(&self, owner: &Owner) -> bool {
        self.accounts.since_ms(&owner.account) == Some(owner.account_since_ms)
            && owner.key_id.as_ref().is_none_or(|key_id| self.keys.keys.get(key_id).is_some())
    }

    async fn is_there(&self, owner: &Owner) -> Result<bool, store::Error> {
        self.accounts.look_up(&owner.account).await?;
        if let Some(key_id) = &owner.key_id {
            self.keys.keys.look_up(key_id).await?;
        }
        Ok(self.is_known(owner))
    }

    async fn end(&self, stream_id: StreamId) -> Result<(), store::Error> {
        tracing::info!(target: "audit", stream = %stream_id, "stream {stream_id} ends: its stream key or account is gone");
        let ended = |record: &Record| record.ended(Now::read().unix_ms());
        self.state.stream_records.change_known(&stream_id, ended).await.map(drop)
    }
}
