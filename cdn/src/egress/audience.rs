//! The viewers and relays of a node, over all transports: counts, and the bounds they keep.
//!
//! Nodes that relay a stream onwards are counted apart from viewers and bounded per stream, so that many viewers never keep
//! the tree of nodes from growing, nor the other way round.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use per_address::{Share, Shares};

use crate::{
    clock::Now,
    config::Limits,
    hub::{Counts, Readers, Relaying, Role},
    lock::lock,
};

/// Shortest time between two keyframe requests of one viewer that are passed on. Every viewer pays for a keyframe in bytes, so a
/// single one must not cause one a second.
const KEYFRAME_REQUEST_INTERVAL_MS: u64 = 10_000;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Audience {
    most_viewers: u32,
    most_relays: u32,
    /// What each address holds of the viewers' places.
    shares: Arc<Shares>,
    all: Counts,
    lagging: AtomicU32,
}

impl Audience {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most_viewers: limits.viewers,
            most_relays: limits.relays,
            shares: Shares::new(usize::MAX, limits.viewers_per_address.map(|most| most as usize)),
            all: Counts::default(),
            lagging: AtomicU32::new(0),
        })
    }

    /// Viewers of all streams.
    pub(crate) fn viewers(&self) -> u32 {
        self.all.now(Role::Viewer)
    }

    /// Nodes that pull streams from this one, counted once per stream.
    pub(crate) fn relays(&self) -> u32 {
        self.all.now(Role::Relay)
    }

    /// Viewers and relays that are behind the live edge because their connections are full.
    pub(crate) fn lagging(&self) -> u32 {
        self.lagging.load(Relaxed)
    }

    /// Of the viewers and relays that a pump serves, `now` lag and `before` did.
    pub(super) fn lag_changed(&self, before: u32, now: u32) {
        self.lagging.fetch_add(now.wrapping_sub(before), Relaxed);
    }

    /// Counts one more reader of a stream, at `address`; none if the node or the address has as many viewers, or the stream as many
    /// relays, as it may.
    pub(super) fn admit(
        self: &Arc<Self>,
        stream: &Arc<Readers>,
        role: Role,
        address: Option<IpAddr>,
    ) -> Option<Arc<AudienceMember>> {
        let share = match role {
            Role::Viewer => Some(self.shares.take(address)?),
            Role::Relay => None,
        };
        let (bounded, most) = match role {
            Role::Viewer => (&self.all, self.most_viewers),
            Role::Relay => (stream.counts(), self.most_relays),
        };
        let more = |count: u32| (count < most).then_some(count + 1);
        bounded.of(role).fetch_update(Relaxed, Relaxed, more).ok()?;
        let other = if role == Role::Viewer { stream.counts() } else { &self.all };
        other.of(role).fetch_add(1, Relaxed);
        let relaying = (role == Role::Relay).then(|| stream.relay());
        let (audience, stream, keyframe_requested_ms) = (self.clone(), stream.clone(), Mutex::default());
        Some(Arc::new(AudienceMember {
            role,
            audience,
            stream,
            relaying,
            keyframe_requested_ms,
            _share: share,
        }))
    }
}

/// A reader that is counted on its stream and on its node until this is dropped.
pub(super) struct AudienceMember {
    role: Role,
    audience: Arc<Audience>,
    stream: Arc<Readers>,
    /// What tells how far it is, if it is a relay.
    relaying: Option<Relaying>,
    /// When its last keyframe request was passed on, in node time.
    keyframe_requested_ms: Mutex<Option<u64>>,
    _share: Option<Share>,
}

impl AudienceMember {
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// What tells how far it is, if it is a relay.
    pub(super) fn relaying(&self) -> Option<&Relaying> {
        self.relaying.as_ref()
    }

    /// Whether a keyframe request at `now` is passed on. A viewer has one in 10 s. A relay speaks for many viewers, each of which its
    /// own node bounds.
    pub(super) fn may_request_keyframe(&self, now: Now) -> bool {
        if self.role == Role::Relay {
            return true;
        }
        let mut requested_ms = lock(&self.keyframe_requested_ms);
        let is_early =
            requested_ms.is_some_and(|at_ms| now.ms.saturating_sub(at_ms) < KEYFRAME_REQUEST_INTERVAL_MS);
        if !is_early {
            *requested_ms = Some(now.ms);
        }
        !is_early
    }
}

impl Drop for AudienceMember {
    fn drop(&mut self) {
        self.stream.counts().of(self.role).fetch_sub(1, Relaxed);
        self.audience.all.of(self.role).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_bounded_per_node_and_relays_per_stream() {
        let audience = Audience::new(&Limits { viewers: 3, relays: 2, ..Limits::default() });
        let streams = [(); 2].map(|()| Arc::<Readers>::default());
        let counts = || {
            let of =
                |stream: &Arc<Readers>| [Role::Viewer, Role::Relay].map(|role| stream.counts().now(role));
            streams.each_ref().map(of)
        };
        let fill = |role| {
            let mut admitted = Vec::new();
            for stream in &streams {
                while let Some(admission) = audience.admit(stream, role, None) {
                    admitted.push(admission);
                }
            }
            admitted
        };
        let admitted = [fill(Role::Viewer), fill(Role::Relay)];
        assert_eq!(admitted.each_ref().map(Vec::len), [3, 4]);
        assert_eq!(counts(), [[3, 2], [0, 2]]);
        assert_eq!((audience.viewers(), audience.relays()), (3, 4));
        drop(admitted);
        assert_eq!((audience.viewers(), audience.relays()), (0, 0));
        assert_eq!(counts(), [[0, 0], [0, 0]]);
    }

    #[test]
    fn viewers_of_an_address_are_bounded_and_relays_are_not() {
        let limits = Limits { viewers_per_address: Some(2), ..Limits::default() };
        let (audience, stream) = (Audience::new(&limits), Arc::<Readers>::default());
        let admit = |role, last| audience.admit(&stream, role, Some([192, 0, 2, last].into()));
        let admitted = [admit(Role::Viewer, 1), admit(Role::Viewer, 1)];
        assert!(admitted.iter().all(Option::is_some));
        assert!(admit(Role::Viewer, 1).is_none());
        assert_eq!(audience.viewers(), 2, "one that is refused does not count");
        assert!(admit(Role::Viewer, 2).is_some() && admit(Role::Relay, 1).is_some());
        drop(admitted);
        assert!(admit(Role::Viewer, 1).is_some());
    }
}
