//! Rotation of the keys that sign grants, as a feature: by age or when an operator asks, without a refused grant in between.
//!
//! The keys and the rules are in `cluster::grant_keys`. Every main server does what is due; conditional writes make
//! that one change. What nodes know of keys comes with their heartbeats, and new keys go to them with the answers.

mod routes;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use protocol::grant_key::GrantKeyInfo;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    auth::Grants,
    clock::Now,
    cluster::grant_keys::{AddError, GrantKey, Keys, use_keys},
    feature::{Context, Feature},
    state::ClusterState,
};

/// How often it is checked what is due.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(crate) struct GrantKeys {
    keys: Arc<Keys>,
    grants: Arc<Grants>,
    state: Arc<ClusterState>,
    max_age: Option<Duration>,
}

/// What keeps the keys that sign grants new.
pub(crate) fn feature(context: &Context, state: &Arc<ClusterState>) -> Feature {
    let keys = Arc::new(GrantKeys::new(context, state));
    let [following, keeping] = [(); 2].map(|()| Arc::clone(&keys));
    Feature::new(routes::router(routes::Api { keys, credentials: context.credentials.clone() }))
        .task("watch of grant keys", async move { following.keys.follow().await })
        .task("rotation of grant keys", async move { keeping.run().await })
}

impl GrantKeys {
    /// Keeps the grants of the cluster on its keys.
    pub(crate) fn new(context: &Context, state: &Arc<ClusterState>) -> Self {
        Self {
            keys: Arc::clone(&context.grant_keys),
            grants: Arc::clone(&context.grants),
            state: Arc::clone(state),
            max_age: context.config.grant_key_age,
        }
    }

    /// Adds a key that replaces the current one once all live nodes have it. Gives all keys.
    ///
    /// # Errors
    /// See [`AddError`].
    pub(crate) async fn rotate(&self, now: Now) -> Result<Vec<GrantKeyInfo>, AddError> {
        self.keys.rotate(now).await?;
        self.use_newest(now);
        Ok(self.list(now))
    }

    /// All keys, oldest first.
    pub(crate) fn list(&self, now: Now) -> Vec<GrantKeyInfo> {
        let lacking = |key: &GrantKey| self.lacking(key, now);
        self.keys.ring().map(|ring| ring.list(lacking)).unwrap_or_default()
    }

    async fn run(&self) {
        let (mut ticks, mut changed) = (interval(UPKEEP_INTERVAL), self.keys.changed());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Ok(()) = changed.changed() => {}
            }
            self.upkeep(Now::read()).await;
        }
    }

    /// Does everything that is due.
    pub(crate) async fn upkeep(&self, now: Now) {
        self.grants
            .name_cluster(self.state.nodes(|registry, _, _| registry.all_read_cluster_ids(now.instant)));
        self.use_newest(now);
        while let Some(ring) = self.keys.ring()
            && let Some(step) = ring.due(now.unix_ms(), self.max_age, |key| self.lacking(key, now).is_empty())
        {
            if let Err(error) = self.keys.apply(step, now).await {
                tracing::debug!("grant keys: {step:?} failed and is tried again: {error}");
                return;
            }
            self.use_newest(now);
        }
    }

    fn use_newest(&self, now: Now) {
        let Some(ring) = self.keys.ring() else { return };
        if let Err(error) = use_keys(&self.grants, &ring, now) {
            tracing::error!("a grant key is invalid: {error}");
        }
    }

    /// The live nodes that do not have a key.
    fn lacking(&self, key: &GrantKey, now: Now) -> Vec<String> {
        let Ok(signer) = key.signer() else { return Vec::new() };
        self.state.nodes(|registry, _, _| registry.lacking_grant_key(&signer.public_key().kid, now.instant))
    }
}
