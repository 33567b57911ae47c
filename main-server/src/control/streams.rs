//! What broadcasters and viewers do: create, find, watch, publish, end.

use std::net::IpAddr;

use bytes::Bytes;
use protocol::{
    StreamId,
    stream::{NodeAddress, StreamInfo, Visibility},
};

use super::{ControlPlane, Error, State};
use crate::{
    catalogue::{ImageKind, LiveStream, Record, Thumbnail},
    clock::Now,
    placement::{Candidate, Carriage, CarriersFirst, FewestStreams, Policy, Request, choose},
};

/// Most nodes an assignment names: a first choice and standbys.
const MAX_CHOICES: usize = 4;

/// A stream somebody wants to create; checked already.
pub(crate) struct NewStream {
    /// As shown.
    pub(crate) title: String,
    /// Who may watch.
    pub(crate) visibility: Visibility,
    /// In PHC string form.
    pub(crate) passphrase_hash: Option<String>,
    /// Who asks.
    pub(crate) address: Option<IpAddr>,
}

/// A created stream and where to publish it.
pub(crate) struct Placed {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// First choice and standbys.
    pub(crate) nodes: Vec<NodeAddress>,
}

/// What stands between a viewer and a stream.
pub(crate) struct Access {
    /// Who may watch.
    pub(crate) visibility: Visibility,
    /// What the viewer's passphrase is checked against, if one is asked for.
    pub(crate) passphrase_hash: Option<String>,
}

impl ControlPlane {
    /// Whether another stream may be created from `address`, before anything costly is done for it.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub(crate) fn has_room_for(&self, address: Option<IpAddr>) -> Result<(), Error> {
        self.change(|state| Ok(state.catalogue.has_room_for(address)?))
    }

    /// Creates a stream, places it, and waits until that is saved.
    ///
    /// # Errors
    /// [`Error::Catalogue`] at a limit, [`Error::NoNodeAvailable`], [`Error::NotSaved`]: then there is no stream.
    pub(crate) async fn create(&self, new: NewStream, now: Now) -> Result<Placed, Error> {
        let (placed, revision) = self.change(|state| {
            state.catalogue.has_room_for(new.address)?;
            let chosen = state.choose(&FewestStreams, None, &[], now)?;
            let record = Record {
                title: new.title,
                visibility: new.visibility,
                passphrase_hash: new.passphrase_hash,
                created_at_ms: now.unix_ms(),
                started_at_ms: None,
                ended_at_ms: None,
                placed_on: chosen.hostname,
            };
            let stream_id = state.catalogue.create(record, new.address, now);
            tracing::info!(stream.id = %stream_id, "stream {stream_id} is created");
            // `change` counts this change after the closure, so it is the next one.
            Ok::<_, Error>((Placed { stream_id, nodes: chosen.nodes }, state.revision + 1))
        })?;
        self.until_saved(revision).await.inspect_err(|_| self.end(placed.stream_id, now))?;
        Ok(placed)
    }

    /// The public streams.
    pub(crate) fn listed(&self) -> Vec<StreamInfo> {
        self.change(|state| state.catalogue.listed())
    }

    /// One stream, over or not.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown.
    pub(crate) fn info(&self, stream_id: StreamId) -> Result<StreamInfo, Error> {
        self.change(|state| Ok(state.catalogue.get(stream_id)?.info(stream_id)))
    }

    /// What a viewer of a stream that is not over has to show.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over.
    pub(crate) fn access(&self, stream_id: StreamId) -> Result<Access, Error> {
        self.change(|state| {
            let stream = state.catalogue.running(stream_id)?;
            let passphrase_hash = stream.passphrase_hash().map(str::to_owned);
            Ok(Access { visibility: stream.visibility(), passphrase_hash })
        })
    }

    /// Where to watch a stream.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::NoNodeAvailable`] if nobody carries it.
    pub(crate) fn watch(
        &self,
        stream_id: StreamId,
        avoid: &[String],
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        self.change(|state| {
            let stream = state.catalogue.running(stream_id)?;
            Ok(state.choose(&CarriersFirst, Some(stream), avoid, now)?.nodes)
        })
    }

    /// Where to go on publishing a stream; it is placed on the first choice.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::NoNodeAvailable`].
    pub(crate) fn publish(
        &self,
        stream_id: StreamId,
        avoid: &[String],
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        self.change(|state| {
            let stream = state.catalogue.running(stream_id)?;
            let chosen = state.choose(&FewestStreams, Some(stream), avoid, now)?;
            state.catalogue.place(stream_id, &chosen.hostname);
            Ok(chosen.nodes)
        })
    }

    /// Ends a stream for good; one that is over stays so.
    pub(crate) fn end(&self, stream_id: StreamId, now: Now) {
        self.change(|state| state.catalogue.end(stream_id, now));
    }

    /// The newest picture of a stream, if there is one.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown.
    pub(crate) fn thumbnail(&self, stream_id: StreamId) -> Result<Option<Thumbnail>, Error> {
        self.change(|state| Ok(state.catalogue.get(stream_id)?.thumbnail().cloned()))
    }

    /// Replaces it.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown or over, or at a limit.
    pub(crate) fn set_thumbnail(
        &self,
        stream_id: StreamId,
        kind: ImageKind,
        bytes: Bytes,
    ) -> Result<(), Error> {
        self.change(|state| Ok(state.catalogue.set_thumbnail(stream_id, kind, bytes)?))
    }
}

