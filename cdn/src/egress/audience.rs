//! Who watches on this node, over all transports: counts, and the bounds they keep.
//!
//! Nodes that relay a stream onwards are counted apart from viewers and bounded per stream, so that a crowd of viewers
//! never keeps the tree from growing, nor the other way round.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use protocol::StreamId;

use crate::{config::Limits, lock::lock};

/// As what somebody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A person who watches.
    Viewer,
    /// Another node that serves the stream onwards.
    Relay,
}

/// Everybody on this node.
#[derive(Debug)]
pub(crate) struct Audience {
    most_viewers: u32,
    most_relays: u32,
    all: Counts,
    lagging: AtomicU32,
    streams: Mutex<HashMap<StreamId, Weak<Crowd>>>,
}

/// Everybody on one stream of this node.
pub(crate) type Crowd = Counts;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    viewers: AtomicU32,
    relays: AtomicU32,
}

impl Counts {
    fn of(&self, role: Role) -> &AtomicU32 {
        match role {
            Role::Viewer => &self.viewers,
            Role::Relay => &self.relays,
        }
    }

    pub(super) fn viewers(&self) -> u32 {
        self.viewers.load(Relaxed)
    }
}

impl Audience {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most_viewers: limits.viewers,
            most_relays: limits.relays,
            all: Counts::default(),
            lagging: AtomicU32::new(0),
            streams: Mutex::default(),
        })
    }

    /// Viewers of all streams.
    pub(crate) fn viewers(&self) -> u32 {
        self.all.viewers()
    }

    /// Nodes that pull streams from this one, counted once per stream.
    pub(crate) fn relays(&self) -> u32 {
        self.all.relays.load(Relaxed)
    }

    /// Viewers and relays that are behind the live edge because their connections are full.
    pub(crate) fn lagging(&self) -> u32 {
        self.lagging.load(Relaxed)
    }

    /// Viewers and relays of one stream.
    pub(crate) fn of(&self, stream: StreamId) -> (u32, u32) {
        let crowd = lock(&self.streams).get(&stream).and_then(Weak::upgrade);
        crowd.map_or((0, 0), |crowd| (crowd.viewers(), crowd.relays.load(Relaxed)))
    }

    /// The crowd of a stream, which is kept as long as somebody holds it.
    pub(super) fn crowd(&self, stream: StreamId) -> Arc<Crowd> {
        let mut streams = lock(&self.streams);
        if let Some(crowd) = streams.get(&stream).and_then(Weak::upgrade) {
            return crowd;
        }
        streams.retain(|_, crowd| crowd.strong_count() > 0);
        let crowd = Arc::<Crowd>::default();
        streams.insert(stream, Arc::downgrade(&crowd));
        crowd
    }

    /// Of those that a pump serves, `now` lag and `before` did.
    pub(super) fn lag_changed(&self, before: u32, now: u32) {
        self.lagging.fetch_add(now.wrapping_sub(before), Relaxed);
    }

    /// Lets somebody in; none if the node has as many viewers, or the stream as many relays, as it may.
    pub(super) fn admit(self: &Arc<Self>, crowd: &Arc<Crowd>, role: Role) -> Option<Arc<Admission>> {
        let (bounded, most) = match role {
            Role::Viewer => (&self.all, self.most_viewers),
            Role::Relay => (&**crowd, self.most_relays),
        };
        let more = |count: u32| (count < most).then_some(count + 1);
        bounded.of(role).fetch_update(Relaxed, Relaxed, more).ok()?;
        let other = if role == Role::Viewer { crowd } else { &self.all };
        other.of(role).fetch_add(1, Relaxed);
        Some(Arc::new(Admission { role, audience: self.clone(), crowd: crowd.clone() }))
    }
}

/// Somebody counted on a stream and on its node, until dropped.
#[derive(Debug)]
pub(super) struct Admission {
    role: Role,
    audience: Arc<Audience>,
    crowd: Arc<Crowd>,
}

impl Admission {
    pub(super) fn role(&self) -> Role {
        self.role
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.crowd.of(self.role).fetch_sub(1, Relaxed);
        self.audience.all.of(self.role).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_bounded_per_node_and_relays_per_stream() {
        let audience = Audience::new(&Limits { viewers: 3, relays: 2, ..Limits::default() });
        let streams = ["a", "b"].map(|title| StreamId::new(title, 1));
        let crowds = streams.map(|id| audience.crowd(id));
        let fill = |role| {
            let mut admitted = Vec::new();
            for crowd in &crowds {
                while let Some(admission) = audience.admit(crowd, role) {
                    admitted.push(admission);
                }
            }
            admitted
        };
        let admitted = [fill(Role::Viewer), fill(Role::Relay)];
        assert_eq!(admitted.each_ref().map(Vec::len), [3, 4]);
        assert_eq!(streams.map(|id| audience.of(id)), [(3, 2), (0, 2)]);
        assert_eq!((audience.viewers(), audience.relays()), (3, 4));
        drop(admitted);
        assert_eq!((audience.viewers(), audience.relays()), (0, 0));
        drop(crowds);
        assert_eq!(streams.map(|id| audience.of(id)), [(0, 0), (0, 0)]);
    }
}
