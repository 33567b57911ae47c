//! Backup and restore: the whole store as a text file, from any engine and into any engine.
//!
//! Restoring is how one moves from SQLite to NATS, too. A backup holds secrets; only its owner may read it.

mod error;
mod format;

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::Path,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use store::{Engine, Expect, Kv, Store};
use tokio::task::spawn_blocking;

pub use self::error::Error;
use self::format::Saved;
use crate::{data_folder::DataFolder, private_file};

/// Writes under way at once while restoring.
const CONCURRENT: usize = 64;

/// Writes everything in a store to `file`, which must not exist; returns the number of entries. Main servers may continue
/// meanwhile: with SQLite the backup is as of one moment, with NATS each entry is as of some moment while it was made. The
/// store is only read: one of another schema version is refused, not migrated.
///
/// # Errors
/// See [`enum@Error`]. An unfinished file is removed.
pub async fn backup(engine: &Engine, data_dir: &Path, file: &Path) -> Result<usize, Error> {
    let read = Store::read(engine, data_dir).await?;
    let entries = read.into_iter().map(|(namespace, entry)| Saved::new(namespace, entry));
    let (entries, file): (Vec<_>, _) = (entries.collect(), file.to_owned());
    let written = spawn_blocking(move || write(&file, &entries).map(|()| entries.len())).await;
    written.map_err(io::Error::other)?
}

fn write(path: &Path, entries: &[Saved]) -> Result<(), Error> {
    let mut file = BufWriter::new(private_file::options().create_new(true).open(path)?);
    let written = format::write(&mut file, entries).and_then(|()| file.flush());
    let written = written.and_then(|()| file.get_ref().sync_all());
    if written.is_err() {
        fs::remove_file(path)?;
    }
    Ok(written?)
}

/// Writes everything in `file` into an empty store, making it if it is missing; says how many entries. The file is read
/// to its end before anything is written. No main server may use the store yet.
///
/// # Errors
/// See [`enum@Error`]. After [`Error::Store`] the store may hold a part.
pub async fn restore(engine: &Engine, data_dir: &Path, file: &Path) -> Result<usize, Error> {
    let file = file.to_owned();
    let read = spawn_blocking(move || format::read(&mut BufReader::new(File::open(file)?))).await;
    let entries = read.map_err(io::Error::other)??;
    let _held = match engine {
        Engine::Sqlite => Some(DataFolder::lock(data_dir)?),
        Engine::SqliteInMemory | Engine::Nats(..) => None,
    };
    let kv = Store::open(engine, data_dir).await?.kv;
    if !kv.snapshot().await?.is_empty() {
        return Err(Error::NotEmpty);
    }
    let count = entries.len();
    let writes = stream::iter(entries.into_iter().map(|saved| put(&*kv, saved)));
    writes.buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
    Ok(count)
}

async fn put(kv: &dyn Kv, saved: Saved) -> Result<(), store::Error> {
    let lease = saved.lease_ms.map(std::time::Duration::from_millis);
    kv.compare_and_set(saved.namespace, &saved.key, saved.value, lease, Expect::Absent).await.map(drop)
}

/// Reads a backup; what is read is written and read the same again.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(mut input: &[u8]) {
    let Ok(entries) = format::read(&mut input) else { return };
    let mut written = Vec::new();
    format::write(&mut written, &entries).expect("memory takes everything");
    assert_eq!(format::read(&mut &*written).expect("what is written is read"), entries);
}
