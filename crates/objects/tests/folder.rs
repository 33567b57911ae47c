//! Objects in a folder: the suite, damage, and a folder that goes away and comes back.

mod conformance;

use std::{fs, path::PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use objects::{Error, Hash, Location, Objects, PartName};

struct Folder {
    objects: Objects,
    path: PathBuf,
    _parent: tempfile::TempDir,
}

fn folder() -> Folder {
    let parent = tempfile::tempdir().expect("a folder");
    let path = parent.path().join("objects");
    let location = Location::Folder(path.clone());
    let objects = Objects::open(&location, &tls::Trust::default()).expect("opened");
    Folder { objects, path, _parent: parent }
}

impl Folder {
    fn file(&self, hash: &Hash) -> PathBuf {
        let hash = hash.to_string();
        self.path.join("blobs").join(&hash[..2]).join(hash)
    }
}

#[tokio::test]
async fn folder_keeps_objects() {
    conformance::run(&folder().objects).await;
}

#[tokio::test]
async fn a_part_is_read_from_its_file_where_there_is_one() {
    let (folder, content) = (folder(), Bytes::from_static(b"0123456789"));
    let [name, other] = [8, 9].map(|offset| PartName { offset, writer: 1 });
    folder.objects.put_part("upload", name, content.clone()).await.expect("put");
    let read = |name| folder.objects.read_part("upload", name);
    assert_eq!((read(name), read(other)), (Some(content), None));
    assert_eq!(folder.objects.read_part("../upload", name), None);
}

/// A file system in memory, mounted for as long as this lives.
#[cfg(target_os = "linux")]
struct Mounted(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Mounted {
    /// None without the right to mount.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "undead-test"]).arg(folder.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn objects_leave_room_on_their_disk_for_the_store_as_root() {
    let Some(disk) = Mounted::new("20m") else { return println!("skipped: mounting needs root") };
    let location = Location::Folder(disk.0.path().join("objects"));
    let objects = Objects::open(&location, &tls::Trust::default()).expect("opened");
    let blob = |number: u8| Bytes::from(vec![number; 1 << 20]);
    let mut put = Vec::new();
    let full = loop {
        match objects.put(blob(put.len() as u8)).await {
            Ok(hash) => put.push(hash),
            Err(error) => break error,
        }
    };
    assert!(matches!(&full, Error::Unavailable(message) if message.contains("is full")), "{full}");
    assert!(put.len() >= 15, "{} of 20 MiB", put.len());
    let part = PartName { offset: 0, writer: 1 };
    assert!(objects.put_part("upload", part, blob(0)).await.is_err());
    fs::write(disk.0.path().join("store"), vec![0; 512 << 10]).expect("other files have room");
    objects.delete(&put[0]).await.expect("deleted");
    objects.delete(&put[1]).await.expect("deleted");
    objects.put_part("upload", part, blob(0)).await.expect("there is room again");
}

#[tokio::test]
async fn damaged_blob_is_found_and_can_be_replaced() {
    let folder = folder();
    let content = Bytes::from_static(b"0123456789");
    let hash = folder.objects.put(content.clone()).await.expect("put");
    let damaged = Err(Error::Damaged(hash.to_string()));

    let too_large = fs::File::create(folder.file(&hash)).expect("opened");
    too_large.set_len(objects::MAX_BYTES + 1).expect("a hole");
    assert_eq!(folder.objects.get(&hash, None).await, damaged);

    for bytes in [&b"0123456788"[..], b"012345678", b""] {
        fs::write(folder.file(&hash), bytes).expect("written");
        assert_eq!(folder.objects.get(&hash, None).await, damaged);
    }
    // One of another size is written again; one of the same size looks whole.
    folder.objects.put(content.clone()).await.expect("put");
    assert_eq!(folder.objects.get(&hash, None).await, Ok(content.clone()));
    fs::write(folder.file(&hash), b"0123456788").expect("written");
    folder.objects.replace(content.clone()).await.expect("replaced");
    assert_eq!(folder.objects.get(&hash, None).await, Ok(content));
}

#[tokio::test]
async fn pieces_are_the_blob_and_the_last_one_of_a_damaged_blob_never_comes() {
    let folder = folder();
    let content = Bytes::from(vec![7; objects::PIECE_BYTES as usize * 2 + 5]);
    let (hash, bytes) = (folder.objects.put(content.clone()).await.expect("put"), content.len() as u64);
    let read = async |bytes| folder.objects.pieces(hash, bytes).collect::<Vec<_>>().await;
    let pieces: Vec<_> = read(bytes).await.into_iter().map(|piece| piece.expect("read")).collect();
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [256 << 10, 256 << 10, 5]);
    assert_eq!(pieces.concat(), content);

    let damaged = Some(Err(Error::Damaged(hash.to_string())));
    assert_eq!(read(bytes - 1).await.pop(), damaged, "another size");
    assert_eq!(read(bytes + 1).await.pop(), Some(Err(Error::Range(hash.to_string()))));
    let mut other = content.to_vec();
    other[0] = 8;
    fs::write(folder.file(&hash), other).expect("written");
    let pieces = read(bytes).await;
    assert_eq!((pieces.len(), pieces.last().cloned()), (3, damaged));
}

#[tokio::test]
async fn a_blob_has_64_mib() {
    let folder = folder();
    let largest = Bytes::from(vec![0; objects::MAX_BYTES as usize]);
    let hash = folder.objects.put(largest.clone()).await.expect("put");
    assert_eq!(folder.objects.get(&hash, None).await, Ok(largest));
    let length = objects::MAX_BYTES + 1;
    let too_large = Bytes::from(vec![0; length as usize]);
    assert_eq!(folder.objects.put(too_large).await, Err(Error::TooLarge(length)));
}

#[tokio::test]
async fn folder_that_is_away_is_not_empty() {
    let folder = folder();
    let content = Bytes::from_static(b"a fragment");
    let hash = folder.objects.put(content.clone()).await.expect("put");
    let elsewhere = folder.path.with_extension("elsewhere");
    fs::rename(&folder.path, &elsewhere).expect("moved");

    let objects = &folder.objects;
    let is_away = |error: Option<Error>| assert!(matches!(error, Some(Error::Unavailable(_))), "{error:?}");
    is_away(objects.health().await.err());
    is_away(objects.get(&hash, None).await.err());
    is_away(objects.head(&hash).await.err());
    is_away(objects.put(content.clone()).await.err());
    is_away(objects.put(Bytes::from_static(b"new")).await.err());
    is_away(objects.delete(&hash).await.err());
    let mut list = objects.list().expect("can list");
    is_away(futures_util::StreamExt::next(&mut list).await.and_then(Result::err));
    assert!(!folder.path.exists(), "the folder was made again");

    fs::rename(&elsewhere, &folder.path).expect("moved back");
    assert_eq!(objects.health().await, Ok(()));
    assert_eq!(objects.get(&hash, None).await, Ok(content));
}

/// Symbolic links that lead to themselves and a file in the folder's place of blobs stand for what a system without rights or a disk
/// says: tests may run with all rights.
#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_used_when_it_is_opened_is_away_until_it_can() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = parent.path().join("objects");
    let content = Bytes::from_static(b"a fragment");
    std::os::unix::fs::symlink("objects", &path).expect("linked");
    let objects = Objects::open(&Location::Folder(path.clone()), &tls::Trust::default()).expect("opened");
    let is_away = |error: Option<Error>| assert!(matches!(error, Some(Error::Unavailable(_))), "{error:?}");
    is_away(objects.health().await.err());
    is_away(objects.put(content.clone()).await.err());
    is_away(objects.get(&Hash::of(&content), None).await.err());
    is_away(objects.list().expect("can list").next().await.and_then(Result::err));
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    fs::write(path.join("blobs"), "").expect("written");
    is_away(objects.health().await.err());
    fs::remove_file(path.join("blobs")).expect("removed");
    is_away(objects.put(content.clone()).await.err());
    assert!(!path.join("blobs").exists(), "a disk may have to be mounted here");
    fs::create_dir(path.join("blobs")).expect("made");
    let hash = objects.put(content.clone()).await.expect("put");
    assert_eq!(objects.get(&hash, None).await, Ok(content));
    assert_eq!(objects.health().await, Ok(()));
}

