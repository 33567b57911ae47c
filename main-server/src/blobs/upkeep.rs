//! Garbage collection and verification, when it is time and when an operator asks for it.

use std::{sync::Arc, time::Duration};

use objects::{Location, Objects};
use protocol::upkeep::{BadBlob, Collected, Verified, Verify};
use store::Kv;
use tokio::time::sleep;

use super::{
    collect::collect,
    error::Error,
    lease::{Last, alone, last, remember},
    named::{Naming, names},
    verify::{Copies, verify},
};
use crate::{clock::Now, feature::Context, jobs::Jobs, library::Library};

/// Time between two collections.
const INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);
/// How often it is looked whether it is time.
const CHECK: Duration = Duration::from_secs(10 * 60);

/// See the [module](self).
pub(super) struct Upkeep {
    objects: Objects,
    naming: Naming,
    kv: Arc<dyn Kv>,
    grace: Duration,
    copy: Option<Location>,
    trust: tls::Trust,
}

impl Upkeep {
    pub(super) fn new(context: &Context, library: &Arc<Library>, jobs: &Arc<Jobs>) -> Self {
        Self {
            objects: context.objects.clone(),
            naming: Naming { library: Arc::clone(library), jobs: Arc::clone(jobs) },
            kv: Arc::clone(&context.store.kv),
            grace: context.config.gc_grace,
            copy: context.config.objects_copy.clone(),
            trust: context.config.trust.clone(),
        }
    }

    /// Collects garbage every six hours, at one of all main servers.
    pub(super) async fn run(&self) {
        loop {
            sleep(CHECK).await;
            match self.collect_if_due(Now::read()).await {
                Ok(()) | Err(Error::Busy) => {}
                Err(error) => tracing::warn!("the library's garbage was not collected: {error}"),
            }
        }
    }

    async fn collect_if_due(&self, now: Now) -> Result<(), Error> {
        let last = last(&self.kv).await?;
        let since = last.map(|last| now.unix.saturating_sub(Duration::from_millis(last.begun_at_ms)));
        if since.is_some_and(|since| since < INTERVAL) {
            return Ok(());
        }
        self.collect(now).await.map(drop)
    }

    /// Collects garbage now.
    ///
    /// # Errors
    /// [`Error::Busy`] if another main server does.
    pub(super) async fn collect(&self, now: Now) -> Result<Collected, Error> {
        let time = std::time::UNIX_EPOCH + now.unix;
        let collected = alone(&self.kv, collect(&self.objects, &self.naming, self.grace, time)).await?;
        remember(&self.kv, &Last { begun_at_ms: now.unix_ms(), collected }).await?;
        let Collected { kept, kept_bytes, discarded, discarded_bytes, restored, purged } = collected;
        tracing::info!(
            kept,
            kept_bytes,
            discarded,
            discarded_bytes,
            restored,
            purged,
            "collected the library's garbage: {discarded} blobs discarded, {purged} deleted"
        );
        Ok(collected)
    }

    /// Verifies all blobs that items name; `found` is told of each that is bad.
    ///
    /// # Errors
    /// [`Error::Objects`] if one of the object stores is not available.
    pub(super) async fn verify<F: Future<Output = ()> + Send>(
        &self,
        options: Verify,
        found: impl Fn(BadBlob) -> F + Send,
    ) -> Result<Verified, Error> {
        let copies = if options.repair { Some(self.copies().await?) } else { None };
        verify(&self.objects, copies.as_ref(), names(&self.naming.library).await?, found).await
    }

    async fn copies(&self) -> Result<Copies, Error> {
        let Some(location) = &self.copy else { return Ok(Copies { elsewhere: None }) };
        if let Location::Folder(folder) = location
            && !folder.join("blobs").is_dir()
        {
            // Opening it would make an empty one.
            let message = format!("{location} (objects_copy) has no blobs");
            return Err(objects::Error::Unavailable(message).into());
        }
        let elsewhere = Objects::open(location, &self.trust)?;
        elsewhere.health().await?;
        Ok(Copies { elsewhere: Some(elsewhere) })
    }
}
