//! Automatic deletion.
//!
//! 1. Deleted items that can no longer be restored are permanently removed, with their manifests. Garbage
//!    collection of the object store deletes their blobs later.
//! 2. Recordings and results of jobs that ended longer ago than `library_keep_days` are deleted as if by
//!    their owners: they can still be restored. Uploads stay until their owners delete them.
//! 3. While the library has more bytes than `library_quota_bytes`, items are permanently removed: first
//!    deleted ones, in the order of their deletion; then finished recordings and results of jobs, oldest first.
//!
//! A growing recording is not deleted. It ends when nothing else is left to delete, or when its account has
//! more than `library_account_quota_bytes` ([`Library::may_grow`]).
//!
//! Every main server does this; each step is idempotent.

use std::time::Duration;

use protocol::{
    ItemId,
    item::{Kind, State},
};
use tokio::time::{sleep, timeout};

use super::{Error, Library, Record, index::Index};
use crate::{clock::Now, config::LibraryLimits, invitations::Invitations, subject::Subject};

/// Longest time between two checks.
const INTERVAL: Duration = Duration::from_secs(60);
/// Shortest time between two checks.
const PAUSE: Duration = Duration::from_secs(1);
/// Most items per check; the next one finds the rest.
const AT_ONCE: usize = 100;

/// The planned deletions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Items to delete; they can be restored.
    delete: Vec<ItemId>,
    /// Items to remove permanently, if they are still deleted until that time, or still not deleted.
    remove: Vec<(ItemId, Option<u64>)>,
}

/// Deletes items until it is dropped.
pub(super) async fn run(library: &Library) {
    let mut changed = library.changed();
    loop {
        if let Err(error) = step(library, Now::read()).await {
            tracing::warn!("cannot delete items of the library now: {error}");
        }
        sleep(PAUSE).await;
        let _ = timeout(INTERVAL, changed.changed()).await;
    }
}

/// Ends invitations to items that are gone, until dropped.
pub(super) async fn end_invitations(library: &Library, invitations: &Invitations) {
    loop {
        sleep(INTERVAL).await;
        tidy(library, invitations).await;
    }
}

/// Ends the current ones.
pub(super) async fn tidy(library: &Library, invitations: &Invitations) {
    for key in invitations.keys() {
        let Subject::Item(item_id) = key.subject else { continue };
        // A later check retries failures.
        if library.known(item_id).is_none() && matches!(library.is_gone(item_id).await, Ok(true)) {
            drop(invitations.remove(&key).await);
        }
    }
}

/// Executes the deletions due at `now`.
pub(super) async fn step(library: &Library, now: Now) -> Result<(), Error> {
    let plan = library.plan(now);
    carry_out(library, plan, now).await
}

async fn carry_out(library: &Library, Plan { delete, remove }: Plan, now: Now) -> Result<(), Error> {
    for item_id in delete {
        tracing::info!(target: "audit", item = %item_id, "item {item_id} is deleted: library_keep_days is over");
        match library.delete(item_id, now).await {
            Ok(()) | Err(Error::Unknown) => {}
            Err(error) => return Err(error),
        }
    }
    for (item_id, planned_ms) in remove {
        // Another server may have restored it, or deleted it again, since this was planned.
        let is_meant = |record: &Record| {
            record.deleted_until_ms == planned_ms && (record.is_deleted() || is_covered(record))
        };
        if library.remove(item_id, is_meant).await? {
            tracing::info!(target: "audit", item = %item_id, "item {item_id} is gone for good");
        }
    }
    Ok(())
}

impl Library {
    /// Checks whether recordings of the account `owner`, if given, may grow further.
    ///
    /// # Errors
    /// [`Error::Full`], if the account or the library exceeds its quota, and nothing is left that would be
    /// deleted for it.
    pub(crate) fn may_grow(&self, owner: Option<&str>) -> Result<(), Error> {
        let LibraryLimits { quota_bytes, account_quota_bytes, .. } = self.limits;
        let (left, of_owner) = self.table.index(|index, records| {
            let (all, of_owner) = index.bytes(owner);
            let left = match all > quota_bytes {
                true => all.saturating_sub(bytes_to_go(index, |item_id| records.get(item_id))),
                false => all,
            };
            (left, of_owner)
        });
        if left > quota_bytes {
            return Err(Error::Full("the library was full (library_quota_bytes)".into()));
        }
        if owner.is_some() && account_quota_bytes.is_some_and(|quota| of_owner > quota) {
            let message = "the account's share of the library was full (library_account_quota_bytes)";
            return Err(Error::Full(message.into()));
        }
        Ok(())
    }

