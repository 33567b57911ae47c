//! Streams that this node does not have: found by asking the main server, pulled from another node once, however many
//! clients want them here, and dropped a while after the last client left.
//!
//! ```text
//!   watch ─► find ─► ask the main server ─► link to a source ─► Producer ─► hub ─► this node's viewers and relays
//!                        ▲                        │ breaks
//!                        └── all sources failed ──┴─► next source, after the newest chunk here
//! ```
//!
//! Running streams need the main server only when a link breaks and no other source is known.

mod active_pull;
mod address;
mod context;
mod errors;
mod link;
mod link_error;
mod link_events;
mod link_health;
mod metered;
mod opened;
mod own_address;
mod pull;
mod pull_state;
mod sources;
mod warnings;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use protocol::{StreamId, WireError, event::FrameName, node::Access};
use supervisor::contain;
use tokio_util::task::TaskTracker;

#[cfg(feature = "fuzzing")]
pub(crate) use self::link::fuzz_message;
pub(crate) use self::{
    context::RelayContext, errors::unknown_stream, opened::OpenedStreams,
    own_address::check as check_own_address, warnings::Warnings,
};
use self::{
    errors::unavailable,
    pull::{Pull, Purpose},
    pull_state::PullState,
    sources::SourceLookup,
};
use crate::{clock::whole_ms, hub::SharedStream, ingest, lock::lock};

/// Longest wait of a viewer for a stream that has to be fetched first.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval for checking for streams that have no readers, and for those that lost their broadcaster.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(250);
/// How long a broadcaster may be away before it is looked for elsewhere.
const ORPHAN_MS: u64 = 500;

/// See the [module](self).
pub(crate) struct Relays {
    context: Arc<RelayContext>,
    lookup: Arc<SourceLookup>,
    pulls: Mutex<HashMap<StreamId, Arc<Pull>>>,
    tasks: TaskTracker,
}

/// What a node has of a stream that it wants itself.
pub(crate) enum Fetched {
    Here(SharedStream),
    /// It is pulled, or looked for.
    NotYet,
    /// It has ended here.
    Over,
}

impl Relays {
    pub(crate) fn new(context: RelayContext) -> Arc<Self> {
        let lookup = Arc::new(SourceLookup::new(context.control.clone(), context.clock.clone()));
        let context = Arc::new(context);
        Arc::new(Self { context, lookup, pulls: Mutex::default(), tasks: TaskTracker::new() })
    }

    /// A stream that can be watched at once.
    pub(crate) fn at_hand(&self, id: StreamId) -> Option<SharedStream> {
        let pull = lock(&self.pulls).get(&id).cloned();
        let wanted = self.context.ingest.wanted(id, self.context.clock.now())?;
        let is_coming = wanted.is_relayed && pull.is_some_and(|pull| !pull.is_ready());
        (!is_coming).then_some(wanted.stream)
    }

