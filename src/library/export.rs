//! `undead library export`: writes the media of an item to a file, from the object store: the same that a download is.

use std::{
    ffi::OsString,
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
use tokio::{fs::File, io::AsyncWriteExt};

use crate::{failure::Failure, local::Caller, output};

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
        write(&objects, joined, &file).await?;
        output::line(format_args!("{}\t{}", file.display(), joined[0].1.mime))?;
    }
    Ok(())
}

/// Writes takes one after another, in one timeline that begins at 0.
async fn write(
    objects: &Objects,
    takes: &[(&ManifestTake, Rendition<'_>)],
    path: &Path,
) -> Result<(), Failure> {
    let failed = || Failure::run(format!("cannot write {}", path.display()));
    let mut file = File::create(path).await.map_err(failed())?;
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