    fn plan(&self, now: Now) -> Plan {
        let (keep, quota_bytes) = (self.limits.keep, self.limits.quota_bytes);
        let now_ms = now.unix_ms();
        self.table.index(|index, records| {
            let mut plan = Plan::default();
            let mut going = index.expired(now_ms, AT_ONCE);
            let record = |item_id: &ItemId| records.get(item_id);
            if let Some(keep) = keep {
                let before_ms = now_ms.saturating_sub(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
                let created_before =
                    |id: &ItemId| record(id).is_some_and(|record| record.created_at_ms < before_ms);
                let old = index.oldest().take_while(created_before);
                let is_over = |id: &ItemId| {
                    record(id).is_some_and(|record| is_covered(record) && end_ms(record) < before_ms)
                };
                plan.delete = old.filter(is_over).take(AT_ONCE).collect();
            }
            going.extend(beyond(index, quota_bytes, &going, record));
            let deleted_until_ms = |id: &ItemId| record(id).and_then(|record| record.deleted_until_ms);
            plan.remove = going.iter().map(|item_id| (*item_id, deleted_until_ms(item_id))).collect();
            plan
        })
    }
}

/// The items to remove so that the others have at most `quota_bytes`, at most [`AT_ONCE`].
fn beyond<'a>(
    index: &Index,
    quota_bytes: u64,
    going: &[ItemId],
    record: impl Fn(&ItemId) -> Option<&'a Record>,
) -> Vec<ItemId> {
    let bytes = |item_id: &ItemId| record(item_id).map_or(0, |record| record.bytes);
    let (all, _) = index.bytes(None);
    let mut left = all.saturating_sub(going.iter().map(bytes).sum());
    if left <= quota_bytes {
        return Vec::new();
    }
    let mut beyond = Vec::new();
    // Removing an item without bytes frees no space.
    for item_id in removable(index, &record).filter(|item_id| bytes(item_id) > 0 && !going.contains(item_id))
    {
        if left <= quota_bytes || beyond.len() >= AT_ONCE {
            break;
        }
        left = left.saturating_sub(bytes(&item_id));
        beyond.push(item_id);
    }
    beyond
}

/// The items that may be removed to free space, in order.
fn removable<'a>(
    index: &Index,
    record: impl Fn(&ItemId) -> Option<&'a Record>,
) -> impl Iterator<Item = ItemId> {
    let covered = index.oldest().filter(move |item_id| record(item_id).is_some_and(is_covered));
    index.expired(u64::MAX, usize::MAX).into_iter().chain(covered)
}

fn bytes_to_go<'a>(index: &Index, record: impl Fn(&ItemId) -> Option<&'a Record>) -> u64 {
    removable(index, &record).filter_map(|item_id| record(&item_id)).map(|record| record.bytes).sum()
}

/// Whether items like this are deleted automatically.
fn is_covered(record: &Record) -> bool {
    matches!(record.kind, Kind::Recording | Kind::Job) && matches!(record.state, State::Ready | State::Failed)
}

/// When it ended, Unix epoch.
fn end_ms(record: &Record) -> u64 {
    record.created_at_ms.saturating_add(record.duration_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::tests::Cluster,
        library::tests::{fragment, item, take},
    };

    #[tokio::test]
    async fn an_item_that_is_restored_after_its_removal_was_planned_stays_with_its_media() {
        let server = Cluster::new().await.member(|_| {}).await;
        let (library, now) = (&server.library, Now::read());
        let item_id = item(&server, "a", |_| {}).await;
        library.append(item_id, &take(0), &[fragment(0, 1)]).await.unwrap();
        library.delete(item_id, now).await.unwrap();
        let late = now + library.limits.undo;
        let plan = library.plan(late);
        assert_eq!(plan.remove.len(), 1);
        library.restore(item_id, now).await.unwrap();
        carry_out(library, plan, late).await.unwrap();
        let media = library.manifest(item_id, None).await.unwrap().manifest.unwrap();
        assert_eq!(media.takes.len(), 1);
    }
}
