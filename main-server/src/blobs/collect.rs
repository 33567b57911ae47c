//! Garbage collection: what no item names is put into the trash, and deleted for good later.
//!
//! A blob is put before an item names it, so a young blob without a name is left alone: for the grace. Whoever names a blob has
//! put it at most half of the grace before, and [`Objects::put`] writes a blob again that is older than that. What is decided
//! here may be a moment late; the trash makes up for that: a discarded blob can be read, and the next collection that finds it
//! named restores it.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use objects::{Discarded, Hash, Listed, Objects};
use protocol::upkeep::Collected;

use super::error::Error;

/// Knows which blobs are needed.
#[async_trait]
pub(super) trait Named: Send + Sync {
    /// All blobs that are named when this is called, and maybe some that are named later.
    async fn named(&self) -> Result<HashSet<Hash>, Error>;
}

/// Collects garbage once. An error leaves less collected, and nothing else.
pub(super) async fn collect(
    objects: &Objects,
    items: &dyn Named,
    grace: Duration,
    now: SystemTime,
) -> Result<Collected, Error> {
    // A folder that is not mounted has no blobs; it must not look empty.
    objects.health().await?;
    let named = items.named().await?;
    let mut collected = Collected::default();
    empty_trash(objects, &named, grace, now, &mut collected).await?;
    objects.remove_leftovers(now.checked_sub(grace).unwrap_or(UNIX_EPOCH)).await?;
    let mut blobs = objects.list()?;
    while let Some(blob) = blobs.try_next().await? {
        let is_young = |blob: &Listed| now.duration_since(blob.info.modified_at).unwrap_or_default() < grace;
        let is_kept = named.contains(&blob.hash) || is_young(&blob) || {
            // The list may be old: it is read page by page.
            let info = objects.head(&blob.hash).await?;
            info.is_none_or(|info| is_young(&Listed { info, ..blob }))
        };
        if is_kept {
            collected.kept += 1;
            collected.kept_bytes += blob.info.bytes;
        } else {
            objects.discard(&blob.hash, Discarded::at(now)).await?;
            collected.discarded += 1;
            collected.discarded_bytes += blob.info.bytes;
        }
    }
    Ok(collected)
}

