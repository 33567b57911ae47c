//! Temporary folders of tasks.
//!
//! A worker has its own locked folder in the scratch folder, and in it a folder for each task. Folders of
//! crashed workers are no longer locked, and the next worker removes them.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

const PREFIX: &str = "worker-";
const LOCK: &str = "lock";
/// Tries to create a folder: another worker may remove it before it is locked.
const ATTEMPTS: u32 = 10;

/// The folder of a worker, removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    /// The lock on the folder.
    _lock: File,
    tasks: AtomicU64,
}

impl Scratch {
    /// Creates and locks a folder in `folder`, and removes those of crashed workers.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        remove_leftovers(folder)?;
        let mut attempt = 1;
        loop {
            match Self::make(folder) {
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                made => return made,
            }
        }
    }

    fn make(folder: &Path) -> io::Result<Self> {
        let folder = folder.join(format!("{PREFIX}{:016x}", RandomState::new().hash_one(0)));
        fs::create_dir(&folder)?;
        let path = folder.join(LOCK);
        let lock = File::create_new(&path)?;
        lock.try_lock()?;
        fs::metadata(&path)?;
        Ok(Self { folder, _lock: lock, tasks: AtomicU64::new(0) })
    }

    /// Creates an empty folder for a task.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn task(&self) -> io::Result<TaskFolder> {
        let folder = self.folder.join(self.tasks.fetch_add(1, Relaxed).to_string());
        fs::create_dir(&folder)?;
        Ok(TaskFolder(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The folder of a task, removed when dropped.
#[derive(Debug)]
pub(crate) struct TaskFolder(PathBuf);

impl TaskFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_worker = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if is_worker && lock.try_lock().is_ok() {
            remove(&path);
        }
    }
    Ok(())
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(%error, "cannot remove the scratch folder {}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_a_task_leaves_behind_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        let (first, second) = (scratch.task().unwrap(), scratch.task().unwrap());
        fs::write(first.path().join("a"), "left").unwrap();
        fs::write(second.path().join("a"), "used").unwrap();
        drop(first);
        assert_eq!(fs::read_to_string(second.path().join("a")).unwrap(), "used");
        drop((second, scratch));
        assert_eq!(names(folder.path()), 0);
    }

    #[test]
    fn folders_of_workers_that_crashed_are_removed_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let running = Scratch::open(folder.path()).unwrap();
        let crashed = folder.path().join("worker-0");
        fs::create_dir(&crashed).unwrap();
        fs::write(crashed.join(LOCK), "").unwrap();
        fs::write(folder.path().join("worker-notes"), "not a folder").unwrap();
        let second = Scratch::open(folder.path()).unwrap();
        assert!(!crashed.exists());
        assert!(running.folder.exists() && second.folder.exists());
        assert_eq!(names(folder.path()), 3);
    }
}
