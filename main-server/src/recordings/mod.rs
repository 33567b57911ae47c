//! Recordings: live streams that become items of the library.
//!
//! Nodes record; no media pass through here. This module says which nodes do ([`roles`]), tells them with each answer to a
//! heartbeat what the manifest of the item lacks ([`gaps`]), takes their reports into the manifest ([`report`]), and sees to
//! the life of the item ([`upkeep`]). What a main server must not forget is in the store ([`record`]), and all changes are by
//! compare-and-set and may be made twice, so that any main server does all of this and goes on where another one died.

mod answer;
mod feature;
mod gaps;
mod picture;
mod record;
mod report;
mod roles;
mod routes;
mod shown;
mod upkeep;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use objects::Objects;
use protocol::{ItemId, StreamId};
use store::Replicated;

pub(crate) use self::feature::feature;
pub use self::routes::REPORT_BYTES;
use self::{gaps::Gaps, record::Record};
use crate::{feature::Context, library::Library, state::ClusterState};

/// See the [module](self).
pub(crate) struct Recordings {
    state: Arc<ClusterState>,
    library: Arc<Library>,
    objects: Objects,
    records: Replicated<Record>,
    known: Mutex<Known>,
}

/// What this server derived from its tables.
#[derive(Default)]
struct Known {
    /// What each recording lacks.
    progress: HashMap<ItemId, Progress>,
    /// Recordings whose records this version cannot read: main servers of a newer version look after them.
    unreadable: HashSet<ItemId>,
    /// The host that was chosen to become standby of each stream that no edge carries.
    standbys: HashMap<StreamId, String>,
}

/// How far a recording is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Of the manifest that this comes from.
    media_version: u64,
    /// The switch of the recording that this comes from.
    switches: u64,
    gaps: Gaps,
    /// Whether the manifest has any group.
    is_empty: bool,
}

impl Recordings {
    /// It without recordings: see [`feature()`].
    pub(crate) fn new(context: &Context, state: &Arc<ClusterState>, library: &Arc<Library>) -> Self {
        Self {
            state: Arc::clone(state),
            library: Arc::clone(library),
            objects: context.objects.clone(),
            records: Replicated::shared(Arc::clone(&context.store.kv)),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
