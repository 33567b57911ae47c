//! Partition detection: whether this server sees what the other main servers do, and what it may conclude when it does not.
//!
//! A server that is cut off knows less every second, and must not act on it: it ends no stream, and gives up no node that
//! only others hear. When contact is back, every lease and deadline restarts, because the server has yet to learn what it
//! missed. The same holds when the clock shows that the process was suspended.
//!
//! New viewers are admitted a little longer: the others' writes also arrive by [gossip](super::gossip), so a server that can
//! hear them but whose watch of the store is broken still learns of every end. That bridges the seconds in which NATS
//! elects the server of a watch. It does not hold for ever, because a message may be lost. For the same seconds a server that
//! cannot write stays ready: all main servers share the store, so a load balancer would find no better one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use store::{Health, Store};

use crate::clock::Now;

/// Longest time between two looks at the clock that is not a standstill.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(2);
/// How long the changes of others may come by gossip alone before no new viewer is admitted: twice what NATS takes at most
/// to elect a leader, for it may have to elect two, one after the other.
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
    /// What is wrong while it is broken.
    fn when_lost(self) -> &'static str {
        match self {
            Self::Store => "the store cannot be reached",
            Self::Streams => "changes of streams do not arrive",
            Self::Nodes => "changes of nodes do not arrive",
            Self::Others => "other main servers are not heard",
        }
    }

    /// Whether no new viewer may be admitted when it has been broken since then.
    fn hides_ends(self, since: Instant, now: Instant) -> bool {
        match self {
            Self::Store | Self::Others => true,
            Self::Streams | Self::Nodes => now.saturating_duration_since(since) > BRIDGE,
        }
    }
}

/// Contact with the rest of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// Every link works.
    Whole,
    /// A link is broken.
    Lost,
    /// Every link works again, and everything that was missed has been caught up with.
    Regained,
}

/// Other main servers may know better, and cannot be heard.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("this main server is cut off from the cluster: try another one, or again in a moment")]
pub(crate) struct CutOff;

#[derive(Debug, Default)]
struct Links {
    /// The broken ones, and since when.
    lost: BTreeMap<Link, Instant>,
    /// Since when the store takes no writes.
    unwritable_since: Option<Instant>,
    /// All work again, since the last call of [`Partition::look`].
    is_regained: bool,
}

/// See the [module](self).
pub(crate) struct Partition {
    links: Mutex<Links>,
    store: Store,
}

impl Partition {
    /// In contact, as far as is known, with the main servers that share `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self { links: Mutex::default(), store }
    }

    /// A link is broken.
    pub(crate) fn lost(&self, link: Link, now: Now) {
        let mut links = self.links();
        if links.lost.is_empty() {
            tracing::warn!(?link, "cut off from the cluster: {}", link.when_lost());
        }
        links.lost.entry(link).or_insert(now.instant);
    }

    /// A link works, and everything that was missed has been caught up with.
    pub(crate) fn regained(&self, link: Link) {
        let mut links = self.links();
        if links.lost.remove(&link).is_some() && links.lost.is_empty() {
            tracing::info!("in contact with the rest of the cluster again");
            links.is_regained = true;
        }
    }

    /// The state of the contact. [`Contact::Regained`] is returned once.
    pub(crate) fn look(&self) -> Contact {
        let mut links = self.links();
        if !links.lost.is_empty() {
            return Contact::Lost;
        }
        if std::mem::take(&mut links.is_regained) { Contact::Regained } else { Contact::Whole }
    }

    /// Follows whether the store can be reached.
    pub(crate) async fn follow_health(&self) {
        let mut health = self.store.kv.health();
        loop {
            let Health { writable, connected } = *health.borrow_and_update();
            if connected {
                self.regained(Link::Store);
            } else {
                self.lost(Link::Store, Now::read());
            }
            self.note_writable(writable);
            if health.changed().await.is_err() {
                return;
            }
        }
    }

    fn note_writable(&self, writable: bool) {
        let mut links = self.links();
        let since = links.unwritable_since.unwrap_or_else(|| Now::read().instant);
        links.unwritable_since = (!writable).then_some(since);
    }

    /// Whether requests are served: new viewers are admitted, and the store takes writes or is electing a leader.
    ///
    /// # Errors
    /// Says what does not work.
    pub(crate) fn ready(&self, now: Now) -> Result<(), NotReady> {
        if !self.store.kv.health().borrow().writable && !self.may_be_electing(now) {
            return Err(NotReady::Store(store::Error::Unavailable("the last write failed".into())));
        }
        Ok(self.admits_newcomers(now)?)
    }

    /// Whether a store that takes no writes may have lost its leader just now.
    fn may_be_electing(&self, now: Now) -> bool {
        let since = self.links().unwritable_since;
        let is_recent = since.is_none_or(|since| now.instant.saturating_duration_since(since) <= BRIDGE);
        is_recent && !self.store.bus.is_alone()
    }

    /// Whether a new viewer may be admitted now: not while another main server may have ended the stream meanwhile.
    ///
    /// # Errors
    /// [`CutOff`].
    pub(crate) fn admits_newcomers(&self, now: Now) -> Result<(), CutOff> {
        let hides_ends = |(link, since): (&Link, &Instant)| link.hides_ends(*since, now.instant);
        let may_be_wrong = !self.store.bus.is_alone() && self.links().lost.iter().any(hides_ends);
        if may_be_wrong { Err(CutOff) } else { Ok(()) }
    }

    /// Whether what is unknown here is unknown to all.
    ///
    /// # Errors
    /// [`CutOff`].
    pub(crate) fn knows_all(&self) -> Result<(), CutOff> {
        let knows = self.store.bus.is_alone() || self.links().lost.is_empty();
        knows.then_some(()).ok_or(CutOff)
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why this server should get no requests.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NotReady {
    /// Nothing can be written.
    #[error(transparent)]
    Store(store::Error),
    /// New viewers are not admitted.
    #[error(transparent)]
    CutOff(#[from] CutOff),
}