/// The nodes a policy chose.
struct Choice {
    /// Name of the first.
    hostname: String,
    /// All of them.
    nodes: Vec<NodeAddress>,
}

impl State {
    fn choose<P: Policy>(
        &self,
        policy: &P,
        stream: Option<&LiveStream>,
        avoid: &[String],
        now: Now,
    ) -> Result<Choice, Error> {
        let placed = self.catalogue.placed();
        let live = self.registry.live(now.instant);
        let candidates: Vec<Candidate<'_>> = live
            .map(|(id, node)| Candidate {
                hostname: &node.hostname,
                public_url: &node.public_url,
                streams: placed.get(node.hostname.as_str()).copied().unwrap_or(0),
                load: node.load,
                capacity: node.capacity,
                carriage: stream.map_or(Carriage::None, |stream| stream.carriage(id, &node.hostname)),
            })
            .collect();
        let chosen = choose(policy, &candidates, Request { avoid, at_most: MAX_CHOICES });
        let first = chosen.first().ok_or(Error::NoNodeAvailable)?;
        let address = |node: &Candidate<'_>| NodeAddress { public_url: node.public_url.to_owned() };
        Ok(Choice { hostname: first.hostname.to_owned(), nodes: chosen.iter().map(address).collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::{node::RegisterServer, stream::StreamState};

    use super::*;
    use crate::{Config, catalogue::Catalogue, registry::Registry};

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_cannot_be_saved_is_not_handed_out() {
        let config = Config::new("unused");
        let mut registry = Registry::new(config.registry(), 1);
        let request = RegisterServer {
            hostname: "a".into(),
            public_url: "/cdn/a".into(),
            generation: 1,
            capacity: None,
            region: None,
        };
        registry.register(request, Instant::now()).unwrap();
        let control = ControlPlane::new(registry, Catalogue::new(config.catalogue()));
        let new = NewStream {
            title: "first".into(),
            visibility: Visibility::Public,
            passphrase_hash: None,
            address: None,
        };
        assert_eq!(control.create(new, Now::read()).await.err(), Some(Error::NotSaved));
        let (stream_id, record) = control.take_unsaved().records.remove(0);
        assert!(record.is_some_and(|record| record.ended_at_ms.is_some()));
        assert_eq!(control.info(stream_id).unwrap().state, StreamState::Ended);
    }
}
