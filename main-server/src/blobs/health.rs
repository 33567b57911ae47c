//! Whether the object store answers: a metric, and a line in the log when that changes. Nothing waits for it: what needs the object
//! store finds out itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use objects::Objects;
use tokio::time::sleep;

use crate::metrics::Metrics;

/// Time between two checks. Each is one request to a bucket.
const INTERVAL: Duration = Duration::from_secs(30);

/// See the [module](self).
pub(super) struct ObjectsHealth {
    objects: Objects,
    is_available: Arc<AtomicBool>,
}

impl ObjectsHealth {
    pub(super) fn new(objects: Objects, metrics: &Metrics) -> Self {
        let is_available = Arc::new(AtomicBool::new(true));
        let shown = Arc::clone(&is_available);
        let help = "1 if the object store answered the last check; it is checked every 30 s";
        metrics.gauge("undead_objects_available", help, move || shown.load(Relaxed).into());
        Self { objects, is_available }
    }

    /// Checks until it is dropped.
    pub(super) async fn follow(&self) {
        loop {
            self.check().await;
            sleep(INTERVAL).await;
        }
    }

    async fn check(&self) {
        let health = self.objects.health().await;
        let was_available = self.is_available.swap(health.is_ok(), Relaxed);
        match health {
            Err(error) if was_available => {
                tracing::warn!(%error, "live streams are not affected, recordings wait on the nodes' disks, uploads are refused: {error}");
            }
            Ok(()) if !was_available => tracing::info!("the object store is available again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use objects::Location;

    use super::*;

    #[tokio::test]
    async fn the_metric_says_whether_the_object_store_is_away() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("objects");
        fs::create_dir(&folder).unwrap();
        // It cannot be used: its folder of blobs is a file.
        fs::write(folder.join("blobs"), "").unwrap();
        let objects = Objects::open(&Location::Folder(folder.clone()), &tls::Trust::default()).unwrap();
        let metrics = Metrics::default();
        let health = ObjectsHealth::new(objects, &metrics);
        health.check().await;
        assert!(metrics.render().contains("\nundead_objects_available 0\n"));
        fs::remove_file(folder.join("blobs")).unwrap();
        fs::create_dir(folder.join("blobs")).unwrap();
        health.check().await;
        assert!(metrics.render().contains("\nundead_objects_available 1\n"));
    }
}
