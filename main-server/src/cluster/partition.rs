//! Whether this server sees what the others do, and what it may conclude when it does not.
//!
//! A server that is cut off knows less every second, and must not act on it: it ends no stream, and gives up no node that
//! only others hear. When contact is back, every lease and deadline begins anew, because what was missed is yet to be
//! learned. The same when the clock shows that the process stood still.
//!
//! New viewers are let in a little longer: what the others write is also [told](super::gossip), so that a server which can
//! hear them but whose watch of the store is broken still learns of every end. That bridges the seconds in which NATS
//! chooses who serves the watch; for ever it does not go, because a message may be lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::NodeId;
use store::{Health, Journal};
use tokio::sync::watch;

use crate::{
    clock::Now,
    control::{ControlPlane, Error, State},
};

/// Longest time between two looks at the clock that is not a standstill.
const STANDSTILL: Duration = Duration::from_secs(2);
/// How long the changes of others may come over the bus alone before nobody new is let in: twice what NATS takes at most
/// to choose a leader, for it may have to choose two, one after the other.
const BRIDGE: Duration = Duration::from_secs(20);

/// A way in which the rest of the cluster is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    /// The store can be reached.
    Store,
    /// Changes of streams come in.
    Streams,
    /// Changes of nodes come in.
    Nodes,
    /// What the other main servers hear comes in.
    Others,
}

impl Link {
    /// Whether nobody new may be let in when it has been broken since then.
    fn hides_ends(self, since: Instant, now: Instant) -> bool {
        match self {
            Self::Store | Self::Others => true,
            Self::Streams | Self::Nodes => now.saturating_duration_since(since) > BRIDGE,
        }
    }
}

impl ControlPlane {
    /// Lets time pass: leases end, deadlines are met. `before` is when it was called last.
    pub(crate) fn expire(&self, before: Now, now: Now) {
        self.change(|state| {
            let since = now.instant.saturating_duration_since(before.instant);
            if since > STANDSTILL {
                tracing::warn!("this process stood still: every lease and deadline begins anew");
                state.begin_anew(now);
                state.catalogue.doubt(since, now);
            }
            let cut_off = !state.lost.is_empty();
            if cut_off {
                state.registry.hold_for_others(now.instant);
            }
            for node in state.registry.expire(now.instant) {
                tracing::warn!(node.id = %node, "lease of node {node} ended without a heartbeat");
                if let Ok(node) = state.registry.get(&node) {
                    state.fleet.leave(&node.hostname);
                }
                state.catalogue.node_lost(&node, now);
            }
            if !cut_off {
                state.catalogue.expire(now);
            }
        });
    }

    /// A link is broken.
    pub(crate) fn lost(&self, link: Link, now: Now) {
        self.change(|state| {
            if state.lost.is_empty() {
                tracing::warn!(?link, "lost contact with the rest of the cluster ({link:?})");
            }
            state.lost.entry(link).or_insert(now.instant);
        });
    }

    /// A link works, and everything that was missed has been caught up with.
    pub(crate) fn regained(&self, link: Link, now: Now) {
        self.change(|state| {
            if state.lost.remove(&link).is_some() && state.lost.is_empty() {
                tracing::info!("in contact with the rest of the cluster again");
                state.begin_anew(now);
            }
        });
    }

    /// Follows whether the store can be reached.
    pub(crate) async fn follow_health(&self) {
        let mut health = self.store.kv.health();
        loop {
            if health.borrow_and_update().connected {
                self.regained(Link::Store, Now::read());
            } else {
                self.lost(Link::Store, Now::read());
            }
            if health.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether requests are served: the store or the journal takes writes, and nothing keeps new viewers out.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::CutOff`] says what does not work.
    pub(crate) fn ready(&self, now: Now) -> Result<(), Error> {
        let health: watch::Receiver<Health> = self.store.kv.health();
        let is_kept = |journal: &Arc<dyn Journal>| journal.is_writable();
        if !health.borrow().writable && !self.store.journal.as_ref().is_some_and(is_kept) {
            return Err(store::Error::Unavailable("the last write failed".into()).into());
        }
        self.admits_newcomers(now)
    }

    /// Whether a viewer who comes now may be let in: not while another main server may have ended the stream meanwhile.
    pub(crate) fn admits_newcomers(&self, now: Now) -> Result<(), Error> {
        let hides_ends = |(link, since): (&Link, &Instant)| link.hides_ends(*since, now.instant);
        let may_be_wrong =
            !self.store.bus.is_alone() && self.change(|state| state.lost.iter().any(hides_ends));
        if may_be_wrong { Err(Error::CutOff) } else { Ok(()) }
    }

    /// Whether who is unknown here is unknown to all.
    pub(crate) fn knows_all(&self) -> Result<(), Error> {
        let knows = self.store.bus.is_alone() || self.change(|state| state.lost.is_empty());
        knows.then_some(()).ok_or(Error::CutOff)
    }
}

impl State {
    fn begin_anew(&mut self, now: Now) {
        self.registry.renew_leases(now.instant);
        self.catalogue.renew_deadlines(now);
        for (_, node) in self.registry.live(now.instant) {
            self.fleet.join(&node.spec());
        }
    }

    /// Lets a node be chosen, if its lease runs.
    pub(crate) fn seat(&mut self, node_id: &NodeId, now: Now) {
        if let Ok(node) = self.registry.get(node_id)
            && node.is_live(now.instant)
        {
            self.fleet.join(&node.spec());
        }
    }
}
