//! What broadcasters and viewers do: create, find, watch, publish, end.

pub(crate) mod catalogue;
pub(crate) mod feed;
mod journal;
mod record;
pub(crate) mod routes;
mod thumbnail;

use std::net::IpAddr;

use bytes::Bytes;
use placement::{Ask, Choice, Decision};
use protocol::{
    StreamId,
    stream::{AskForNodes, NodeAddress, StreamInfo, Visibility},
};
use serde::Deserialize;
use store::Expect;

use crate::{
    clock::Now,
    control::{ControlPlane, Error, State, durable::ATTEMPTS},
    streams::catalogue::{ImageKind, Record, Thumbnail, Ticket},
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

/// A stream that is not over, as a request for it finds it.
pub(crate) struct Found {
    /// As viewers see it.
    pub(crate) info: StreamInfo,
    /// Who may watch.
    pub(crate) visibility: Visibility,
    /// What the viewer's passphrase is checked against, if one is asked for.
    pub(crate) passphrase_hash: Option<String>,
    /// Whether it may have ended while no main server ran.
    is_in_doubt: bool,
}

impl ControlPlane {
    /// Whether another stream may be created from `address`, before anything costly is done for it.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub(crate) fn has_room_for(&self, address: Option<IpAddr>) -> Result<(), Error> {
        self.change(|state| Ok(state.catalogue.has_room_for(address)?))
    }

    /// Creates a stream and places it. When this returns, no failure makes it forgotten.
    ///
    /// # Errors
    /// [`Error::Catalogue`] at a limit, [`Error::NoNodeAvailable`], [`Error::Store`]: then nobody knows of a stream.
    pub(crate) async fn create(&self, new: NewStream, now: Now) -> Result<Placed, Error> {
        let (ticket, chosen) = self.change(|state| {
            let chosen = state.for_broadcaster(None, anywhere(&[]))?;
            let ticket = state.catalogue.reserve(new.address, &chosen.hostname, now)?;
            state.fleet.hold(&chosen.hostname);
            Ok::<_, Error>((ticket, chosen))
        })?;
        let reservation = Reservation { control: self, ticket, hostname: chosen.hostname.clone() };
        let record = Record {
            title: new.title,
            visibility: new.visibility,
            passphrase_hash: new.passphrase_hash,
            created_at_ms: now.unix_ms(),
            started_at_ms: None,
            ended_at_ms: None,
            placed_on: chosen.hostname,
            placed_at_ms: now.unix_ms(),
        };
        let stream_id = self.write_new(record, now).await?;
        self.change(|state| state.catalogue.created(reservation.ticket, stream_id));
        tracing::info!(stream.id = %stream_id, "stream {stream_id} is created");
        Ok(Placed { stream_id, nodes: chosen.nodes })
    }

    /// Writes a new stream under an id that nobody has: if another of that title was created in the same nanosecond, here
    /// or at another main server, under that of the next.
    async fn write_new(&self, record: Record, now: Now) -> Result<StreamId, Error> {
        for later_ns in 0..u128::from(ATTEMPTS) {
            let stream_id = StreamId::new(&record.title, now.unix.as_nanos() + later_ns);
            match self.keep(stream_id, record.clone(), Expect::Absent, now).await {
                Ok(()) => return Ok(stream_id),
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// One stream, over or not.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown.
    pub(crate) fn info(&self, stream_id: StreamId) -> Result<StreamInfo, Error> {
        self.describe(stream_id).map(|(info, _)| info)
    }

    /// The same, and whether viewers are asked for a passphrase.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown.
    pub(crate) fn describe(&self, stream_id: StreamId) -> Result<(StreamInfo, bool), Error> {
        self.change(|state| {
            let stream = state.catalogue.get(stream_id)?;
            Ok((stream.info(stream_id), stream.passphrase_hash().is_some()))
        })
    }

    /// A stream that is not over.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over.
    pub(crate) fn find(&self, stream_id: StreamId) -> Result<Found, Error> {
        self.change(|state| {
            let stream = state.catalogue.running(stream_id)?;
            Ok(Found {
                info: stream.info(stream_id),
                visibility: stream.visibility(),
                passphrase_hash: stream.passphrase_hash().map(str::to_owned),
                is_in_doubt: stream.is_in_doubt(),
            })
        })
    }

    /// Where to watch the stream that was found. A client that avoids a node was watching and moves; any other is new.
    ///
    /// # Errors
    /// [`Error::NoNodeAvailable`] if no node carries it, [`Error::NoCapacity`] if no node may take more, [`Error::CutOff`] for
    /// new viewers while it may be over without being known here.
    pub(crate) fn watch(
        &self,
        found: &Found,
        request: &AskForNodes,
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        if request.avoid.is_empty() {
            self.admits_newcomers(now)?;
        }
        if found.is_in_doubt {
            return Err(Error::NoNodeAvailable);
        }
        let stream_id = found.info.stream_id;
        let decision = self.change(|state| state.fleet.watch(stream_id, asked(request), now.instant))?;
        log(&decision, "viewer", Some(stream_id));
        Ok(Chosen::from(decision).nodes)
    }

    /// Where to go on publishing a stream; it is placed on the first choice.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::NoNodeAvailable`].
    pub(crate) fn publish(
        &self,
        stream_id: StreamId,
        request: &AskForNodes,
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        self.change(|state| {
            state.catalogue.running(stream_id)?;
            let chosen = state.for_broadcaster(Some(stream_id), asked(request))?;
            state.catalogue.place(stream_id, &chosen.hostname, now);
            Ok(chosen.nodes)
        })
    }

    /// The newest picture of a stream, if there is one.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown.
    pub(crate) fn thumbnail(&self, stream_id: StreamId) -> Result<Option<Thumbnail>, Error> {
        self.change(|state| Ok(state.catalogue.get(stream_id)?.thumbnail().cloned()))
    }

    /// Replaces it, here and at the other main servers.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown or over, or at a limit.
    pub(crate) fn set_thumbnail(
        &self,
        stream_id: StreamId,
        kind: ImageKind,
        bytes: Bytes,
        now: Now,
    ) -> Result<(), Error> {
        let kept = self.change(|state| state.catalogue.set_thumbnail(stream_id, kind, bytes, now))?;
        if let Some(thumbnail) = kept {
            self.outbox.thumbnail(stream_id, &thumbnail);
        }
        Ok(())
    }

    /// Takes over a picture that another main server got. That there is no room for it is no error.
    pub(crate) fn take_thumbnail(&self, stream_id: StreamId, thumbnail: Thumbnail) {
        drop(self.change(|state| state.catalogue.take_thumbnail(stream_id, thumbnail)));
    }
}

/// Room that is kept for a stream while it is being created, whatever becomes of the request.
struct Reservation<'a> {
    control: &'a ControlPlane,
    ticket: Ticket,
    hostname: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.control.change(|state| {
            state.catalogue.withdraw(self.ticket);
            state.fleet.release(&self.hostname);
        });
    }
}

/// The nodes that were chosen.
struct Chosen {
    /// Name of the first.
    hostname: String,
    /// All of them.
    nodes: Vec<NodeAddress>,
}

impl From<Decision> for Chosen {
    fn from(decision: Decision) -> Self {
        let hostname = decision.nodes.first().map(|choice| choice.hostname.clone()).unwrap_or_default();
        let address = |choice: Choice| NodeAddress { public_url: choice.public_url };
        Self { hostname, nodes: decision.nodes.into_iter().map(address).collect() }
    }
}

impl State {
    fn for_broadcaster(&self, stream_id: Option<StreamId>, ask: Ask<'_>) -> Result<Chosen, Error> {
        let decision = self.fleet.publish(stream_id, ask)?;
        log(&decision, "broadcaster", stream_id);
        Ok(decision.into())
    }
}

fn asked(request: &AskForNodes) -> Ask<'_> {
    Ask { avoid: &request.avoid, region: request.region.as_deref(), at_most: MAX_CHOICES }
}

