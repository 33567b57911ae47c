//! Live streams: created, watched, published, ended.
//!
//! [`Streams`] is what requests come to. The catalogue of [`crate::state`] has all streams and their states. Of nodes a stream
//! needs a choice, which the fleet of the crate `placement` gives.

mod error;
mod feature;
mod forwarded;
mod last_seen;
mod routes;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use placement::{Choice, Decision, Fleet, Refusal, Request};
use protocol::{
    ItemId, StreamId,
    grant::{Claims, RecordedInto},
    stream::{AskForNodes, NodeAddress, StreamInfo, Visibility},
};
use serde::Deserialize;
use store::Kv;

pub(crate) use self::{error::Error, feature::feature, routes::to_watch};
use crate::{
    clock::Now,
    cluster::{gossip::Outbox, partition::Partition},
    feature::Context,
    state::{
        ClusterState,
        catalogue::{
            Ticket,
            record::{Owner, Record, Recording},
            thumbnail::{ImageKind, Thumbnail},
        },
    },
};

/// Most records of one title and one nanosecond that are tried.
const ATTEMPTS: u8 = 16;
/// Most nodes an assignment names: a first choice and standbys.
const MAX_CHOICES: usize = 4;

/// A stream to be created; checked already.
pub(crate) struct NewStream {
    /// As shown.
    pub(crate) title: String,
    /// Its visibility.
    pub(crate) visibility: Visibility,
    /// In PHC string form.
    pub(crate) passphrase_hash: Option<String>,
    /// Whether viewers need an invitation, or the passphrase if there is one.
    pub(crate) invitation_only: bool,
    /// Whether it is recorded.
    pub(crate) record: bool,
    /// Whose it is, if the client signed in or has a stream key.
    pub(crate) owner: Option<Owner>,
    /// The client's.
    pub(crate) address: Option<IpAddr>,
}

/// A created stream and where to publish it.
pub(crate) struct Placed {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// First choice and standbys.
    pub(crate) nodes: Vec<NodeAddress>,
    /// The item that it is recorded into, if it is.
    pub(crate) recording: Option<RecordedInto>,
}

/// A stream that is not over, as a request for it finds it.
pub(crate) struct Found {
    /// As viewers see it.
    pub(crate) info: StreamInfo,
    /// Its visibility.
    pub(crate) visibility: Visibility,
    /// What viewers are asked for, if they are.
    pub(crate) asks: Option<Asks>,
    /// Whether viewers have grants for which they were asked for nothing.
    pub(crate) was_open: bool,
    /// When it started, Unix epoch, if it has.
    started_at_ms: Option<u64>,
    /// What it is recorded into, if it is.
    recording: Option<RecordedInto>,
}

impl Found {
    /// `claims` of a publish grant, with what nodes need of the stream that its broadcaster may bring them.
    pub(crate) fn to_publish(&self, claims: Claims, now: Now) -> Claims {
        // A take that no node has had: takes begin less than once a second.
        let unused_take = self.started_at_ms.map(|at_ms| now.unix_ms().saturating_sub(at_ms) / 1000 + 1);
        Claims { visibility: self.visibility, unused_take, recording: self.recording, ..claims }
    }
}

/// What viewers of a private stream are asked for: an invitation, or the passphrase if there is one.
pub(crate) struct Asks {
    /// What the passphrase is checked against, if there is one.
    pub(crate) passphrase_hash: Option<String>,
}

/// See the [module](self).
pub(crate) struct Streams {
    state: Arc<ClusterState>,
    partition: Arc<Partition>,
    outbox: Arc<Outbox>,
    kv: Arc<dyn Kv>,
}

impl Streams {
    /// The streams of `state`.
    pub(crate) fn new(context: &Context, state: &Arc<ClusterState>) -> Self {
        Self {
            state: Arc::clone(state),
            partition: Arc::clone(&context.partition),
            outbox: Arc::clone(&context.outbox),
            kv: Arc::clone(&context.store.kv),
        }
    }