    /// A stream, pulled from another node if it is not here. `grant` is the viewer's own.
    ///
    /// # Errors
    /// `unknown_stream`, `invalid_grant` if it is private and the viewer may not watch it, `no_capacity` if this node has as
    /// many streams as it may, and `no_node_available` if no node has it now or it takes too long.
    pub(crate) async fn find(
        self: &Arc<Self>,
        id: StreamId,
        grant: Option<&str>,
    ) -> Result<SharedStream, WireError> {
        if let Some(stream) = self.at_hand(id) {
            return Ok(stream);
        }
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch(id, grant)).await;
        fetched.unwrap_or_else(|_| Err(unavailable(id)))
    }

    /// A stream for the node itself. Where it is not here, the node begins to pull it, if any node has it: what follows `last`, if
    /// the node has the stream up to that frame and lacks what comes after it.
    pub(crate) fn fetch_for_node(self: &Arc<Self>, id: StreamId, last: Option<FrameName>) -> Fetched {
        if let Some(wanted) = self.context.ingest.wanted(id, self.context.clock.now()) {
            return Fetched::Here(wanted.stream);
        }
        if self.context.ingest.is_over(id) {
            return Fetched::Over;
        }
        // A failure is remembered for a moment: until then this does nothing.
        if let Ok(pull) = self.pull(id, Purpose::Fetch(last)) {
            pull.viewer_admitted();
        }
        Fetched::NotYet
    }

    async fn fetch(self: &Arc<Self>, id: StreamId, grant: Option<&str>) -> Result<SharedStream, WireError> {
        if self.lookup.is_impossible() {
            return Err(unknown_stream(id));
        }
        let pull = self.pull(id, Purpose::Fetch(None))?;
        let mut progress = pull.progress();
        loop {
            let begins_here = self.context.opened.next();
            let now = progress.borrow_and_update().clone();
            // Its broadcaster may have registered here meanwhile.
            if let Some(stream) = self.at_hand(id) {
                return Ok(stream);
            }
            match now {
                PullState::Asking => {}
                PullState::Found(access) => {
                    self.check(id, access, grant)?;
                    pull.viewer_admitted();
                }
                PullState::Ready => break,
                PullState::Failed(error) => return Err(error),
            }
            let changed = tokio::select! {
                changed = progress.changed() => changed.is_ok(),
                () = begins_here => true,
            };
            if !changed {
                break;
            }
        }
        self.at_hand(id).ok_or_else(|| unavailable(id))
    }

    /// Whether a viewer with this grant may make the node pull the stream.
    fn check(&self, id: StreamId, access: Access, grant: Option<&str>) -> Result<(), WireError> {
        self.context.grants.admit_viewer(grant, id, access, self.context.clock.now()).map(drop)
    }

    /// The pull of a stream; begins it if the node does not pull the stream yet.
    fn pull(self: &Arc<Self>, id: StreamId, purpose: Purpose) -> Result<Arc<Pull>, WireError> {
        if let Some(error) = self.lookup.recent_error(id) {
            return Err(error);
        }
        let mut pulls = lock(&self.pulls);
        if let Some(pull) = pulls.get(&id) {
            return Ok(pull.clone());
        }
        if pulls.len() >= self.context.limits.streams as usize {
            return Err(ingest::node_full());
        }
        let pull = Arc::new(Pull::new(id, purpose, self.context.clone(), self.lookup.clone()));
        pulls.insert(id, pull.clone());
        let (relays, pulling) = (self.clone(), pull.clone());
        self.tasks.spawn(async move {
            let shutdown = relays.context.shutdown.clone();
            shutdown.run_until_cancelled(contain("pull of a stream", pulling.run())).await;
            lock(&relays.pulls).remove(&id);
        });
        Ok(pull)
    }

    /// Drops idle streams and adopts orphaned ones until the node stops, and waits for every pull to end.
    pub(crate) async fn run(self: Arc<Self>) {
        let RelayContext { ingest, shutdown, .. } = &*self.context;
        let due = async || {
            ingest.any_stream().await;
            tokio::time::sleep(UPKEEP_INTERVAL).await;
        };
        while shutdown.run_until_cancelled(due()).await.is_some() {
            self.drop_idle();
            self.adopt_orphans();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn drop_idle(&self) {
        let RelayContext { ingest, limits, clock, .. } = &*self.context;
        let idle_ms = whole_ms(limits.linger);
        for id in ingest.relayed() {
            match ingest.carried(id).is_some_and(|stream| ingest.has_readers(&stream)) {
                false => ingest.drop_idle(id, idle_ms, clock.now()),
                true => drop(ingest.wanted(id, clock.now())),
            }
        }
    }

    /// Streams whose broadcaster left and whose viewers stayed: if the stream is live elsewhere, this node becomes an edge.
    fn adopt_orphans(self: &Arc<Self>) {
        if self.lookup.is_impossible() {
            return;
        }
        for id in self.context.ingest.orphans(ORPHAN_MS, self.context.clock.now()) {
            // Where that is refused it is tried again at the next tick.
            drop(self.pull(id, Purpose::Adopt));
        }
    }
}
