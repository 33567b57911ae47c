//! Which connection publishes which streams, so that each has a bound.
//!
//! A stream counts towards its connection until it is closed or another connection takes it over. It stays known to the
//! connection for a while after that, so that late segments are answered with what happened to it. Pure.

use std::collections::{HashMap, VecDeque};

use protocol::StreamId;

use super::Session;

/// How many streams a connection published before, and no more, are remembered.
const PAST_REMEMBERED: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Sessions {
    owners: HashMap<StreamId, Session>,
    by_session: HashMap<Session, Published>,
}

/// The streams of one connection.
#[derive(Debug, Default)]
struct Published {
    now: Vec<StreamId>,
    past: VecDeque<StreamId>,
}

impl Sessions {
    /// Whether `session`, which may publish `most` streams at a time, may publish `id`.
    pub(super) fn has_room(&self, session: Session, id: StreamId, most: usize) -> bool {
        let published = self.by_session.get(&session);
        published.is_none_or(|published| published.now.len() < most || published.now.contains(&id))
    }

    /// Whether `session` publishes `id` or did until not long ago.
    pub(super) fn knows(&self, session: Session, id: StreamId) -> bool {
        let published = self.by_session.get(&session);
        published.is_some_and(|published| published.now.contains(&id) || published.past.contains(&id))
    }

    /// `session` publishes `id` from now on, instead of any other connection.
    pub(super) fn publish(&mut self, session: Session, id: StreamId) {
        if self.owners.get(&id) == Some(&session) {
            return;
        }
        self.forget(id, true);
        self.owners.insert(id, session);
        let published = self.by_session.entry(session).or_default();
        published.past.retain(|past| *past != id);
        published.now.push(id);
    }

    /// No connection publishes `id` any more. If the stream is not over, its broadcaster has to register it again.
    pub(super) fn forget(&mut self, id: StreamId, is_over: bool) {
        let Some(owner) = self.owners.remove(&id) else { return };
        let Some(published) = self.by_session.get_mut(&owner) else { return };
        published.now.retain(|published| *published != id);
        if !is_over {
            return;
        }
        if published.past.len() >= PAST_REMEMBERED {
            published.past.pop_front();
        }
        published.past.push_back(id);
    }

    /// A connection closed. Gives the streams it published.
    pub(super) fn disconnect(&mut self, session: Session) -> Vec<StreamId> {
        let streams = self.by_session.remove(&session).unwrap_or_default().now;
        for id in &streams {
            self.owners.remove(id);
        }
        streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(number: u128) -> StreamId {
        StreamId::new("a", number)
    }

    #[test]
    fn closed_streams_and_those_taken_over_make_room_and_stay_known() {
        let (mut sessions, [old, new]) = (Sessions::default(), [Session(1), Session(2)]);
        let [first, second, third] = [stream(1), stream(2), stream(3)];
        sessions.publish(old, first);
        sessions.publish(old, second);
        assert!(!sessions.has_room(old, third, 2) && sessions.has_room(old, first, 2));
        sessions.forget(first, true);
        assert!(sessions.has_room(old, third, 2) && sessions.knows(old, first));
        sessions.publish(new, second);
        assert!(sessions.has_room(old, third, 1) && sessions.knows(old, second));
        assert!(!sessions.has_room(new, third, 1) && !sessions.knows(new, first));
        assert_eq!(sessions.disconnect(old), []);
        assert_eq!(sessions.disconnect(new), [second]);
        assert!(sessions.owners.is_empty() && sessions.by_session.is_empty());
    }

    #[test]
    fn what_a_connection_published_before_takes_little_memory() {
        let (mut sessions, session) = (Sessions::default(), Session(1));
        for number in 0..1000 {
            sessions.publish(session, stream(number));
            sessions.forget(stream(number), true);
        }
        assert_eq!(sessions.by_session[&session].past.len(), PAST_REMEMBERED);
        assert!(sessions.knows(session, stream(999)) && !sessions.knows(session, stream(0)));
    }
}