    /// Whether another stream may be created from `address`, before anything costly is done for it.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub(crate) fn has_room_for(&self, address: Option<IpAddr>) -> Result<(), Error> {
        self.state.read_streams(|catalogue, fleet| Ok(catalogue.has_room_for(address, room(fleet))?))
    }

    /// Creates a stream and places it. When this returns, no failure makes it forgotten.
    ///
    /// # Errors
    /// [`Error::Catalogue`] at a limit, [`Error::Refused`], [`Error::Store`]: then there is no stream.
    pub(crate) async fn create(&self, new: NewStream, now: Now) -> Result<Placed, Error> {
        let (ticket, chosen) = self.state.streams(|catalogue, fleet| {
            let chosen = for_broadcaster(fleet, None, anywhere())?;
            let ticket = catalogue.reserve((new.address, room(fleet)), &chosen.hostname, now)?;
            fleet.hold(&chosen.hostname);
            Ok::<_, Error>((ticket, chosen))
        })?;
        let reservation = Reservation { state: &self.state, ticket, hostname: chosen.hostname.clone() };
        let record = Record {
            was_open: new.visibility != Visibility::Private,
            title: new.title,
            visibility: new.visibility,
            passphrase_hash: new.passphrase_hash,
            invitation_only: new.invitation_only,
            edited_at_ms: 0,
            owner: new.owner,
            created_at_ms: now.unix_ms(),
            started_at_ms: None,
            ended_at_ms: None,
            placed_on: chosen.hostname,
            placed_at_ms: now.unix_ms(),
            recording: new.record.then(new_item).transpose()?.map(Recording::from_start),
        };
        let recording = record.recorded_into();
        let stream_id = self.write_new(record, now).await?;
        self.state.streams(|catalogue, _| catalogue.created(reservation.ticket, stream_id));
        tracing::info!(stream.id = %stream_id, "stream {stream_id} was created");
        Ok(Placed { stream_id, nodes: chosen.nodes, recording })
    }

    /// Writes a new stream under an id that is free: if another of that title was created in the same nanosecond, here or at
    /// another main server, under that of the next.
    async fn write_new(&self, record: Record, now: Now) -> Result<StreamId, Error> {
        for later_ns in 0..ATTEMPTS {
            let stream_id = StreamId::new(&record.title, now.unix.as_nanos() + u128::from(later_ns));
            match self.state.stream_records.create(&stream_id, record.clone()).await {
                Ok(()) => return Ok(stream_id),
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// Ends a stream for good; one that is over stays so. When this returns, no failure brings it back.
    ///
    /// # Errors
    /// [`Error::Store`]: the stream continues.
    pub(crate) async fn end(&self, stream_id: StreamId, now: Now) -> Result<(), Error> {
        self.state.stream_records.change(&stream_id, |record| record.ended(now.unix_ms())).await?;
        Ok(())
    }

    /// Changes title or visibility of a stream. When this returns, no failure undoes it.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::Store`].
    pub(crate) async fn edit(
        &self,
        stream_id: StreamId,
        title: Option<&str>,
        visibility: Option<Visibility>,
        now: Now,
    ) -> Result<StreamInfo, Error> {
        let edited =
            |record: &Record| (!record.is_over()).then(|| record.edited(title, visibility, now.unix_ms()));
        self.state.stream_records.change(&stream_id, edited).await?;
        Ok(self.find(stream_id, now)?.info)
    }

    /// Has a stream recorded from now on, or not any more. When this returns, no failure undoes it; nodes learn of it with their next
    /// heartbeat.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::Store`].
    pub(crate) async fn switch_recording(
        &self,
        stream_id: StreamId,
        is_on: bool,
        now: Now,
    ) -> Result<StreamInfo, Error> {
        let new_item = new_item()?;
        let switched = |record: &Record| (!record.is_over()).then(|| record.switched(is_on, new_item))?;
        self.state.stream_records.change(&stream_id, switched).await?;
        Ok(self.find(stream_id, now)?.info)
    }

    /// The account that a stream was created for, if it was.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown.
    pub(crate) fn owner(&self, stream_id: StreamId) -> Result<Option<Owner>, Error> {
        self.state.read_streams(|catalogue, _| Ok(catalogue.get(stream_id)?.record().owner.clone()))
    }

    /// Whether a stream has been public or unlisted at any time.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown.
    pub(crate) fn was_open(&self, stream_id: StreamId) -> Result<bool, Error> {
        self.state.read_streams(|catalogue, _| Ok(catalogue.get(stream_id)?.record().was_open))
    }

    /// Every stream that is not over, listed or not, newest first.
    pub(crate) fn running(&self) -> Vec<StreamInfo> {
        self.state.read_streams(|catalogue, _| catalogue.running_streams())
    }

    /// One stream, over or not, and whether viewers are asked for a passphrase or an invitation.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown.
    pub(crate) fn describe(&self, stream_id: StreamId, now: Now) -> Result<(StreamInfo, bool), Error> {
        self.state.read_streams(|catalogue, _| {
            let stream = catalogue.get(stream_id)?;
            Ok((stream.info_at(stream_id, now), stream.record().asks_viewers()))
        })
    }

    /// Asks the store for a stream that is not known here: another main server may have created it just now.
    ///
    /// # Errors
    /// [`Error::Store`]: the stream may be there or not. That there is none is no error.
    pub(crate) async fn look_up(&self, stream_id: StreamId) -> Result<(), Error> {
        let is_known = self.state.read_streams(|catalogue, _| catalogue.get(stream_id).is_ok());
        if !is_known {
            self.state.stream_records.look_up(&stream_id).await?;
        }
        Ok(())
    }

    /// A stream that is not over.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over.
    pub(crate) fn find(&self, stream_id: StreamId, now: Now) -> Result<Found, Error> {
        self.state.read_streams(|catalogue, _| {
            let stream = catalogue.running(stream_id)?;
            Ok(Found {
                info: stream.info_at(stream_id, now),
                visibility: stream.visibility(),
                was_open: stream.record().was_open,
                started_at_ms: stream.record().started_at_ms,
                recording: stream.record().recorded_into(),
                asks: stream
                    .record()
                    .asks_viewers()
                    .then(|| Asks { passphrase_hash: stream.record().passphrase_hash.clone() }),
            })
        })
    }

    /// Where to watch a stream. A client that avoids a node was watching and moves; any other is new.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, perhaps since it was [found](Self::find): checking a passphrase takes time.
    /// [`Error::Refused`] if no node carries it or none may take more, [`Error::CutOff`] for new viewers while it may be over
    /// without being known here.
    pub(crate) fn watch(
        &self,
        stream_id: StreamId,
        request: &AskForNodes,
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        if request.avoid.is_empty() {
            self.partition.admits_newcomers(now)?;
        }
        let decision = self.state.streams(|catalogue, fleet| {
            if catalogue.running(stream_id)?.is_in_doubt() {
                return Err(Refusal::NoNode.into());
            }
            Ok::<_, Error>(fleet.watch(stream_id, asked(request), now.instant)?)
        })?;
        log(&decision, "viewer", Some(stream_id));
        Ok(Chosen::from(decision).nodes)
    }

    /// Whether this server knows everything that other main servers wrote.
    ///
    /// # Errors
    /// [`Error::CutOff`].
    pub(crate) fn knows_all(&self) -> Result<(), Error> {
        Ok(self.partition.knows_all()?)
    }

    /// The nodes to continue publishing a stream; it is placed on the first.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if it is unknown or over, [`Error::Refused`].
    pub(crate) fn publish(
        &self,
        stream_id: StreamId,
        request: &AskForNodes,
        now: Now,
    ) -> Result<Vec<NodeAddress>, Error> {
        self.state.streams(|catalogue, fleet| {
            catalogue.running(stream_id)?;
            let chosen = for_broadcaster(fleet, Some(stream_id), asked(request))?;
            catalogue.place(stream_id, &chosen.hostname, now);
            Ok(chosen.nodes)
        })
    }

    /// The newest picture of a stream, if there is one.
    ///
    /// # Errors
    /// [`Error::Catalogue`] if the stream is unknown.
    pub(crate) fn thumbnail(&self, stream_id: StreamId) -> Result<Option<Thumbnail>, Error> {
        self.state.read_streams(|catalogue, _| Ok(catalogue.get(stream_id)?.thumbnail().cloned()))
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
        let kept = self.state.streams(|catalogue, _| catalogue.set_thumbnail(stream_id, kind, bytes, now))?;
        if let Some(thumbnail) = kept {
            forwarded::send(&self.outbox, stream_id, &thumbnail);
        }
        Ok(())
    }

    /// Takes over a picture that another main server got. That there is no room for it is no error.
    pub(crate) fn take_thumbnail(&self, stream_id: StreamId, thumbnail: Thumbnail) {
        drop(self.state.streams(|catalogue, _| catalogue.take_thumbnail(stream_id, thumbnail)));
    }

    /// Where a viewer or a broadcaster of a stream would be sent now, and why; nothing is counted or placed.
    ///
    /// # Errors
    /// As [`Self::watch`] and [`Self::publish`].
    pub(crate) fn explain(
        &self,
        stream_id: Option<StreamId>,
        client: ClientKind,
        region: Option<&str>,
    ) -> Result<Decision, Error> {
        let ask = Request { region, ..anywhere() };
        self.state.read_streams(|catalogue, fleet| {
            if let Some(stream_id) = stream_id {
                catalogue.running(stream_id)?;
            }
            match (client, stream_id) {
                (ClientKind::Viewer, Some(stream_id)) => Ok(fleet.explain_watch(stream_id, ask)?),
                (ClientKind::Viewer, None) => Err(Refusal::NoNode.into()),
                (ClientKind::Broadcaster, stream_id) => Ok(fleet.publish(stream_id, ask)?),
            }
        })
    }
}

/// Room that is kept for a stream while it is being created, whatever becomes of the request.
struct Reservation<'a> {
    state: &'a ClusterState,
    ticket: Ticket,
    hostname: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.state.streams(|catalogue, fleet| {
            catalogue.withdraw(self.ticket);
            fleet.release(&self.hostname);
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

fn for_broadcaster(fleet: &Fleet, stream_id: Option<StreamId>, ask: Request<'_>) -> Result<Chosen, Refusal> {
    let decision = fleet.publish(stream_id, ask)?;
    log(&decision, "broadcaster", stream_id);
    Ok(decision.into())
}

/// How many more streams the nodes have places for, for shares of addresses. Full nodes are no matter of shares: the choice of a
/// node fails for that reason.
fn room(fleet: &Fleet) -> usize {
    match fleet.stream_room() {
        0 => usize::MAX,
        room => room,
    }
}

/// A new item's id.
fn new_item() -> Result<ItemId, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(ItemId::from_bytes(bytes))
}

fn asked(request: &AskForNodes) -> Request<'_> {
    Request { avoid: &request.avoid, region: request.region.as_deref(), at_most: MAX_CHOICES }
}

fn anywhere() -> Request<'static> {
    Request { avoid: &[], region: None, at_most: MAX_CHOICES }
}

/// Logs which node was chosen and why.
fn log(decision: &Decision, client: &str, stream_id: Option<StreamId>) {
    let Some(first) = decision.nodes.first() else { return };
    let (node, role, reason) = (&first.hostname, first.role, first.reason);
    let stream_id = stream_id.map(tracing::field::display);
    tracing::debug!(stream.id = stream_id, node, ?role, %reason, "a {client} goes to {node}: {reason}");
}

/// The kind of client that a node is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientKind {
    /// It watches.
    Viewer,
    /// It publishes.
    Broadcaster,
}

/// Reads a payload as a preview picture of another main server.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_picture(payload: Bytes) {
    let _ = forwarded::read(payload);
}
