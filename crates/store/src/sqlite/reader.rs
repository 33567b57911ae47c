//! Reads, on a blocking thread. With a file they have a connection of their own and never wait for a commit.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};
use tokio::task::spawn_blocking;

use crate::{Entry, Error, Leased, Namespace, Revision};

/// A connection to read with.
#[derive(Clone, Debug)]
pub(super) struct Reader(pub(super) Arc<Mutex<Connection>>);

impl Reader {
    /// Runs `read` on the connection.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = Arc::clone(&self.0);
        let read =
            spawn_blocking(move || read(&connection.lock().unwrap_or_else(PoisonError::into_inner))).await;
        read.unwrap_or_else(|panic| Err(Error::Unavailable(panic.to_string())))
    }
}

/// A half-open range of keys.
#[derive(Clone, Debug)]
pub(super) struct Range {
    pub(super) from: String,
    /// The first key that is not in it, if there is any.
    before: Option<String>,
}

impl Range {
    /// Keys that begin with `prefix`.
    pub(super) fn of(prefix: &str) -> Self {
        let mut before = prefix.to_owned();
        while let Some(last) = before.pop() {
            if let Some(next) = (last..=char::MAX).nth(1) {
                before.push(next);
                return Self { from: prefix.to_owned(), before: Some(before) };
            }
        }
        Self { from: prefix.to_owned(), before: None }
    }

    /// The part of the range after `key`.
    pub(super) fn after(self, key: &str) -> Self {
        // The next key there can be.
        let from = format!("{key}\0").max(self.from);
        Self { from, ..self }
    }

    /// As a bound for SQLite, where any blob is greater than every text.
    pub(super) fn to(&self) -> Value {
        self.before.clone().map_or(Value::Blob(Vec::new()), Value::Text)
    }
}

pub(super) fn get(connection: &Connection, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error> {
    let mut query = connection.prepare_cached(
        "SELECT key, revision, lease_ms, value FROM entries WHERE bucket = ? AND key = ? AND value IS NOT NULL",
    )?;
    Ok(query.query_row(params![namespace.name(), key], entry).optional()?)
}

/// Entries whose keys are in `range`, by key, at most `limit`.
pub(super) fn entries(
    connection: &Connection,
    namespace: Namespace,
    range: &Range,
    limit: Option<usize>,
) -> Result<Vec<Entry>, Error> {
    let mut query = connection.prepare_cached(
        "SELECT key, revision, lease_ms, value FROM entries
            WHERE bucket = ? AND key >= ? AND key < ? AND value IS NOT NULL ORDER BY key LIMIT ?",
    )?;
    // SQLite takes a negative limit as no limit.
    let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = query.query_map(params![namespace.name(), range.from, range.to(), limit], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every entry of every namespace, as of one moment, by namespace and key.
pub(super) fn snapshot(connection: &Connection) -> Result<Vec<(Namespace, Entry)>, Error> {
    let mut query = connection.prepare_cached(
        "SELECT bucket, key, revision, lease_ms, value FROM entries WHERE value IS NOT NULL ORDER BY bucket, key",
    )?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>("bucket")?, entry(row)?)))?;
    rows.map(|row| {
        let (namespace, entry) = row?;
        Ok((namespace.parse()?, entry))
    })
    .collect()
}

/// The next entries with a lease after a revision, at most `limit`, by revision.
pub(super) fn leased(connection: &Connection, after: Revision, limit: usize) -> Result<Vec<Leased>, Error> {
    let mut query = connection.prepare_cached(
        "SELECT bucket, key, revision, lease_ms FROM entries WHERE lease_ms IS NOT NULL AND revision > ?
            ORDER BY revision LIMIT ?",
    )?;
    let rows = query.query_map(params![after.0, limit], |row| {
        let (namespace, key) = (row.get::<_, String>("bucket")?, row.get("key")?);
        Ok((namespace, key, Revision(row.get("revision")?), row.get::<_, u64>("lease_ms")?))
    })?;
    rows.map(|row| {
        let (namespace, key, revision, lease_ms) = row?;
        Ok(Leased { namespace: namespace.parse()?, key, revision, lease: Duration::from_millis(lease_ms) })
    })
    .collect()
}

/// A row of an entry that is there.
pub(super) fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        key: row.get("key")?,
        value: row.get::<_, Vec<u8>>("value")?.into(),
        revision: Revision(row.get("revision")?),
        lease: row.get::<_, Option<u64>>("lease_ms")?.map(Duration::from_millis),
    })
}

/// The revision of the last write.
pub(super) fn last_revision(connection: &Connection) -> Result<Revision, rusqlite::Error> {
    connection.prepare_cached("SELECT revision FROM last")?.query_row([], |row| row.get(0).map(Revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_with_the_prefix_and_nothing_else() {
        let last = char::MAX.to_string();
        for (prefix, before) in [
            ("a/", Some("a0".to_owned())),
            ("\u{d7ff}", Some("\u{e000}".to_owned())),
            (&*format!("a{last}{last}"), Some("b".to_owned())),
            (&*last, None),
            ("", None),
        ] {
            assert_eq!(Range::of(prefix).before, before, "{prefix:?}");
        }
        assert_eq!(Range::of("b").after("a").from, "b");
        assert_eq!(Range::of("b").after("b").from, "b\0");
    }
}
