//! What every folder and bucket has to do.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::TryStreamExt;
use objects::{Discarded, Error, Hash, Listed, Objects, PartName};

/// Runs the whole suite on an empty location.
pub(crate) async fn run(objects: &Objects) {
    run_with_few(objects).await;
    many_blobs_are_listed(objects).await;
}

/// The same without what takes many calls.
#[allow(dead_code, reason = "each test of a location compiles this file for itself")]
pub(crate) async fn run_with_few(objects: &Objects) {
    objects.health().await.expect("healthy");
    what_is_put_is_got(objects).await;
    ranges_are_served(objects).await;
    what_is_missing_is_told(objects).await;
    same_content_is_kept_once(objects).await;
    old_blob_is_written_again(objects).await;
    discarded_blob_is_read_restored_and_purged(objects).await;
    parts_of_uploads_are_kept_in_order(objects).await;
}

async fn listed(objects: &Objects) -> Vec<Listed> {
    let mut blobs: Vec<Listed> = objects.list().expect("can list").try_collect().await.expect("listed");
    blobs.sort_unstable_by_key(|blob| blob.hash);
    blobs
}

async fn what_is_put_is_got(objects: &Objects) {
    // Larger than what a store or a proxy sends in one piece, and than what is hashed at once.
    let large: Bytes =
        (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for content in [Bytes::new(), Bytes::from_static(b"a fragment"), large] {
        let hash = objects.put(content.clone()).await.expect("put");
        assert_eq!(hash, Hash::of(&content));
        assert_eq!(objects.get(&hash, None).await, Ok(content.clone()));
        let info = objects.head(&hash).await.expect("head").expect("is there");
        assert_eq!(info.bytes, content.len() as u64);
        let blobs = listed(objects).await;
        assert_eq!(blobs.len(), 1);
        assert_eq!((blobs[0].hash, blobs[0].info.bytes), (hash, info.bytes));
        objects.delete(&hash).await.expect("deleted");
        assert_eq!(objects.get(&hash, None).await, Err(Error::Missing(hash.to_string())));
    }
    assert_eq!(listed(objects).await, []);
}

async fn ranges_are_served(objects: &Objects) {
    let hash = objects.put(Bytes::from_static(b"0123456789")).await.expect("put");
    assert_eq!(objects.get(&hash, Some(0..1)).await, Ok(Bytes::from_static(b"0")));
    assert_eq!(objects.get(&hash, Some(3..10)).await, Ok(Bytes::from_static(b"3456789")));
    for range in [3..11, 10..12, 11..12, 4..4] {
        let result = objects.get(&hash, Some(range.clone())).await;
        assert_eq!(result, Err(Error::Range(hash.to_string())), "{range:?}");
    }
    objects.delete(&hash).await.expect("deleted");
}

async fn what_is_missing_is_told(objects: &Objects) {
    let hash = Hash::of(b"never put");
    let missing = Error::Missing(hash.to_string());
    assert_eq!(objects.get(&hash, None).await, Err(missing.clone()));
    assert_eq!(objects.get(&hash, Some(0..1)).await, Err(missing));
    assert_eq!(objects.head(&hash).await, Ok(None));
    assert_eq!(objects.delete(&hash).await, Ok(()));
}

async fn same_content_is_kept_once(objects: &Objects) {
    let content = Bytes::from(vec![7; 100_000]);
    let puts = (0..16).map(|_| objects.put(content.clone()));
    for hash in futures_util::future::join_all(puts).await {
        assert_eq!(hash, Ok(Hash::of(&content)));
    }
    let blobs = listed(objects).await;
    assert_eq!(blobs.len(), 1);
    assert_eq!(objects.get(&blobs[0].hash, None).await, Ok(content));
    objects.delete(&blobs[0].hash).await.expect("deleted");
}

async fn old_blob_is_written_again(objects: &Objects) {
    let hash = objects.put(Bytes::from_static(b"named twice")).await.expect("put");
    let before = objects.head(&hash).await.expect("head");
    objects.put(Bytes::from_static(b"named twice")).await.expect("put");
    assert_eq!(objects.head(&hash).await.expect("head"), before, "a young blob was written again");
    let refreshing = objects.clone().refreshing_after(Duration::ZERO);
    // Some stores keep times in whole seconds, so it may take several attempts until one shows.
    loop {
        refreshing.put(Bytes::from_static(b"named twice")).await.expect("put");
        let after = objects.head(&hash).await.expect("head");
        if after.map(|info| info.modified_at) > before.map(|info| info.modified_at) {
            break;
        }
        tokio::task::yield_now().await;
    }
    objects.delete(&hash).await.expect("deleted");
}

async fn many_blobs_are_listed(objects: &Objects) {
    // More than a page of S3.
    let contents: Vec<Bytes> = (0..1_100).map(|index: u32| Bytes::from(index.to_string())).collect();
    for batch in contents.chunks(50) {
        let puts = batch.iter().map(|content| objects.put(content.clone()));
        futures_util::future::try_join_all(puts).await.expect("put");
    }
    let mut hashes: Vec<Hash> = contents.iter().map(|content| Hash::of(content)).collect();
    hashes.sort_unstable();
    assert_eq!(listed(objects).await.iter().map(|blob| blob.hash).collect::<Vec<_>>(), hashes);
    for batch in hashes.chunks(50) {
        let deletes = batch.iter().map(|hash| objects.delete(hash));
        futures_util::future::try_join_all(deletes).await.expect("deleted");
    }
    assert_eq!(listed(objects).await, []);
}

async fn discarded_blob_is_read_restored_and_purged(objects: &Objects) {
    let content = Bytes::from_static(b"discarded");
    let hash = objects.put(content.clone()).await.expect("put");
    let (first, second) = (UNIX_EPOCH + Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(2));
    let (first, second) = (Discarded::at(first), Discarded::at(second));
    objects.discard(&hash, first).await.expect("discarded");
    objects.discard(&hash, second).await.expect("it is not there any more");
    assert_eq!(listed(objects).await, []);
    assert_eq!(objects.head(&hash).await, Ok(None));
    assert_eq!(objects.get(&hash, None).await, Ok(content.clone()));
    assert_eq!(objects.get(&hash, Some(3..9)).await, Ok(content.slice(3..9)));
    assert_eq!(objects.get(&hash, Some(3..10)).await, Err(Error::Range(hash.to_string())));
    assert_eq!(objects.trash().await, Ok(vec![first]));

    objects.restore(&hash, first).await.expect("restored");
    assert_eq!(listed(objects).await.len(), 1);
    assert_eq!(objects.trash().await, Ok(Vec::new()));
    objects.discard(&hash, second).await.expect("discarded");
    let in_trash: Vec<Hash> =
        objects.list_trash(second).expect("can list").try_collect().await.expect("listed");
    assert_eq!(in_trash, [hash]);
    objects.purge(&hash, second).await.expect("purged");
    assert_eq!(objects.get(&hash, None).await, Err(Error::Missing(hash.to_string())));
}

async fn parts_of_uploads_are_kept_in_order(objects: &Objects) {
    let name = |offset, writer| PartName { offset, writer };
    let parts = [
        (name(8, 3), "second"),
        (name(1_000_000_000_000, 1), "last"),
        (name(0, 1), "first"),
        (name(8, 2), "lost"),
    ];
    for (name, content) in parts {
        objects.put_part("upload-1", name, Bytes::from_static(content.as_bytes())).await.expect("put");
    }
    objects.put_part("upload-10", name(0, 1), Bytes::from_static(b"another")).await.expect("put");
    let listed_parts = async || {
        let parts = objects.list_parts("upload-1").await.expect("listed");
        parts.iter().map(|part| (part.name, part.info.bytes)).collect::<Vec<_>>()
    };
    let expected = [(name(0, 1), 5), (name(8, 2), 4), (name(8, 3), 6), (name(1_000_000_000_000, 1), 4)];
    assert_eq!(listed_parts().await, expected);
    assert_eq!(objects.get_part("upload-1", name(8, 3)).await, Ok(Bytes::from_static(b"second")));
    assert!(matches!(objects.get_part("upload-1", name(9, 3)).await, Err(Error::Missing(_))));
    objects.delete_parts("upload-1", |name| name.writer == 2).await.expect("deleted");
    assert_eq!(listed_parts().await, [expected[0], expected[2], expected[3]]);
    let mut uploads = objects.list_uploads().await.expect("listed");
    uploads.sort_unstable();
    assert_eq!(uploads, ["upload-1", "upload-10"]);
    assert_eq!(listed(objects).await, [], "parts are not blobs");

    objects.delete_parts("upload-1", |_| true).await.expect("deleted");
    assert_eq!(objects.list_parts("upload-1").await, Ok(Vec::new()));
    assert_eq!(objects.get_part("upload-10", name(0, 1)).await, Ok(Bytes::from_static(b"another")));
    objects.delete_parts("upload-10", |_| true).await.expect("deleted");
    assert_eq!(objects.list_parts("../blobs").await, Err(Error::Upload("../blobs".to_owned())));
}
