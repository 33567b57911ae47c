//! Viewers that an invitation admitted, so that they can be disconnected when it is revoked.
//!
//! An entry for each such viewer; others cost nothing. The main server repeats a revocation for as long as grants that name the
//! invitation may be valid, so it is remembered here only a little longer than it is repeated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use protocol::StreamId;

use crate::{clock::Now, lock::lock};

/// How long a revocation is remembered that is not repeated.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Disconnects a viewer.
type Disconnect = Box<dyn FnOnce() + Send>;

/// An invitation to a stream.
type Key = (StreamId, String);

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Invited(Mutex<Known>);

#[derive(Default)]
struct Known {
    viewers: HashMap<Key, HashMap<u64, Disconnect>>,
    /// When the main server last said that they are, in node time.
    revoked_ms: HashMap<Key, u64>,
    /// Names the next viewer.
    next: u64,
}

/// The entry of a viewer, until dropped.
pub(crate) struct InvitedViewer {
    invited: Arc<Invited>,
    key: Key,
    number: u64,
}

impl Invited {
    /// Enters a viewer that the invitation admits; `None` if it was revoked.
    pub(crate) fn enter(
        self: &Arc<Self>,
        stream: StreamId,
        invitation: String,
        disconnect: impl FnOnce() + Send + 'static,
    ) -> Option<InvitedViewer> {
        let mut known = lock(&self.0);
        let key = (stream, invitation);
        if known.revoked_ms.contains_key(&key) {
            return None;
        }
        known.next += 1;
        let number = known.next;
        known.viewers.entry(key.clone()).or_default().insert(number, Box::new(disconnect));
        Some(InvitedViewer { invited: self.clone(), key, number })
    }

    /// The invitation was revoked: disconnects its viewers and admits no more.
    pub(crate) fn revoke(&self, stream: StreamId, invitation: String, now: Now) {
        let viewers = {
            let mut known = lock(&self.0);
            let key = (stream, invitation);
            let viewers = known.viewers.remove(&key);
            known.revoked_ms.retain(|_, told_ms| now.since(*told_ms) < REMEMBERED);
            known.revoked_ms.insert(key, now.ms);
            viewers
        };
        // Not under the lock, which viewers that leave need.
        for disconnect in viewers.into_iter().flat_map(HashMap::into_values) {
            disconnect();
        }
    }
}

impl Drop for InvitedViewer {
    fn drop(&mut self) {
        let mut known = lock(&self.invited.0);
        let Some(viewers) = known.viewers.get_mut(&self.key) else { return };
        let disconnect = viewers.remove(&self.number);
        if viewers.is_empty() {
            known.viewers.remove(&self.key);
        }
        drop(known);
        drop(disconnect);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    fn stream() -> StreamId {
        StreamId::new("a", 1)
    }

    fn at(ms: u64) -> Now {
        Now { ms, unix_ms: 0 }
    }

    #[test]
    fn revoking_disconnects_those_who_are_there_and_admits_no_more() {
        let (invited, disconnected) = (Arc::new(Invited::default()), Arc::new(AtomicU32::new(0)));
        let enter = |invitation: &str| {
            let disconnected = disconnected.clone();
            invited.enter(stream(), invitation.into(), move || {
                disconnected.fetch_add(1, SeqCst);
            })
        };
        let viewers = [enter("a"), enter("a"), enter("b")];
        drop(enter("a"));
        assert!(viewers.iter().all(Option::is_some));
        for _ in 0..2 {
            invited.revoke(stream(), "a".into(), at(0));
            assert_eq!(disconnected.load(SeqCst), 2);
        }
        assert!(enter("a").is_none() && enter("b").is_some());
        drop(viewers);
        assert!(lock(&invited.0).viewers.is_empty());
    }

    #[test]
    fn a_revocation_that_is_not_repeated_is_forgotten() {
        let invited = Arc::new(Invited::default());
        invited.revoke(stream(), "a".into(), at(0));
        let later = u64::try_from(REMEMBERED.as_millis()).unwrap();
        invited.revoke(stream(), "b".into(), at(later));
        assert_eq!(lock(&invited.0).revoked_ms.len(), 1);
    }
}
