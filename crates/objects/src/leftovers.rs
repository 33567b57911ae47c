//! Files of writes that a crash interrupted: `{key}#{number}` beside the key. No list of objects shows them.

use std::{fs, io, path::Path, time::SystemTime};

use crate::{Error, Objects, key};

impl Objects {
    /// Removes such files that were last written before `until`, and says how many. In a bucket there are none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder cannot be read, [`Error::Unsupported`] by main servers.
    pub async fn remove_leftovers(&self, until: SystemTime) -> Result<u64, Error> {
        let Some(folder) = self.store("removing files")?.path() else { return Ok(0) };
        let folders = [key::BLOBS, key::UPLOADS, key::TRASH].map(|name| folder.join(name));
        let removing = move || folders.iter().try_fold(0, |count, folder| Ok(count + remove(folder, until)?));
        let removed = tokio::task::spawn_blocking(removing).await.map_err(io::Error::other).flatten();
        removed.map_err(|error| Error::Unavailable(error.to_string()))
    }
}

/// Removes them from a folder and those within it, which are at most two levels deep.
fn remove(folder: &Path, until: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for entry in or_none(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let Some(metadata) = or_none(entry.metadata())? else { continue };
        if metadata.is_dir() {
            removed += remove(&entry.path(), until)?;
        } else if is_leftover(&entry.file_name().to_string_lossy()) && metadata.modified()? < until {
            removed += u64::from(or_none(fs::remove_file(entry.path()))?.is_some());
        }
    }
    Ok(removed)
}

/// Entries that are gone meanwhile are left out.
fn or_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn is_leftover(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