#[test]
fn a_mistyped_folder_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    fs::write(parent.path().join("file"), "").expect("written");
    for name in ["file", "file/objects", "missing/objects"] {
        let location = Location::Folder(parent.path().join(name));
        let opened = Objects::open(&location, &tls::Trust::default());
        assert!(matches!(opened, Err(Error::Location(_))), "{name}: {opened:?}");
    }
    assert!(!parent.path().join("missing").exists());
}

#[tokio::test]
async fn file_of_an_interrupted_write_is_no_blob() {
    let folder = folder();
    let hash = folder.objects.put(Bytes::from_static(b"a fragment")).await.expect("put");
    let leftover = PathBuf::from(format!("{}#1", folder.file(&hash).display()));
    fs::write(&leftover, b"a fra").expect("written");
    fs::write(folder.path.join("blobs").join("notes"), b"not ours").expect("written");
    let list = folder.objects.list().expect("can list");
    let blobs: Vec<_> = futures_util::TryStreamExt::try_collect(list).await.expect("listed");
    assert_eq!(blobs.iter().map(|blob| blob.hash).collect::<Vec<_>>(), [hash]);

    let modified = fs::metadata(&leftover).and_then(|file| file.modified()).expect("a time");
    assert_eq!(folder.objects.remove_leftovers(modified).await, Ok(0), "it may still be written");
    let later = modified + std::time::Duration::from_secs(1);
    assert_eq!(folder.objects.remove_leftovers(later).await, Ok(1));
    assert!(!leftover.exists() && folder.file(&hash).exists());
    assert!(folder.path.join("blobs").join("notes").exists());
}
