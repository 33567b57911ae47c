//! Persistence: buckets of keys and bytes, behind a trait with two engines.
//!
//! Calls block and belong on a blocking thread. A batch of writes is applied whole or not at all, and lasts once the
//! call has returned.

mod memory;
mod sqlite;

pub(crate) use memory::Memory;
pub(crate) use sqlite::Sqlite;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file could not be made or opened.
    #[error("store: {0}")]
    File(#[from] std::io::Error),
    /// SQLite said no.
    #[error("store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file was written by a newer version of this program.
    #[error("store: its schema is version {found}, this program knows up to {known}: run a newer program")]
    TooNew {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
}

/// One entry to keep or to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// Which entry.
    pub(crate) key: String,
    /// What to keep there; none removes it.
    pub(crate) value: Option<Vec<u8>>,
}

/// A key-value store with buckets.
pub(crate) trait Store: Send + Sync + 'static {
    /// Every entry of a bucket, by key.
    ///
    /// # Errors
    /// The engine's.
    fn load(&self, bucket: &str) -> Result<Vec<(String, Vec<u8>)>, Error>;

    /// Applies all `writes` to a bucket, in order, or none.
    ///
    /// # Errors
    /// The engine's.
    fn apply(&self, bucket: &str, writes: &[Write]) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    //! What every engine has to do.

    use super::*;

    fn put(key: &str, value: &str) -> Write {
        Write { key: key.into(), value: Some(value.into()) }
    }

    fn remove(key: &str) -> Write {
        Write { key: key.into(), value: None }
    }

    fn entries(store: &dyn Store, bucket: &str) -> Vec<(String, String)> {
        let text = |(key, value)| (key, String::from_utf8(value).unwrap());
        store.load(bucket).unwrap().into_iter().map(text).collect()
    }

    fn conforms(store: &dyn Store) {
        assert!(entries(store, "streams").is_empty());
        store.apply("streams", &[put("b", "1"), put("a", "2"), put("b", "3")]).unwrap();
        assert_eq!(entries(store, "streams"), [("a".into(), "2".into()), ("b".into(), "3".into())]);
        assert!(entries(store, "others").is_empty(), "buckets are apart");
        store.apply("streams", &[remove("a"), remove("never there")]).unwrap();
        store.apply("others", &[put("b", "")]).unwrap();
        assert_eq!(entries(store, "streams"), [("b".into(), "3".into())]);
        assert_eq!(entries(store, "others"), [("b".into(), String::new())]);
    }

    #[test]
    fn memory_conforms() {
        conforms(&Memory::default());
    }

    #[test]
    fn sqlite_conforms() {
        let folder = tempfile::tempdir().unwrap();
        conforms(&Sqlite::open(&folder.path().join("store.sqlite3")).unwrap());
    }

    #[test]
    fn sqlite_keeps_its_entries_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        Sqlite::open(&path).unwrap().apply("streams", &[put("a", "1")]).unwrap();
        assert_eq!(entries(&Sqlite::open(&path).unwrap(), "streams"), [("a".into(), "1".into())]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_sqlite_keeps() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("store.sqlite3")).unwrap();
        store.apply("streams", &[put("a", "1")]).unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() > 1, "the file and its log");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
    }

    #[test]
    fn sqlite_refuses_what_a_newer_program_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Sqlite::open(&path), Err(Error::TooNew { found: 99, .. })));
    }

    #[test]
    fn sqlite_refuses_what_is_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        std::fs::write(&path, "something else ".repeat(100)).unwrap();
        assert!(matches!(Sqlite::open(&path), Err(Error::Sqlite(_))));
    }
}
