//! The durable engine: one SQLite file in WAL mode, one table, one transaction per batch.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, params};

use super::{Error, Store, Write};
use crate::private_file;

/// Version of the schema below, kept in the file's `user_version`.
const SCHEMA_VERSION: u32 = 1;
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
";
/// How long to wait for another process that has the file.
const BUSY: Duration = Duration::from_secs(5);

/// Entries in a file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Mutex<Connection>,
}

impl Sqlite {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Sqlite`] if it is no database or cannot be written, [`Error::TooNew`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        // SQLite gives the files it puts beside this one the same permissions.
        private_file::options().open(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > SCHEMA_VERSION {
            return Err(Error::TooNew { found, known: SCHEMA_VERSION });
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Every batch reaches the disk before its caller goes on (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        Ok(Self { connection: Mutex::new(connection) })
    }
}

impl Store for Sqlite {
    fn load(&self, bucket: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut query = connection.prepare("SELECT key, value FROM entries WHERE bucket = ? ORDER BY key")?;
        let rows = query.query_map([bucket], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn apply(&self, bucket: &str, writes: &[Write]) -> Result<(), Error> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = connection.transaction()?;
        {
            let mut put =
                batch.prepare("INSERT OR REPLACE INTO entries (bucket, key, value) VALUES (?, ?, ?)")?;
            let mut remove = batch.prepare("DELETE FROM entries WHERE bucket = ? AND key = ?")?;
            for Write { key, value } in writes {
                match value {
                    Some(value) => put.execute(params![bucket, key, value])?,
                    None => remove.execute(params![bucket, key])?,
                };
            }
        }
        batch.commit()?;
        Ok(())
    }
}
