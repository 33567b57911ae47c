//! Changes by revision, read from the table itself: a slow watcher holds no queue and merely sees fewer of them.

use std::collections::VecDeque;

use futures_util::{StreamExt, TryStreamExt, stream};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};
use tokio::sync::watch;

use super::reader::{Reader, entries, entry, last_revision, leased};
use crate::{Entry, Error, Event, LeaseWatch, Leased, Namespace, Revision, Watch};

/// Changes read in one go.
const PAGE: usize = 256;

/// One watcher's place in the changes of a namespace.
struct Place {
    reader: Reader,
    changes: watch::Receiver<Revision>,
    namespace: Namespace,
    /// Everything up to here was read.
    last: Revision,
    ready: VecDeque<Event>,
    /// Nothing was left to read after it.
    is_at_end: bool,
    /// [`Event::Current`] was shown.
    is_current: bool,
    is_over: bool,
}

/// A watch of `namespace`. `changes` was subscribed to before, so that nothing is missed in between.
pub(super) async fn start(
    reader: Reader,
    changes: watch::Receiver<Revision>,
    namespace: Namespace,
    after: Option<Revision>,
) -> Result<Watch, Error> {
    let mut place = Place {
        reader,
        changes,
        namespace,
        last: Revision(0),
        ready: VecDeque::new(),
        is_at_end: false,
        is_current: false,
        is_over: false,
    };
    match after {
        Some(after) => {
            place.reader.read(move |connection| check_known(connection, namespace, after)).await?;
            place.last = after;
        }
        None => {
            let (last, all) = place.reader.read(move |connection| snapshot(connection, namespace)).await?;
            place.last = last;
            place.ready = all.into_iter().map(Event::Put).collect();
            place.show_current();
        }
    }
    Ok(stream::unfold(place, next).boxed())
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

async fn next(mut place: Place) -> Option<(Result<Event, Error>, Place)> {
    loop {
        if let Some(event) = place.ready.pop_front() {
            return Some((Ok(event), place));
        }
        if place.is_over {
            return None;
        }
        if let Err(error) = place.read_on().await {
            place.is_over = true;
            return Some((Err(error), place));
        }
    }
}

impl Place {
    async fn read_on(&mut self) -> Result<(), Error> {
        if self.is_at_end && self.changes.changed().await.is_err() {
            self.is_over = true;
            return Ok(());
        }
        self.changes.mark_unchanged();
        let (namespace, after) = (self.namespace, self.last);
        let page = self.reader.read(move |connection| changes(connection, namespace, after)).await?;
        self.is_at_end = page.len() < PAGE;
        for (revision, event) in page {
            self.last = revision;
            self.ready.push_back(event);
        }
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

fn snapshot(connection: &Connection, namespace: Namespace) -> Result<(Revision, Vec<Entry>), Error> {
    let snapshot = connection.unchecked_transaction()?;
    Ok((last_revision(&snapshot)?, entries(&snapshot, namespace)?))
}

fn check_known(connection: &Connection, namespace: Namespace, after: Revision) -> Result<(), Error> {
    let forgotten: Option<u64> = connection
        .prepare_cached("SELECT revision FROM forgotten WHERE bucket = ?")?
        .query_row([namespace.name()], |row| row.get(0))
        .optional()?;
    let is_known = forgotten.is_none_or(|forgotten| Revision(forgotten) <= after);
    if is_known && after <= last_revision(connection)? { Ok(()) } else { Err(Error::Compacted) }
}

fn changes(
    connection: &Connection,
    namespace: Namespace,
    after: Revision,
) -> Result<Vec<(Revision, Event)>, Error> {
    let snapshot = connection.unchecked_transaction()?;
    check_known(&snapshot, namespace, after)?;
    let mut query = snapshot.prepare_cached(
        "SELECT key, revision, lease_ms, value FROM entries WHERE bucket = ? AND revision > ? ORDER BY revision LIMIT ?",
    )?;
    let rows = query.query_map(params![namespace.name(), after.0, PAGE], event)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn event(row: &Row<'_>) -> Result<(Revision, Event), rusqlite::Error> {
    let revision = Revision(row.get("revision")?);
    let is_there = !matches!(row.get_ref("value")?, ValueRef::Null);
    let event =
        if is_there { Event::Put(entry(row)?) } else { Event::Deleted { key: row.get("key")?, revision } };
    Ok((revision, event))
}
