//! Records streams that the main server wants recorded: a reader of the hub like any other, which writes to disk first and hands in fragments
//! in the background, never re-encoded. Live never waits for it; only the acknowledgements to the broadcaster do, for a bounded time.
//!
//! ```text
//!  ring ── reader ── groups ──► spool (disk) ── fragments ──► object store ── report ──► main server
//!                                   ▲ at the start                                          │
//!                                   └─────────── deleted once the manifest holds it ◄───────┘
//! ```
//!
//! What to record is a state that every answer to a heartbeat repeats, and that grants of broadcasters tell before that (see
//! `assignments`); a [`Recording`] runs for each entry, and for what an earlier process left on the disk. The rules of the parts: [`groups`] which run is written where, [`fragments`] what is handed in together,
//! [`spool`] what is kept and lost, [`hand_in`] who hands in what and when.

mod context;
mod fragments;
mod group_set;
mod groups;
mod hand_in;
mod reader;
mod recorded;
mod recording;
mod spool;
mod task;

#[cfg(test)]
mod same_bytes;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use protocol::{ItemId, StreamId};
use supervisor::contain;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use self::context::RecorderParts;
use self::{context::RecorderContext, recording::Recording, spool::Spool};
use crate::{
    assignments::{Assigned, Assignment, Assignments},
    metrics::Metrics,
};

/// How long recordings may take to hand in what they have when the node stops. The main server hears of the stop after that.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Interval for trying again to open a spool that another process has: one that is about to end.
const OPEN_INTERVAL: Duration = Duration::from_millis(250);
/// How long a recording that panicked waits until it begins again.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Where recordings wait on the disk.
#[derive(Clone, Debug)]
pub(crate) struct SpoolConfig {
    pub(crate) folder: PathBuf,
    /// Most bytes of all recordings together.
    pub(crate) most_bytes: u64,
}

/// The recordings of a node.
struct Recordings {
    context: Arc<RecorderContext>,
    /// What each of them was told last; none if it is not wanted.
    running: HashMap<ItemId, watch::Sender<Option<Assignment>>>,
    tasks: JoinSet<ItemId>,
}

/// Records until the node stops, in the spool at `config`. Ends at once in a node without one, or without `parts`.
pub(crate) async fn run(
    assignments: Arc<Assignments>,
    config: Option<SpoolConfig>,
    parts: Option<RecorderParts>,
) {
    // Also if it panics.
    let _stopped = assignments.stops_when_dropped();
    let Some((config, parts)) = config.zip(parts) else { return };
    let (shutdown, metrics) = (parts.shutdown.clone(), parts.metrics.clone());
    let Some(spool) = shutdown.run_until_cancelled(open(config, metrics)).await else { return };
    let context = Arc::new(RecorderContext::new(parts, spool));
    let mut recordings = Recordings { context, running: HashMap::new(), tasks: JoinSet::new() };
    recordings.run(assignments.subscribe(), &shutdown).await;
    let ended = async { while recordings.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
        tracing::info!("recordings were not handed in before the stop; they are when the node starts again");
    }
}

/// Opens the spool, as often as it takes.
async fn open(SpoolConfig { folder, most_bytes }: SpoolConfig, metrics: Arc<Metrics>) -> Spool {
    let mut is_first = true;
    loop {
        let (place, metrics) = (folder.clone(), metrics.clone());
        let opened = tokio::task::spawn_blocking(move || Spool::open(&place, most_bytes, metrics)).await;
        let error = match opened {
            Ok(Ok(spool)) => return spool,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if std::mem::take(&mut is_first) {
            tracing::warn!("recordings cannot be kept in {}; trying again: {error}", folder.display());
        }
        tokio::time::sleep(OPEN_INTERVAL).await;
    }
}

impl Recordings {
    async fn run(&mut self, mut wanted: watch::Receiver<Assigned>, shutdown: &CancellationToken) {
        loop {
            let now = wanted.borrow_and_update().clone();
            self.assign(&now);
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                Some(Ok(ended)) = self.tasks.join_next() => drop(self.running.remove(&ended)),
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Tells every recording what is wanted of it, and begins those that do not run.
    fn assign(&mut self, wanted: &Assigned) {
        self.learn(&wanted.recordings);
        for (item_id, stream_id) in self.context.spool.recordings() {
            let entry = wanted.recordings.iter().find(|one| one.entry.item_id == item_id).cloned();
            match self.running.get(&item_id) {
                // What an earlier process left waits for the first answer.
                None if entry.is_none() && !wanted.is_answered => {}
                None => self.begin(item_id, stream_id, entry),
                Some(told) => drop(told.send_if_modified(|told| {
                    let changes = *told != entry;
                    *told = entry;
                    changes
                })),
            }
        }
        let listed = self.running.values().filter(|told| told.borrow().is_some()).count();
        self.context.parts.metrics.recordings.set(listed as u64);
    }

    /// Notes in the spool which recordings there are, and what their manifests may hold.
    fn learn(&self, wanted: &[Assignment]) {
        let is_new = |one: &&Assignment| {
            self.running.get(&one.entry.item_id).is_none_or(|told| told.borrow().as_ref() != Some(*one))
        };
        wanted.iter().filter(is_new).for_each(|one| self.context.spool.learn(&one.entry));
    }

    fn begin(&mut self, item_id: ItemId, stream_id: StreamId, entry: Option<Assignment>) {
        let what = if entry.is_some() { "is recorded" } else { "was recorded and is handed in" };
        tracing::info!(stream.id = %stream_id, item.id = %item_id, "stream {stream_id} {what} as item {item_id}");
        let told = watch::Sender::new(entry);
        let recording = Recording::new(item_id, stream_id, self.context.clone(), told.subscribe());
        self.running.insert(item_id, told);
        self.tasks.spawn(async move {
            if !contain("recording of a stream", task::run(recording)).await {
                tokio::time::sleep(PANIC_PAUSE).await;
            }
            item_id
        });
    }
}
