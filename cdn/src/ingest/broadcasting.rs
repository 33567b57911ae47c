//! What a broadcaster's connection does: registers streams, ends streams, and closes.

use std::sync::Arc;

use protocol::{ErrorCode, StreamId, WireError, grant::Action, node::Access};

use super::{
    errors::taken_over,
    producer::Producer,
    publisher::Publisher,
    streams::Ingest,
    take::{Take, check_bounds},
    types::{ConnectionId, Registered, Registration},
};
use crate::{clock::Now, hub::Role, lock::lock};

impl Ingest {
    /// Makes `connection` the broadcaster of a stream, taking it over from another one if need be.
    pub(crate) async fn register(
        &self,
        connection: ConnectionId,
        mut registration: Registration,
        now: Now,
    ) -> Result<Registered, WireError> {
        check_bounds(&registration)?;
        let id = registration.stream;
        // A broadcaster that begins another take while no main server gives grants goes on.
        let claims = match self.is_broadcaster(connection, id) {
            true => self.grants.verify_running(&registration.grant, id, Action::Publish)?,
            false => self.grants.verify(&registration.grant, id, Action::Publish, now)?,
        };
        let (mut checked, mut is_new) = (None, false);
        loop {
            let known = {
                let publishers = lock(&self.publishers);
                publishers.check_room(connection, id, self.context.limits.streams_per_socket)?;
                publishers.by_stream.get(&id).cloned()
            };
            let publisher = match known {
                Some(publisher) => publisher,
                None => {
                    // A take that cannot begin opens no stream.
                    // A node that died may have had takes of it.
                    let number = *registration.take.get_or_insert(claims.unused_take.unwrap_or_default());
                    checked = Some(Take::new(number, &registration)?);
                    is_new = true;
                    self.open_for(id, claims.visibility.into(), now)?
                }
            };
            let admit = || lock(&self.publishers).admit(connection, id, &publisher);
            let Some(registered) = publisher.register(connection, &registration, &mut checked, admit).await?
            else {
                continue;
            };
            if registered.was_relayed {
                tracing::info!(stream.id = %id, "stream {id} is now published on this node");
                publisher.source().changed();
            }
            // Where the broadcaster was before, the main server's word counts: the grant may be older.
            if is_new || registered.was_relayed {
                let observers = self.context.observers.iter();
                observers.for_each(|observer| observer.published(id, claims.recording, now));
            }
            let stream = publisher.source().stream().clone();
            let viewers = publisher.source().readers().counts().now(Role::Viewer);
            let next_segment = registered.next_segment;
            return Ok(Registered { stream, next_segment, viewers, grant_expires_s: claims.exp });
        }
    }

    /// Checks a grant that the broadcaster of a stream shows in the place of its last one. Gives its expiry, in seconds since the
    /// Unix epoch.
    ///
    /// # Errors
    /// `not_registered`, `already_publishing` or `unknown_stream` if `connection` does not publish the stream; `invalid_grant`.
    pub(crate) fn renew(
        &self,
        connection: ConnectionId,
        id: StreamId,
        grant: &str,
        now: Now,
    ) -> Result<u64, WireError> {
        let publisher = lock(&self.publishers).owned(connection, id)?;
        publisher.source().broadcaster(connection)?;
        Ok(self.grants.verify(grant, id, Action::Publish, now)?.exp)
    }

    /// Whether `connection` publishes the stream now.
    pub(crate) fn is_broadcaster(&self, connection: ConnectionId, id: StreamId) -> bool {
        let publisher = lock(&self.publishers).owned(connection, id);
        publisher.is_ok_and(|publisher| publisher.source().broadcaster(connection).is_ok())
    }

    /// Whether a connection publishes nothing now.
    pub(crate) fn publishes_nothing(&self, connection: ConnectionId) -> bool {
        lock(&self.publishers).publications.publishes_nothing(connection)
    }

    /// Opens a stream for a broadcaster. On a full node it takes the place of one that sends no media.
    fn open_for(&self, id: StreamId, access: Access, now: Now) -> Result<Arc<Publisher>, WireError> {
        loop {
            // In a statement of its own, so that the lock is free when a silent stream is dropped.
            let opened = self.open(&mut lock(&self.publishers), id, access, now);
            match opened {
                Err(error) if error.code == ErrorCode::NoCapacity && self.drop_silent(now) => {}
                opened => return opened,
            }
        }
    }

    /// The broadcaster ends its stream.
    pub(crate) fn end(&self, connection: ConnectionId, id: StreamId) -> Result<(), WireError> {
        let publisher = lock(&self.publishers).owned(connection, id)?;
        let producer = Producer::of_broadcaster(publisher.source(), connection)?;
        if self.end_of(id, &producer) { Ok(()) } else { Err(taken_over(id)) }
    }

    /// A connection closed: its streams are interrupted.
    pub(crate) fn disconnected(&self, connection: ConnectionId, now: Now) {
        let left: Vec<_> = {
            let mut publishers = lock(&self.publishers);
            let streams = publishers.publications.disconnect(connection);
            streams
                .into_iter()
                .filter_map(|id| Some((id, publishers.by_stream.get(&id)?.source().clone())))
                .collect()
        };
        let interrupted = left.into_iter().filter(|(_, source)| source.leave(connection, now));
        for (id, _) in interrupted {
            tracing::info!(stream.id = %id, "stream {id} is interrupted: its broadcaster disconnected");
        }
    }
}