fn anywhere(avoid: &[String]) -> Ask<'_> {
    Ask { avoid, region: None, at_most: MAX_CHOICES }
}

/// Says who was chosen and why, to whoever looks for that.
fn log(decision: &Decision, whom: &str, stream_id: Option<StreamId>) {
    let Some(first) = decision.nodes.first() else { return };
    let (node, role, reason) = (&first.hostname, first.role, first.reason);
    let stream_id = stream_id.map(tracing::field::display);
    tracing::debug!(stream.id = stream_id, node, ?role, %reason, "a {whom} goes to {node}: {reason}");
}

impl ControlPlane {
    /// Where a viewer or a broadcaster of a stream would be sent now, and why; nobody is sent anywhere.
    ///
    /// # Errors
    /// As [`Self::watch`] and [`Self::publish`].
    pub(crate) fn explain(
        &self,
        stream_id: Option<StreamId>,
        whom: Whom,
        region: Option<&str>,
    ) -> Result<Decision, Error> {
        let ask = Ask { region, ..anywhere(&[]) };
        self.change(|state| {
            if let Some(stream_id) = stream_id {
                state.catalogue.running(stream_id)?;
            }
            match (whom, stream_id) {
                (Whom::Viewer, Some(stream_id)) => Ok(state.fleet.explain_watch(stream_id, ask)?),
                (Whom::Viewer, None) => Err(Error::NoNodeAvailable),
                (Whom::Broadcaster, stream_id) => Ok(state.fleet.publish(stream_id, ask)?),
            }
        })
    }
}

/// For whom a node is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whom {
    /// Somebody who watches.
    Viewer,
    /// Somebody who publishes.
    Broadcaster,
}
