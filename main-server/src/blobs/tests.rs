//! Upkeep of the blobs that the items of a main server name.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use objects::{Bucket, Credentials, Hash, Location, Objects};
use protocol::{
    ItemId,
    item::{Blob, Kind, State},
    stream::Visibility,
    upkeep::{BadBlob, Problem, Verified, Verify},
};
use s3_harness::{BUCKET, KEY_ID, S3s, SECRET};

use super::{error::Error, lease::alone, upkeep::Upkeep};
use crate::{
    Config,
    clock::Now,
    cluster::tests::{Cluster, Member},
    library::{Format, NewItem, NewTake, TakeFragment, Text, new_id},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A main server with an item, and its upkeep.
struct Fixture {
    server: Member,
    upkeep: Upkeep,
    item_id: ItemId,
}

impl Fixture {
    /// The item has an init segment `init` and a fragment for each of the contents.
    async fn new(contents: &[&'static str]) -> Self {
        Self::with(contents, |_| {}).await
    }

    async fn with_copy(contents: &[&'static str], copy: &Path) -> Self {
        let copy = Location::Folder(copy.to_owned());
        Self::with(contents, |config| config.objects_copy = Some(copy.clone())).await
    }

    async fn with(contents: &[&'static str], set: impl Fn(&mut Config)) -> Self {
        let server = Cluster::new().await.member(set).await;
        let upkeep = Upkeep::new(&server.context, &server.library, &server.jobs);
        let item_id = new_id().unwrap();
        let new = NewItem {
            item_id,
            kind: Kind::Upload,
            state: State::Ready,
            text: Text { title: "any".into(), ..Text::default() },
            visibility: Visibility::Public,
            passphrase_hash: None,
            owner: None,
            stream_id: None,
        };
        server.library.create(new, Now::read()).await.unwrap();
        let fixture = Self { server, upkeep, item_id };
        let init = Some(fixture.put("init").await);
        let take =
            NewTake { take: 0, format: Format { mime: "audio/mpeg".into(), init }, alternatives: vec![] };
        for (index, content) in (0..).zip(contents) {
            let fragment = TakeFragment {
                first_group: index,
                groups: 1,
                blob: fixture.put(content).await,
                format: 0,
                alternatives: vec![],
                start_ms: 10_000 * index,
                duration_ms: 10_000,
                ends_take: false,
            };
            fixture.server.library.append(item_id, &take, &[fragment]).await.unwrap();
        }
        fixture
    }

    fn objects(&self) -> &Objects {
        &self.server.context.objects
    }

    async fn put(&self, content: &'static str) -> Blob {
        let hash = self.objects().put(Bytes::from_static(content.as_bytes())).await.unwrap();
        Blob { hash: hash.to_string(), bytes: content.len() as u64 }
    }

    fn file(&self, content: &str) -> PathBuf {
        let Location::Folder(folder) = &self.server.context.config.objects else { panic!("a folder") };
        folder.join(key(content))
    }

    async fn verify(&self, repair: bool) -> (Verified, Vec<BadBlob>) {
        let found = Mutex::new(Vec::new());
        let note = |bad| {
            found.lock().unwrap().push(bad);
            std::future::ready(())
        };
        let verified = self.upkeep.verify(Verify { repair }, note).await.unwrap();
        (verified, found.into_inner().unwrap())
    }

    fn bad(&self, content: &str, problem: Problem, repaired: bool) -> BadBlob {
        let hash = Hash::of(content.as_bytes()).to_string();
        BadBlob { hash, problem, items: vec![self.item_id], further_items: 0, repaired }
    }
}

/// Where a blob is.
fn key(content: &str) -> String {
    let name = Hash::of(content.as_bytes()).to_string();
    format!("blobs/{}/{name}", &name[..2])
}

fn make_old(file: &Path) {
    let file = fs::File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - 2 * DAY).unwrap();
}

#[tokio::test]
async fn what_items_name_stays_and_old_blobs_that_none_names_go() {
    let fixture = Fixture::new(&["first", "second"]).await;
    fixture.put("unnamed").await;
    fixture.put("young").await;
    for content in ["init", "first", "second", "unnamed"] {
        make_old(&fixture.file(content));
    }
    let collected = fixture.upkeep.collect(Now::read()).await.unwrap();
    assert_eq!((collected.kept, collected.discarded), (4, 1));
    assert!(!fixture.file("unnamed").exists() && fixture.file("young").exists());

    // An item that can be restored still names its blobs.
    fixture.server.library.delete(fixture.item_id, Now::read()).await.unwrap();
    assert_eq!(fixture.upkeep.collect(Now::read()).await.unwrap().discarded, 0);
}

#[tokio::test]
async fn one_server_at_a_time_collects() {
    let fixture = Fixture::new(&[]).await;
    let kv = &fixture.server.context.store.kv;
    let other = alone(kv, async { Ok(fixture.upkeep.collect(Now::read()).await) }).await.unwrap();
    assert!(matches!(other, Err(Error::Busy)), "{other:?}");
    fixture.upkeep.collect(Now::read()).await.unwrap();
}

#[tokio::test]
async fn damaged_and_missing_blobs_are_found() {
    let fixture = Fixture::new(&["first", "second", "third"]).await;
    assert_eq!(
        fixture.verify(false).await,
        (Verified { checked: 4, bytes: 20, bad: 0, repaired: 0 }, vec![])
    );
    fs::write(fixture.file("first"), "worse").unwrap();
    fs::remove_file(fixture.file("second")).unwrap();
    let (verified, mut found) = fixture.verify(true).await;
    assert_eq!((verified.checked, verified.bad, verified.repaired), (4, 2, 0));
    found.sort_by_key(|bad| bad.problem == Problem::Missing);
    let expected =
        [fixture.bad("first", Problem::Damaged, false), fixture.bad("second", Problem::Missing, false)];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn bad_blobs_are_repaired_from_the_copy_and_from_the_trash() {
    let copy = tempfile::tempdir().unwrap();
    let fixture = Fixture::with_copy(&["first", "second", "third"], copy.path()).await;
    let location = Location::Folder(copy.path().to_owned());
    let copies = Objects::open(&location, &tls::Trust::default()).unwrap();
    for content in ["first", "second"] {
        copies.put(Bytes::from_static(content.as_bytes())).await.unwrap();
    }
    fs::write(fixture.file("first"), "worse").unwrap();
    fs::remove_file(fixture.file("second")).unwrap();
    let discarded = objects::Discarded::at(SystemTime::now());
    fixture.objects().discard(&Hash::of(b"third"), discarded).await.unwrap();

    let (verified, found) = fixture.verify(false).await;
    assert_eq!((verified.bad, verified.repaired, found.len()), (3, 0, 3));
    let (verified, found) = fixture.verify(true).await;
    assert_eq!((verified.bad, verified.repaired), (3, 3), "{found:?}");
    assert_eq!(fixture.verify(false).await.0.bad, 0);
    assert_eq!(fs::read(fixture.file("first")).unwrap(), b"first");
}

#[tokio::test]
async fn copy_that_is_away_or_damaged_repairs_nothing() {
    let copy = tempfile::tempdir().unwrap();
    let fixture = Fixture::with_copy(&["first"], copy.path()).await;
    fs::write(fixture.file("first"), "worse").unwrap();
    let outcome = fixture.upkeep.verify(Verify { repair: true }, |_| std::future::ready(())).await;
    assert!(matches!(outcome, Err(Error::Objects(objects::Error::Unavailable(_)))), "{outcome:?}");

    let name = Hash::of(b"first").to_string();
    let folder = copy.path().join("blobs").join(&name[..2]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), "worse too").unwrap();
    let (verified, _) = fixture.verify(true).await;
    assert_eq!((verified.bad, verified.repaired), (1, 0));
    assert_eq!(fs::read(fixture.file("first")).unwrap(), b"worse");
}

#[tokio::test]
async fn upkeep_is_the_same_in_s3() {
    let s3 = S3s::start().await;
    let bucket = Bucket {
        name: BUCKET.to_owned(),
        prefix: "library".to_owned(),
        endpoint: Some(s3.endpoint()),
        region: None,
        credentials: Some(Credentials { key_id: KEY_ID.to_owned(), secret: SECRET.to_owned() }),
    };
    let with_bucket = |config: &mut Config| config.objects = Location::S3(bucket.clone());
    let fixture = Fixture::with(&["first", "second"], with_bucket).await;
    let file = |content: &str| s3.file(&format!("library/{}", key(content)));
    fixture.put("unnamed").await;
    for content in ["init", "first", "second", "unnamed"] {
        make_old(&file(content));
    }
    let collected = fixture.upkeep.collect(Now::read()).await.unwrap();
    assert_eq!((collected.kept, collected.discarded), (3, 1));
    assert!(!file("unnamed").exists());

    fs::write(file("first"), "worse").unwrap();
    fixture.objects().discard(&Hash::of(b"second"), objects::Discarded::at(SystemTime::now())).await.unwrap();
    let (verified, found) = fixture.verify(true).await;
    assert_eq!((verified.checked, verified.bad, verified.repaired), (3, 2, 1), "{found:?}");
}
