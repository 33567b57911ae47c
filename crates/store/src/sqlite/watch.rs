//! Changes by revision, read from the table itself: a slow watcher holds no queue and merely sees fewer of them.

use std::collections::VecDeque;

use futures_util::{StreamExt, TryStreamExt, stream};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};
use tokio::sync::watch;

use super::reader::{Range, Reader, entries, entry, last_revision, leased};
use crate::{Entry, Error, Event, LeaseWatch, Leased, Namespace, Revision, Watch};

/// Changes read in one go.
const PAGE: usize = 256;

/// A watcher and what it has read of the changes of a namespace.
pub(super) struct Watcher {
    reader: Reader,
    changes: watch::Receiver<Revision>,
    namespace: Namespace,
    range: Range,
    /// Everything up to here was read.
    last: Revision,
    ready: VecDeque<Event>,
    /// Nothing was left to read after it.
    is_at_end: bool,
    /// [`Event::Current`] was shown.
    is_current: bool,
    is_over: bool,
}

/// Entries with a lease, those that are there first. `changes` was subscribed to before.
pub(super) fn leases(reader: Reader, changes: watch::Receiver<Revision>) -> LeaseWatch {
    let pages =
        stream::try_unfold((reader, changes, Revision::NONE), async |(reader, mut changes, after)| {
            loop {
                changes.mark_unchanged();
                let page = reader.read(move |connection| leased(connection, after, PAGE)).await?;
                if let Some(Leased { revision, .. }) = page.last() {
                    let last = *revision;
                    return Ok::<_, Error>(Some((
                        stream::iter(page.into_iter().map(Ok)),
                        (reader, changes, last),
                    )));
                }
                if changes.changed().await.is_err() {
                    return Ok(None);
                }
            }
        });
    pages.try_flatten().boxed()
}

async fn next(mut watcher: Watcher) -> Option<(Result<Event, Error>, Watcher)> {
    loop {
        if let Some(event) = watcher.ready.pop_front() {
            return Some((Ok(event), watcher));
        }
        if watcher.is_over {
            return None;
        }
        if let Err(error) = watcher.read_on().await {
            watcher.is_over = true;
            return Some((Err(error), watcher));
        }
    }
}

impl Watcher {
    /// A watcher that has read nothing. `changes` was subscribed to before, so that nothing is missed in between.
    pub(super) fn new(
        reader: Reader,
        changes: watch::Receiver<Revision>,
        namespace: Namespace,
        prefix: &str,
    ) -> Self {
        Self {
            reader,
            changes,
            namespace,
            range: Range::of(prefix),
            last: Revision::NONE,
            ready: VecDeque::new(),
            is_at_end: false,
            is_current: false,
            is_over: false,
        }
    }

    /// Changes from there on, or from `after` on.
    pub(super) async fn start(mut self, after: Option<Revision>) -> Result<Watch, Error> {
        let (namespace, range) = (self.namespace, self.range.clone());
        match after {
            Some(after) => {
                self.reader.read(move |connection| check_known(connection, namespace, after)).await?;
                self.last = after;
            }
            None => {
                let snapshot = move |connection: &_| snapshot(connection, namespace, &range);
                let (last, all) = self.reader.read(snapshot).await?;
                self.last = last;
                self.ready = all.into_iter().map(Event::Put).collect();
                self.show_current();
            }
        }
        Ok(stream::unfold(self, next).boxed())
    }

    async fn read_on(&mut self) -> Result<(), Error> {
        if self.is_at_end && self.changes.changed().await.is_err() {
            self.is_over = true;
            return Ok(());
        }
        self.changes.mark_unchanged();
        let (namespace, range, after) = (self.namespace, self.range.clone(), self.last);
        let read = move |connection: &_| changes(connection, namespace, &range, after);
        let (last, page) = self.reader.read(read).await?;
        self.is_at_end = page.len() < PAGE;
        self.last = page.last().filter(|_| !self.is_at_end).map_or(last, Event::revision);
        self.ready.extend(page);
        if self.is_at_end && !self.is_current {
            self.show_current();
        }
        Ok(())
    }

    fn show_current(&mut self) {
        self.ready.push_back(Event::Current);
        self.is_at_end = true;
        self.is_current = true;
    }
}

fn snapshot(
    connection: &Connection,
    namespace: Namespace,
    range: &Range,
) -> Result<(Revision, Vec<Entry>), Error> {
    let snapshot = connection.unchecked_transaction()?;
    Ok((last_revision(&snapshot)?, entries(&snapshot, namespace, range, None)?))
}

fn check_known(connection: &Connection, namespace: Namespace, after: Revision) -> Result<(), Error> {
    let forgotten: Option<u64> = connection
        .prepare_cached("SELECT revision FROM forgotten WHERE bucket = ?")?
        .query_row([namespace.name()], |row| row.get(0))
        .optional()?;
    let is_known = forgotten.is_none_or(|forgotten| Revision(forgotten) <= after);
    if is_known && after <= last_revision(connection)? { Ok(()) } else { Err(Error::Compacted) }
}

/// The last revision there is, and the next changes of keys in `range` up to it.
fn changes(
    connection: &Connection,
    namespace: Namespace,
    range: &Range,
    after: Revision,
) -> Result<(Revision, Vec<Event>), Error> {
    let snapshot = connection.unchecked_transaction()?;
    check_known(&snapshot, namespace, after)?;
    // By the index of revisions, whatever the range: `+` keeps the one of keys out.
    let mut query = snapshot.prepare_cached(
        "SELECT key, revision, lease_ms, value FROM entries
            WHERE bucket = ? AND revision > ? AND +key >= ? AND +key < ? ORDER BY revision LIMIT ?",
    )?;
    let bounds = params![namespace.name(), after.0, range.from, range.to(), PAGE];
    let rows = query.query_map(bounds, event)?;
    let page = rows.collect::<Result<_, _>>()?;
    Ok((last_revision(&snapshot)?, page))
}

fn event(row: &Row<'_>) -> Result<Event, rusqlite::Error> {
    let is_there = !matches!(row.get_ref("value")?, ValueRef::Null);
    if is_there {
        return Ok(Event::Put(entry(row)?));
    }
    Ok(Event::Deleted { key: row.get("key")?, revision: Revision(row.get("revision")?) })
}
