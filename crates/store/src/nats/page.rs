//! Entries by key, a page at a time.
//!
//! JetStream orders by sequence, not by key. So a page costs the names of all keys that the filter of its prefix lets through,
//! and one read for each of its entries.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Nats, key, message::unavailable};
use crate::{Entry, Error, Namespace, Page};

/// Reads under way at once.
const AT_A_TIME: usize = 32;

pub(super) async fn read(
    nats: &Nats,
    namespace: Namespace,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    let keys = keys(nats, namespace, prefix, after).await?;
    let entries = stream::iter(keys.into_iter().map(|key| async move { nats.entry(namespace, &key).await }))
        .buffered(AT_A_TIME.min(limit.saturating_add(1)));
    // A key whose entry was deleted has a subject still.
    let there = entries.try_filter_map(async |entry: Option<Entry>| Ok(entry));
    Ok(Page::of(there.take(limit.saturating_add(1)).try_collect().await?, limit))
}

async fn keys(
    nats: &Nats,
    namespace: Namespace,
    prefix: &str,
    after: Option<&str>,
) -> Result<Vec<String>, Error> {
    let subjects = key::subjects(namespace, prefix);
    let mut found = nats.stream.info_with_subjects(subjects).await.map_err(|error| unavailable(&error))?;
    let mut keys = Vec::new();
    while let Some((subject, _)) = found.try_next().await.map_err(|error| unavailable(&error))? {
        let key = key::place(&subject).map(|(_, key)| key);
        keys.extend(
            key.filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)),
        );
    }
    keys.sort_unstable();
    Ok(keys)
}