async fn empty_trash(
    objects: &Objects,
    named: &HashSet<Hash>,
    grace: Duration,
    now: SystemTime,
    collected: &mut Collected,
) -> Result<(), Error> {
    for at in objects.trash().await? {
        let mut discarded = objects.list_trash(at)?;
        while let Some(hash) = discarded.try_next().await? {
            let is_needed = named.contains(&hash) && objects.head(&hash).await?.is_none();
            if is_needed {
                objects.restore(&hash, at).await?;
                collected.restored += 1;
            } else if at.is_older(grace, now) {
                objects.purge(&hash, at).await?;
                collected.purged += 1;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Mutex};

    use bytes::Bytes;
    use objects::Location;
    use tempfile::TempDir;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

    /// A library and its objects, whose clock stands at `now`.
    struct Fixture {
        objects: Objects,
        folder: TempDir,
        named: Mutex<HashSet<Hash>>,
        now: Mutex<SystemTime>,
    }

    #[async_trait]
    impl Named for Fixture {
        async fn named(&self) -> Result<HashSet<Hash>, Error> {
            Ok(self.named.lock().unwrap().clone())
        }
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let location = Location::Folder(folder.path().to_owned());
            let objects = Objects::open(&location, &tls::Trust::default()).unwrap();
            let now = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
            Self { objects, folder, named: Mutex::default(), now: Mutex::new(now) }
        }

        fn now(&self) -> SystemTime {
            *self.now.lock().unwrap()
        }

        fn pass(&self, time: Duration) {
            *self.now.lock().unwrap() += time;
        }

        fn file(&self, hash: &Hash) -> PathBuf {
            let name = hash.to_string();
            self.folder.path().join("blobs").join(&name[..2]).join(name)
        }

        /// Puts a blob; if it is old, that refreshes it, as at the time of the clock.
        async fn put(&self, content: &'static str) -> Hash {
            let hash = Hash::of(content.as_bytes());
            let is_fresh = std::fs::metadata(self.file(&hash))
                .is_ok_and(|file| self.now() < file.modified().unwrap() + GRACE / 2);
            if !is_fresh {
                self.objects.replace(Bytes::from_static(content.as_bytes())).await.unwrap();
                let file = std::fs::File::options().append(true).open(self.file(&hash)).unwrap();
                file.set_modified(self.now()).unwrap();
            }
            hash
        }

        fn name(&self, hash: Hash) {
            self.named.lock().unwrap().insert(hash);
        }

        async fn collect(&self) -> Collected {
            self.collect_with(self).await
        }

        async fn collect_with(&self, items: &dyn Named) -> Collected {
            collect(&self.objects, items, GRACE, self.now()).await.unwrap()
        }

        async fn is_there(&self, hash: &Hash) -> bool {
            self.objects.get(hash, None).await.is_ok()
        }
    }

    #[tokio::test]
    async fn only_old_blobs_without_a_name_are_deleted_and_after_another_grace() {
        let fixture = Fixture::new();
        let (named, unnamed) = (fixture.put("named").await, fixture.put("unnamed").await);
        fixture.name(named);
        fixture.pass(GRACE - HOUR);
        let young = fixture.put("young").await;
        let collected = fixture.collect().await;
        assert_eq!((collected.kept, collected.kept_bytes, collected.discarded), (3, 17, 0));
        fixture.pass(HOUR);
        let collected = fixture.collect().await;
        assert_eq!((collected.kept, collected.discarded, collected.discarded_bytes), (2, 1, 7));
        assert!(fixture.is_there(&unnamed).await, "it is in the trash");
        fixture.pass(GRACE - HOUR * 2);
        assert_eq!(fixture.collect().await.purged, 0);
        fixture.pass(HOUR * 2);
        let collected = fixture.collect().await;
        assert_eq!((collected.purged, collected.discarded), (1, 1), "and what was young has become old");
        assert!(!fixture.is_there(&unnamed).await);
        assert!(fixture.is_there(&young).await && fixture.is_there(&named).await);
    }

    /// An upload or a recording that goes on while names are read.
    struct During<'a, F>(&'a Fixture, F);

    #[async_trait]
    impl<F: Fn() -> Duration + Send + Sync> Named for During<'_, F> {
        async fn named(&self) -> Result<HashSet<Hash>, Error> {
            let named = self.0.named().await?;
            self.0.pass((self.1)());
            self.0.name(self.0.put("again").await);
            Ok(named)
        }
    }

    #[tokio::test]
    async fn old_blob_that_is_put_and_named_while_names_are_read_stays() {
        let fixture = Fixture::new();
        let hash = fixture.put("again").await;
        fixture.pass(GRACE * 3);
        let collected = fixture.collect_with(&During(&fixture, || Duration::ZERO)).await;
        assert_eq!((collected.kept, collected.discarded), (1, 0));
        assert!(fixture.file(&hash).exists());
    }

    #[tokio::test]
    async fn blob_that_is_discarded_just_after_it_was_put_again_is_never_lost() {
        let fixture = Fixture::new();
        let hash = fixture.put("again").await;
        fixture.pass(GRACE * 3);
        // The collector looked before this put and discards after it.
        fixture.put("again").await;
        fixture.objects.discard(&hash, Discarded::at(fixture.now())).await.unwrap();
        assert!(fixture.is_there(&hash).await);
        // The latest that it may be named.
        fixture.pass(GRACE / 2);
        fixture.name(hash);
        for restored in [1, 0, 0] {
            assert_eq!(fixture.collect().await.restored, restored);
            assert!(fixture.file(&hash).exists());
            fixture.pass(GRACE);
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_in_any_order_of_puts_names_and_collections() {
        const CONTENTS: [&str; 4] = ["a", "b", "c", "d"];
        for seed in 0..40_u64 {
            let fixture = Fixture::new();
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            // When a blob was last put, for those that may still be named.
            let mut put_at = [None; CONTENTS.len()];
            for _ in 0..60 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let index = (random >> 8) as usize % CONTENTS.len();
                let hash = Hash::of(CONTENTS[index].as_bytes());
                match random % 6 {
                    0 => {
                        fixture.put(CONTENTS[index]).await;
                        put_at[index] = Some(fixture.now());
                    }
                    1 if put_at[index].is_some_and(|at| fixture.now() <= at + GRACE / 2) => {
                        fixture.name(hash)
                    }
                    2 => {
                        fixture.named.lock().unwrap().remove(&hash);
                        put_at[index] = None;
                    }
                    3 => drop(fixture.collect().await),
                    _ => fixture.pass(HOUR * (1 + (random >> 16) as u32 % 12)),
                }
                let named = fixture.named.lock().unwrap().clone();
                for hash in named {
                    assert!(fixture.is_there(&hash).await, "seed {seed}");
                }
            }
        }
    }

    #[tokio::test]
    async fn store_that_is_away_is_not_an_empty_one() {
        let fixture = Fixture::new();
        fixture.name(fixture.put("named").await);
        std::fs::rename(fixture.folder.path().join("blobs"), fixture.folder.path().join("away")).unwrap();
        let outcome = collect(&fixture.objects, &fixture, GRACE, fixture.now()).await;
        assert!(matches!(outcome, Err(Error::Objects(objects::Error::Unavailable(_)))), "{outcome:?}");
    }
}
