//! `undead library export`: writes the media of an item to a file, from the object store: the same that a download is.

use std::{
    ffi::{OsStr, OsString},
    fs::TryLockError,
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use media::{FilePart, Shift, webm_head};
use objects::{Location, Objects};
use protocol::{
    ItemId,
    item::{Blob, Fragment, Manifest, ManifestTake},
    rendition::{Rendition, preferred},
};
use reqwest::Method;
use tls::Trust;
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

use crate::{failure::Failure, local::Caller, output};

/// How many names for the file that is written may be taken.
const MOST_TAKEN: u32 = 100;

/// Writes the item to the file, takes one after another. A take that no container can hold with those before begins another file.
pub(super) async fn run(
    caller: &Caller,
    location: &Location,
    trust: &Trust,
    arguments: &[OsString],
) -> Result<(), Failure> {
    let [item, file] = arguments else { return Err(Failure::Config("an item and a file".to_owned())) };
    let item = item.to_string_lossy();
    let item_id: ItemId =
        item.parse().map_err(|_| Failure::Config(format!("{item:?} is not the id of an item")))?;
    let manifest = caller.call(Method::GET, &format!("/api/library/{item_id}/manifest"), None).await?;
    let manifest: Manifest =
        serde_json::from_value(manifest).map_err(Failure::run("the answer cannot be read"))?;
    let objects = Objects::open(location, trust).map_err(Failure::config("objects"))?;
    if manifest.takes.is_empty() {
        return Err(Failure::Run("the item has no media".to_owned()));
    }
    let takes: Vec<_> = manifest.takes.iter().map(|take| (take, preferred(take))).collect();
    for (index, joined) in takes.chunk_by(|(_, take), (_, next)| next.follows(take)).enumerate() {
        let file = numbered(Path::new(file), index);
        write_whole(&objects, joined, &file).await?;
        output::line(format_args!("{}\t{}", file.display(), joined[0].1.mime))?;
    }
    Ok(())
}

/// Writes takes to a file that is there once it has all of them, with the permissions of the one that it replaces. An export that fails
/// changes nothing.
async fn write_whole(
    objects: &Objects,
    takes: &[(&ManifestTake, Rendition<'_>)],
    path: &Path,
) -> Result<(), Failure> {
    let failed = || Failure::run(format!("cannot write {}", path.display()));
    // What a link leads to is replaced, not the link.
    let place = fs::canonicalize(path).await.unwrap_or_else(|_| path.to_owned());
    let replaced = fs::metadata(&place).await.ok();
    // A device or a pipe stays what it is.
    if replaced.as_ref().is_some_and(|there| !there.is_file()) {
        let mut file = File::create(&place).await.map_err(failed())?;
        return write(objects, takes, &mut file, path).await;
    }
    remove_leftovers(&place);
    let (beside, file) = create_beside(&place).map_err(failed())?;
    let mut file = File::from_std(file);
    let renamed = async {
        if let Some(replaced) = replaced {
            file.set_permissions(replaced.permissions()).await.map_err(failed())?;
        }
        write(objects, takes, &mut file, path).await?;
        fs::rename(&beside, &place).await.map_err(failed())
    };
    let outcome = renamed.await;
    if outcome.is_err() {
        // The failure is told; there may be no file.
        drop(fs::remove_file(&beside).await);
    }
    outcome
}

/// Creates a file beside `path`, to be written until it is whole: no two exports write to the same one.
///
/// A name may be taken by another process with the same id, as processes in containers have, or by what such a one left and this one may
/// not remove. The next number is as good.
fn create_beside(path: &Path) -> io::Result<(PathBuf, std::fs::File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let first = std::process::id();
    for number in first..=first.saturating_add(MOST_TAKEN) {
        let beside = path.with_file_name(format!(".{name}.{number}.part"));
        if let Some(file) = create_locked(&beside)? {
            return Ok((beside, file));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Creates a file and locks it, so that no other export takes it for [left over](remove_leftovers). A file system without locks has none.
/// `None` if there is one, or if another export has just taken this one for left over.
fn create_locked(path: &Path) -> io::Result<Option<std::fs::File>> {
    match std::fs::File::options().write(true).create_new(true).open(path) {
        Ok(file) => {
            let is_locked_by_other = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            Ok((!is_locked_by_other && path.exists()).then_some(file))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what killed exports of the file at `path` left beside it: the system has released their locks.
fn remove_leftovers(path: &Path) {
    let begin = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let is_part = |name: &OsStr| {
        let process = name.to_str().and_then(|name| name.strip_prefix(&begin)?.strip_suffix(".part"));
        process.is_some_and(|process| process.parse::<u32>().is_ok())
    };
    let is_left = |file: &Path| {
        std::fs::File::options().write(true).open(file).is_ok_and(|file| file.try_lock().is_ok())
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_part(&entry.file_name()) && is_left(&entry.path()) {
            // If it stays, it does no harm.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Writes takes one after another to a file, called `path` in errors, in one timeline that begins at 0.
async fn write(
    objects: &Objects,
    takes: &[(&ManifestTake, Rendition<'_>)],
    file: &mut File,
    path: &Path,
) -> Result<(), Failure> {
    let failed = || Failure::run(format!("cannot write {}", path.display()));
    let init = match takes.first().and_then(|(_, take)| take.init) {
        Some(init) => Some(read(objects, init).await?),
        None => None,
    };
    let fragments = || takes.iter().flat_map(|(_, take)| take.fragments);
    let begins_ms = fragments().map(|fragment| fragment.start_ms).next().unwrap_or_default();
    if let Some(init) = &init {
        let part = |fragment: &Fragment| FilePart {
            start_ms: fragment.start_ms.saturating_sub(begins_ms),
            duration_ms: fragment.duration_ms,
            bytes: fragment.blob.bytes,
        };
        let parts: Vec<_> = fragments().map(part).collect();
        // Files of other types have no index.
        let head = webm_head(init, &parts).unwrap_or_else(|_| init.clone());
        file.write_all(&head).await.map_err(failed())?;
    }
    for (take, rendition) in takes {
        let by_ms = take.offset_ms.saturating_sub_unsigned(begins_ms);
        // What has no init segment has no times either.
        let shift = init.as_ref().filter(|_| by_ms != 0).map(|init| Shift::new(init, by_ms));
        let shift = shift.transpose().map_err(Failure::run("the takes cannot be joined"))?;
        for fragment in rendition.fragments {
            let bytes = read(objects, &fragment.blob).await?;
            let edits = shift.as_ref().map(|shift| shift.edits(&bytes)).transpose();
            let mut bytes = Vec::from(bytes);
            for edit in edits.map_err(Failure::run("the takes cannot be joined"))?.unwrap_or_default() {
                bytes[edit.at..edit.at + edit.bytes().len()].copy_from_slice(edit.bytes());
            }
            file.write_all(&bytes).await.map_err(failed())?;
        }
    }
    file.sync_all().await.map_err(failed())
}

async fn read(objects: &Objects, Blob { hash, .. }: &Blob) -> Result<Bytes, Failure> {
    let named = hash.parse().map_err(Failure::run(format!("blob {hash}")))?;
    objects.get(&named, None).await.map_err(Failure::run("cannot read the media"))
}

/// `name.webm`, then `name-2.webm`, `name-3.webm`.
fn numbered(path: &Path, index: usize) -> PathBuf {
    if index == 0 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-{}", index + 1);
    match path.extension() {
        Some(extension) => path.with_file_name(name).with_extension(extension),
        None => path.with_file_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A take of two blobs, of which the second one is missing.
    async fn broken(objects: &Objects) -> ManifestTake {
        let hash = objects.put(Bytes::from_static(b"the first fragment")).await.unwrap();
        let fragment =
            |start_ms, hash| Fragment { blob: Blob { hash, bytes: 18 }, start_ms, duration_ms: 1_000 };
        let missing = objects::Hash::of(b"missing").to_string();
        let fragments = vec![fragment(0, hash.to_string()), fragment(1_000, missing)];
        ManifestTake { mime: "audio/mpeg".into(), init: None, fragments, offset_ms: 0, alternatives: vec![] }
    }

    #[tokio::test]
    async fn an_export_that_fails_changes_no_file_and_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().join("objects"));
        let objects = Objects::open(&location, &Trust::default()).unwrap();
        let take = broken(&objects).await;
        let takes = [(&take, preferred(&take))];
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let files = || {
            let entries = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name());
            entries.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
        };
        let file = out.join("song.mp3");
        assert!(write_whole(&objects, &takes, &file).await.is_err());
        assert_eq!(files(), [""; 0]);
        std::fs::write(&file, "before").unwrap();
        assert!(write_whole(&objects, &takes, &file).await.is_err());
        assert_eq!(
            (files(), std::fs::read(&file).unwrap()),
            (vec!["song.mp3".to_owned()], b"before".to_vec())
        );
        #[cfg(unix)]
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let whole = ManifestTake { fragments: take.fragments[..1].to_vec(), ..take.clone() };
        write_whole(&objects, &[(&whole, preferred(&whole))], &file).await.unwrap();
        assert_eq!((files().len(), std::fs::read(&file).unwrap()), (1, b"the first fragment".to_vec()));
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions()) & 0o777,
            0o600,
            "it stays private"
        );
    }

    #[test]
    fn what_killed_exports_left_is_removed_and_what_others_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".song.mp3.7.part", ".song.mp3.old.part", ".other.mp3.7.part", "song.mp3"] {
            std::fs::write(path(name), "").unwrap();
        }
        let written = create_locked(&path(".song.mp3.8.part")).unwrap().unwrap();
        remove_leftovers(&path("song.mp3"));
        assert!(!path(".song.mp3.7.part").exists());
        let kept = [".song.mp3.8.part", ".song.mp3.old.part", ".other.mp3.7.part", "song.mp3"];
        assert!(kept.iter().all(|name| path(name).exists()));
        drop(written);
        remove_leftovers(&path("song.mp3"));
        assert!(!path(".song.mp3.8.part").exists());
    }

    #[test]
    fn a_file_of_a_process_with_the_same_id_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: u32| folder.path().join(format!(".song.mp3.{number}.part"));
        let first = std::process::id();
        std::fs::write(path(first), "").unwrap();
        let (beside, written) = create_beside(&folder.path().join("song.mp3")).unwrap();
        assert_eq!(beside, path(first + 1));
        let (other, _) = create_beside(&folder.path().join("song.mp3")).unwrap();
        assert_eq!(other, path(first + 2));
        drop(written);
    }

    #[test]
    fn further_takes_are_numbered() {
        let path = |index| numbered(Path::new("out/talk.webm"), index);
        assert_eq!(
            [path(0), path(1)].map(|path| path.display().to_string()),
            ["out/talk.webm", "out/talk-2.webm"]
        );
        assert_eq!(numbered(Path::new("talk"), 2), Path::new("talk-3"));
    }
}
