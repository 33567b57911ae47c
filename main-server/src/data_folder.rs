//! The data folder: made if missing, and locked, because a SQLite store belongs to one process at a time. Two main servers
//! on one store would each end the streams that only the other hears of.
//!
//! The lock is on a file in the folder, so every path to the folder leads to it. The kernel releases it when the process
//! ends, however it ends; the file itself stays.

use std::{
    fmt, fs,
    fs::{File, TryLockError},
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
};

use crate::private_file;

/// The file that is locked; it holds the process id of the holder.
const FILE: &str = "main-server.lock";

/// A locked data folder. It is released when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct DataFolder(#[expect(dead_code, reason = "the open file holds the lock")] Arc<File>);

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder or its lock file could not be made; names the folder.
    #[error("data folder {0}: {1}")]
    Unusable(String, #[source] io::Error),
    /// Another process has locked it.
    #[error(
        "data folder {folder} is in use by {holder}: stop that process, or choose another folder with --data-dir"
    )]
    InUse {
        /// The folder.
        folder: String,
        /// The process that has it.
        holder: Holder,
    },
}

/// The process that has a data folder: its id, if it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "process {id}"),
            None => f.write_str("another process"),
        }
    }
}

/// Makes `folder` if it is missing.
///
/// # Errors
/// [`Error::Unusable`].
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::Unusable(folder.display().to_string(), error))
}

impl DataFolder {
    /// Makes `folder` if it is missing, and locks it.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn lock(folder: &Path) -> Result<Self, Error> {
        make(folder)?;
        let name = || folder.display().to_string();
        let unusable = |error| Error::Unusable(name(), error);
        let mut file = private_file::options().read(true).open(folder.join(FILE)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { folder: name(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Only the message of the next process needs the id: a full disk is reported by the store.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(Arc::new(file)))
    }
}

fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    Holder(read.ok().and_then(|_| text.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let held = DataFolder::lock(&folder).unwrap();
        let clone = held.clone();
        drop(held);
        let Err(Error::InUse { holder, .. }) = DataFolder::lock(&folder) else { panic!("it is locked") };
        assert_eq!(holder, Holder(Some(std::process::id())));
        drop(clone);
        DataFolder::lock(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_leads_to_the_same_lock() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, link) = (parent.path().join("data"), parent.path().join("link"));
        let _held = DataFolder::lock(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(matches!(DataFolder::lock(&link), Err(Error::InUse { .. })));
    }
}
