//! The file's tables, and how files of earlier versions become today's.
//!
//! `user_version` says what a file is; 0 is a new one. Each migration runs in one transaction with the step of the
//! version, so a file is always wholly of one version.

use std::{fs::OpenOptions, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::Error;

/// The statements that lead from version `index` to the next. Never edited once released; only added to.
const MIGRATIONS: [&str; 3] = [
    // 1: entries alone.
    "CREATE TABLE entries (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;",
    // 2: revisions, leases in milliseconds, and deleted entries (value NULL) for those who watch; the revision of the last
    // write, and for each namespace that of the newest deleted entry that is not kept any more.
    "CREATE TABLE revised (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB,
        revision INTEGER NOT NULL,
        lease_ms INTEGER,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO revised (bucket, key, value, revision)
        SELECT bucket, key, value, row_number() OVER (ORDER BY bucket, key) FROM entries;
    DROP TABLE entries;
    ALTER TABLE revised RENAME TO entries;
    CREATE UNIQUE INDEX entries_by_revision ON entries (bucket, revision);
    CREATE INDEX entries_deleted ON entries (revision) WHERE value IS NULL;
    CREATE TABLE last (id INTEGER PRIMARY KEY CHECK (id = 0), revision INTEGER NOT NULL) STRICT;
    INSERT INTO last SELECT 0, coalesce(max(revision), 0) FROM entries;
    CREATE TABLE forgotten (bucket TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    // 3: entries with a lease are found without a look at all others.
    "CREATE INDEX entries_leased ON entries (revision) WHERE lease_ms IS NOT NULL;",
];

/// The version this program writes.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;
/// How long to wait for another process that has the file.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the file at `path`, or makes it, readable by its owner only, and brings it to [`VERSION`].
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let named = |error: &dyn std::fmt::Display| Error::Unavailable(format!("{}: {error}", path.display()));
    // SQLite gives the files it puts beside this one the same permissions.
    make_private(path).map_err(|error| named(&error))?;
    let connection = Connection::open(path).map_err(|error| named(&error))?;
    prepare(connection).map_err(|error| match error {
        Error::Unavailable(error) => named(&error),
        other => other,
    })
}

/// Makes the file at `path`, if it is missing, readable by its owner only.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Opens the file at `path`, which has to be of [`VERSION`], to read it as it is.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::Missing(path.display().to_string()));
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY)?;
    match version(&connection)? {
        VERSION => Ok(connection),
        found => Err(Error::TooOld { found, known: VERSION }),
    }
}

/// A store that is gone with the process.
pub(super) fn open_in_memory() -> Result<Connection, Error> {
    prepare(Connection::open_in_memory()?)
}

/// A second connection to a file that is open already.
pub(super) fn open_again(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn prepare(mut connection: Connection) -> Result<Connection, Error> {
    connection.busy_timeout(BUSY)?;
    // Looked at before the file is touched: one of a newer version stays as it is.
    version(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Every commit reaches the disk before its callers go on (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<u32, Error> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION { Err(Error::TooNew { found, known: VERSION }) } else { Ok(found) }
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    loop {
        // Taken before the version is read: another process may be at it too.
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&step)?;
        let Some(statements) = MIGRATIONS.get(found as usize) else { return Ok(()) };
        step.execute_batch(statements)?;
        step.pragma_update(None, "user_version", found + 1)?;
        step.commit()?;
    }
}
