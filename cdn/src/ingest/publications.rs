//! Which connection publishes which streams, so that each has a bound.
//!
//! A stream counts towards its connection until it is closed or another connection takes it over. It stays known to the
//! connection for a while after that, so that late segments are answered with what happened to it. Pure.

use std::collections::{HashMap, VecDeque};

use protocol::StreamId;

use super::types::ConnectionId;

/// How many streams a connection published before, and no more, are remembered.
const PAST_REMEMBERED: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Publications {
    owners: HashMap<StreamId, ConnectionId>,
    by_connection: HashMap<ConnectionId, Published>,
}

/// The streams of one connection.
#[derive(Debug, Default)]
struct Published {
    now: Vec<StreamId>,
    past: VecDeque<StreamId>,
}

impl Publications {
    /// Whether `connection`, which may publish `most` streams at a time, may publish `id`.
    pub(super) fn has_room(&self, connection: ConnectionId, id: StreamId, most: usize) -> bool {
        let published = self.by_connection.get(&connection);
        published.is_none_or(|published| published.now.len() < most || published.now.contains(&id))
    }

    /// Whether `connection` publishes no stream now.
    pub(super) fn publishes_nothing(&self, connection: ConnectionId) -> bool {
        self.by_connection.get(&connection).is_none_or(|published| published.now.is_empty())
    }

    /// Whether `connection` publishes `id` or did until not long ago.
    pub(super) fn knows(&self, connection: ConnectionId, id: StreamId) -> bool {
        let published = self.by_connection.get(&connection);
        published.is_some_and(|published| published.now.contains(&id) || published.past.contains(&id))
    }

    /// `connection` publishes `id` from now on, instead of any other connection.
    pub(super) fn publish(&mut self, connection: ConnectionId, id: StreamId) {
        if self.owners.get(&id) == Some(&connection) {
            return;
        }
        self.forget(id, true);
        self.owners.insert(id, connection);
        let published = self.by_connection.entry(connection).or_default();
        published.past.retain(|past| *past != id);
        published.now.push(id);
    }

    /// No connection publishes `id` any more. If the stream is not over, its broadcaster has to register it again.
    pub(super) fn forget(&mut self, id: StreamId, is_over: bool) {
        let Some(owner) = self.owners.remove(&id) else { return };
        let Some(published) = self.by_connection.get_mut(&owner) else { return };
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
    pub(super) fn disconnect(&mut self, connection: ConnectionId) -> Vec<StreamId> {
        let streams = self.by_connection.remove(&connection).unwrap_or_default().now;
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
        let (mut publications, [old, new]) = (Publications::default(), [ConnectionId(1), ConnectionId(2)]);
        let [first, second, third] = [stream(1), stream(2), stream(3)];
        publications.publish(old, first);
        publications.publish(old, second);
        assert!(!publications.has_room(old, third, 2) && publications.has_room(old, first, 2));
        publications.forget(first, true);
        assert!(publications.has_room(old, third, 2) && publications.knows(old, first));
        publications.publish(new, second);
        assert!(publications.has_room(old, third, 1) && publications.knows(old, second));
        assert!(!publications.has_room(new, third, 1) && !publications.knows(new, first));
        assert_eq!(publications.disconnect(old), []);
        assert_eq!(publications.disconnect(new), [second]);
        assert!(publications.owners.is_empty() && publications.by_connection.is_empty());
    }

    #[test]
    fn what_a_connection_published_before_takes_little_memory() {
        let (mut publications, connection) = (Publications::default(), ConnectionId(1));
        for number in 0..1000 {
            publications.publish(connection, stream(number));
            publications.forget(stream(number), true);
        }
        assert_eq!(publications.by_connection[&connection].past.len(), PAST_REMEMBERED);
        assert!(publications.knows(connection, stream(999)) && !publications.knows(connection, stream(0)));
    }
}
