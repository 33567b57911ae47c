//! `undead library export`: writes the media of an item to a file, from the object store.

use std::path::{Path, PathBuf};

use objects::{Location, Objects};
use protocol::{
    ItemId,
    item::{Blob, Manifest, ManifestTake},
};
use reqwest::Method;
use tls::Trust;
use tokio::{fs::File, io::AsyncWriteExt};

use crate::{failure::Failure, local::Caller};

/// Writes the item to the file. Each further take, which no container can hold with the first, has a file of its own.
pub(super) async fn run(
    caller: &Caller,
    location: &Location,
    trust: &Trust,
    arguments: &[String],
) -> Result<(), Failure> {
    let [item, file] = arguments else { return Err(Failure::Config("an item and a file".to_owned())) };
    let item_id: ItemId =
        item.parse().map_err(|_| Failure::Config(format!("{item:?} is not the id of an item")))?;
    let manifest = caller.call(Method::GET, &format!("/api/library/{item_id}/manifest"), None).await?;
    let manifest: Manifest =
        serde_json::from_value(manifest).map_err(Failure::run("the answer cannot be read"))?;
    let objects = Objects::open(location, trust).map_err(Failure::config("objects"))?;
    if manifest.takes.is_empty() {
        return Err(Failure::Run("the item has no media".to_owned()));
    }
    let mut index = 0;
    let mut takes = manifest.takes.as_slice();
    while let Some(first) = takes.first() {
        // A take with a gap is several in a manifest; they have one init segment.
        let count =
            takes.iter().take_while(|take| take.init == first.init && take.mime == first.mime).count();
        let (file, (same, others)) = (numbered(Path::new(file), index), takes.split_at(count));
        write(&objects, same, &file).await?;
        println!("{}\t{}", file.display(), first.mime);
        (takes, index) = (others, index + 1);
    }
    Ok(())
}

async fn write(objects: &Objects, takes: &[ManifestTake], path: &Path) -> Result<(), Failure> {
    let failed = || Failure::run(format!("cannot write {}", path.display()));
    let mut file = File::create(path).await.map_err(failed())?;
    let init = takes.first().and_then(|take| take.init.as_ref());
    let fragments = takes.iter().flat_map(|take| &take.fragments).map(|fragment| &fragment.blob);
    for Blob { hash, .. } in init.into_iter().chain(fragments) {
        let named = hash.parse().map_err(Failure::run(format!("blob {hash}")))?;
        let bytes = objects.get(&named, None).await.map_err(Failure::run("cannot read the media"))?;
        file.write_all(&bytes).await.map_err(failed())?;
    }
    file.sync_all().await.map_err(failed())
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
