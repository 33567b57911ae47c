//! The streams: created, live, interrupted, and for a while the ended ones.
//!
//! Pure data: `now` is an argument. The store's part is the table of [`records`]; what nodes report comes in by [`report`].
//! What happened is left for the caller to fetch: [news](Catalogue::take_news) to tell listeners at once, and changes to tell them now and then.
//! Everything is bounded by [`Settings`].

mod carrier;
mod news;
pub(crate) mod picture_metadata;
pub(crate) mod picture_size;
pub(crate) mod record;
mod records;
mod report;
mod settings;
mod stream;
pub(crate) mod thumbnail;
mod waiting;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use per_address::{Share, Shares};
use protocol::{
    NodeId, StreamId,
    stream::{StreamInfo, StreamState, Visibility},
};
use store::Replica;

pub(crate) use carrier::Carrier;
pub(crate) use news::News;
pub(crate) use settings::Settings;
pub(crate) use stream::LiveStream;
pub(crate) use waiting::Ticket;

use self::{
    record::{Owner, Record},
    stream::Ended,
    thumbnail::{ImageKind, Thumbnail},
    waiting::Waiting,
};
use super::heartbeat::Received;
use crate::clock::Now;

/// Why the catalogue refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// Never existed, was forgotten, or is over.
    #[error("no stream {0}: it has ended or never existed")]
    UnknownStream(StreamId),
    /// [`Settings::max_streams`] is reached.
    #[error("the limit of {0} streams (max_cluster_streams) is reached: try again later")]
    TooManyStreams(usize),
    /// The address has its share of the streams, or [`Settings::max_of_address`].
    #[error("your address has reached its limit of streams: end one, or try again later")]
    TooManyOfAddress,
    /// [`Settings::max_waiting`] wait for their first media.
    #[error(
        "{0} streams wait for their first media, which is the limit (max_waiting_streams): try again in a moment"
    )]
    TooManyWaiting(usize),
    /// [`Settings::max_thumbnail_bytes`] is reached.
    #[error("the memory for preview pictures is full: try again later")]
    TooManyPictures,
}

/// Every stream that is not over, and those that ended lately.
#[derive(Debug)]
pub(crate) struct Catalogue {
    settings: Settings,
    records: Replica<Record>,
    streams: HashMap<StreamId, LiveStream>,
    /// How many of them are not over.
    running: usize,
    waiting: Waiting,
    shares: Arc<Shares>,
    /// Streams that are not over and were created here, each with its place in the share of its address.
    held: HashMap<StreamId, Share>,
    /// What each node carried in its last heartbeat, in order.
    carried_by: HashMap<NodeId, Vec<StreamId>>,
    ended: BTreeSet<Ended>,
    thumbnail_bytes: usize,
    /// The newest picture of each stream that is recorded, since they were last taken; those that came to this server.
    new_pictures: HashMap<StreamId, NewPicture>,
    news: Vec<News>,
    changed: BTreeSet<StreamId>,
    /// Streams that may belong elsewhere than at the last call of [`Catalogue::take_moved`], or be over.
    moved: Vec<StreamId>,
}

impl Catalogue {
    /// An empty catalogue.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            records: Replica::default(),
            streams: HashMap::new(),
            running: 0,
            waiting: Waiting::default(),
            shares: Shares::new(usize::MAX, settings.max_of_address),
            held: HashMap::new(),
            carried_by: HashMap::new(),
            ended: BTreeSet::new(),
            thumbnail_bytes: 0,
            new_pictures: HashMap::new(),
            news: Vec::new(),
            changed: BTreeSet::new(),
            moved: Vec::new(),
        }
    }

    /// Whether another stream may be created from `address`, perhaps in the place of one that waits, while the nodes have `room` for
    /// so many more.
    ///
    /// # Errors
    /// [`Error::TooManyStreams`], [`Error::TooManyOfAddress`], [`Error::TooManyWaiting`].
    pub(crate) fn has_room_for(&self, address: Option<IpAddr>, room: usize) -> Result<(), Error> {
        self.in_whose_place(address)?;
        let has_share = self.shares.has_room_of(address, self.room(room));
        has_share.then_some(()).ok_or(Error::TooManyOfAddress)
    }

    /// The places that shares of addresses are measured by, where the nodes have `room`. One that gives way counts as free.
    fn room(&self, room: usize) -> usize {
        room.min(self.settings.max_streams.saturating_sub(self.running)).max(1)
    }

    /// Which stream has to end so that one from `address` can be created.
    fn in_whose_place(&self, address: Option<IpAddr>) -> Result<Option<StreamId>, Error> {
        let Settings { max_streams, max_waiting, .. } = self.settings;
        let is_full = self.running + self.waiting.in_creation().count() >= max_streams;
        if !is_full && self.waiting.len() < max_waiting {
            return Ok(None);
        }
        let refused =
            if is_full { Error::TooManyStreams(max_streams) } else { Error::TooManyWaiting(max_waiting) };
        self.waiting.gives_way(address).map(Some).ok_or(refused)
    }

    /// Keeps room for a stream that is being created on `placed_on`, until it was or was not: see [`Self::created`] and
    /// [`Self::withdraw`].
    ///
    /// # Errors
    /// As [`Self::has_room_for`].
    pub(crate) fn reserve(
        &mut self,
        (address, room): (Option<IpAddr>, usize),
        placed_on: &str,
        now: Now,
    ) -> Result<Ticket, Error> {
        let gives_way = self.in_whose_place(address)?;
        let share = self.shares.take_of(address, self.room(room)).ok_or(Error::TooManyOfAddress)?;
        if let Some(stream_id) = gives_way {
            tracing::info!(stream.id = %stream_id, "stream {stream_id} is dropped: too many streams wait for their first media");
            self.end(stream_id, now);
            self.save(stream_id, Received::Directly, now);
        }
        Ok(self.waiting.reserve(address, placed_on, share))
    }

    /// The stream of `ticket` was created, for the address that asked.
    pub(crate) fn created(&mut self, ticket: Ticket, stream_id: StreamId) {
        let Ok(stream) = self.running(stream_id) else { return self.waiting.withdraw(ticket) };
        let waits = stream.state == StreamState::Created;
        let share = self.waiting.created(ticket, stream_id);
        self.held.extend(share.map(|share| (stream_id, share)));
        if !waits {
            self.waiting.remove(stream_id);
        }
    }

    /// It was not; after [`Self::created`] nothing is left to do.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.waiting.withdraw(ticket);
    }

    /// The stream, over or not.
    ///
    /// # Errors
    /// [`Error::UnknownStream`].
    pub(crate) fn get(&self, stream_id: StreamId) -> Result<&LiveStream, Error> {
        self.streams.get(&stream_id).ok_or(Error::UnknownStream(stream_id))
    }

    /// The stream, if it is not over.
    ///
    /// # Errors
    /// [`Error::UnknownStream`].
    pub(crate) fn running(&self, stream_id: StreamId) -> Result<&LiveStream, Error> {
        self.get(stream_id).ok().filter(|stream| !stream.is_over()).ok_or(Error::UnknownStream(stream_id))
    }

    /// The streams that `counts` says, and those that are being created, per hostname they are placed on.
    fn count_placed(&self, counts: impl Fn(&LiveStream) -> bool) -> HashMap<&str, u32> {
        let counted = self.streams.values().filter(|stream| counts(stream));
        let hostnames = counted.map(|stream| stream.record.placed_on.as_str());
        let mut numbers = HashMap::new();
        for hostname in hostnames.chain(self.waiting.in_creation()) {
            *numbers.entry(hostname).or_default() += 1;
        }
        numbers
    }

    /// How many streams are in each state, and how many viewers they have.
    pub(crate) fn count(&self) -> Counts {
        self.streams.values().fold(Counts::default(), |mut counts, stream| {
            match stream.state {
                StreamState::Created => counts.created += 1,
                StreamState::Live => counts.live += 1,
                StreamState::Interrupted => counts.interrupted += 1,
                StreamState::Ended => {}
            }
            counts.viewers += u64::from(stream.viewers());
            counts
        })
    }

    /// Places the stream on `hostname`.
    pub(crate) fn place(&mut self, stream_id: StreamId, hostname: &str, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        if stream.record.placed_on != hostname {
            stream.record.place(hostname, now.unix_ms());
            stream.is_unsaved = true;
            self.moved.push(stream_id);
            self.save(stream_id, Received::Directly, now);
        }
    }

    /// Ends a stream; one that is over stays as it is. The caller has it saved.
    fn end(&mut self, stream_id: StreamId, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id).filter(|stream| !stream.is_over()) else {
            return;
        };
        if stream.is_listed() {
            self.news.push(News::Ended(stream_id));
        }
        self.thumbnail_bytes -= stream.thumbnail.as_ref().map_or(0, |picture| picture.bytes.len());
        let (state, viewers) = (stream.state, stream.viewers());
        tracing::info!(stream.id = %stream_id, viewers, "stream {stream_id} ended, it was {state:?}");
        stream.end(now);
        self.running -= 1;
        self.held.remove(&stream_id);
        self.waiting.remove(stream_id);
        self.moved.push(stream_id);
        self.remember(stream_id);
    }

    /// Ends the streams that no node carried for too long.
    pub(crate) fn expire(&mut self, now: Now) {
        let is_due = |stream: &LiveStream| stream.deadline.is_some_and(|deadline| deadline <= now.instant);
        let due: Vec<StreamId> =
            self.streams.iter().filter(|(_, stream)| is_due(stream)).map(|(id, _)| *id).collect();
        for stream_id in due {
            self.end(stream_id, now);
            self.save(stream_id, Received::Directly, now);
        }
    }

    /// The streams that are not over and belong to an account.
    pub(crate) fn owned(&self) -> Vec<(StreamId, Owner)> {
        let running = self.streams.iter().filter(|(_, stream)| !stream.is_over());
        running.filter_map(|(id, stream)| Some((*id, stream.record.owner.clone()?))).collect()
    }

    /// Every stream that runs, listed or not, newest first.
    pub(crate) fn running_streams(&self) -> Vec<StreamInfo> {
        let running = self.streams.iter().filter(|(_, stream)| !stream.is_over());
        let mut list: Vec<_> = running.map(|(id, stream)| stream.full_info(*id)).collect();
        list.sort_unstable_by_key(|info| (std::cmp::Reverse(info.started_at_ms), info.stream_id));
        list
    }

    /// Whether any stream is not over.
    pub(crate) fn runs_any(&self) -> bool {
        self.running > 0
    }

    /// The newest time in any record, Unix epoch.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.streams.values().map(|stream| stream.record.newest_ms()).max().unwrap_or(0)
    }

    /// How long an interrupted stream waits for its broadcaster.
    pub(crate) fn grace(&self) -> Duration {
        self.settings.grace
    }

    /// Nothing was heard of any stream for `silence`. If that is longer than the grace period, streams that no node
    /// carries are not shown until one does, and end if none does within a grace period from now.
    pub(crate) fn doubt(&mut self, silence: Duration, now: Now) {
        if silence <= self.settings.grace {
            return;
        }
        let deadline = now.instant + self.settings.grace;
        for (stream_id, stream) in &mut self.streams {
            let was_listed = stream.is_listed();
            if stream.doubt(deadline) && was_listed {
                self.news.push(News::Ended(*stream_id));
            }
        }
    }

    /// Every deadline is met a full term from now at the earliest: what is known here is old.
    pub(crate) fn renew_deadlines(&mut self, now: Now) {
        for stream in self.streams.values_mut() {
            stream.renew_deadline(&self.settings, now);
        }
    }

    /// Replaces a stream's picture, and returns the message for the other servers. Only a public stream keeps one.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::TooManyPictures`].
    pub(crate) fn set_thumbnail(
        &mut self,
        stream_id: StreamId,
        kind: ImageKind,
        bytes: Bytes,
        now: Now,
    ) -> Result<Option<Thumbnail>, Error> {
        let stream = self.running(stream_id)?;
        if stream.record.records_into().is_some() {
            let picture = NewPicture { at_ms: now.unix_ms(), bytes: bytes.clone() };
            self.new_pictures.insert(stream_id, picture);
        }
        let stream = self.running(stream_id)?;
        if stream.visibility() != Visibility::Public {
            return Ok(None);
        }
        let old = stream.thumbnail().map_or(0, |old| old.version);
        let thumbnail = Thumbnail { version: now.unix_ms().max(old + 1), kind, bytes };
        self.take_thumbnail(stream_id, thumbnail.clone())?;
        Ok(Some(thumbnail))
    }

    /// The newest picture of each stream that is recorded and got one since the last call, whoever may see the stream; those
    /// that came to this server.
    pub(crate) fn take_new_pictures(&mut self) -> HashMap<StreamId, NewPicture> {
        std::mem::take(&mut self.new_pictures)
    }

    /// The streams that are or were recorded, over or not.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (StreamId, &LiveStream)> {
        self.streams
            .iter()
            .filter(|(_, stream)| stream.record.recording.is_some())
            .map(|(id, stream)| (*id, stream))
    }

    /// What a node carried in its last heartbeat, in order.
    pub(crate) fn carried_by(&self, node: &NodeId) -> &[StreamId] {
        self.carried_by.get(node).map_or(&[], Vec::as_slice)
    }

    /// Takes a picture over, unless the stream has a newer one.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::TooManyPictures`].
    pub(crate) fn take_thumbnail(&mut self, stream_id: StreamId, thumbnail: Thumbnail) -> Result<(), Error> {
        self.running(stream_id)?;
        let stream = self.streams.get_mut(&stream_id).ok_or(Error::UnknownStream(stream_id))?;
        let (version, old) = stream.thumbnail().map_or((0, 0), |old| (old.version, old.bytes.len()));
        if thumbnail.version <= version || stream.visibility() != Visibility::Public {
            return Ok(());
        }
        let total = self.thumbnail_bytes - old + thumbnail.bytes.len();
        if total > self.settings.max_thumbnail_bytes {
            return Err(Error::TooManyPictures);
        }
        self.thumbnail_bytes = total;
        stream.thumbnail = Some(thumbnail);
        if stream.is_listed() {
            self.changed.insert(stream_id);
        }
        Ok(())
    }

    /// Streams that may belong elsewhere since the last call, or be over, and the hostname each belongs on if it is not.
    pub(crate) fn take_moved(&mut self) -> Vec<(StreamId, Option<String>)> {
        let moved = std::mem::take(&mut self.moved);
        let place = |id| self.running(id).ok().map(|stream| stream.record.placed_on.clone());
        moved.into_iter().map(|id| (id, place(id))).collect()
    }

    /// The events for viewers, in order.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The listed streams that look different since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<StreamInfo> {
        let changed = std::mem::take(&mut self.changed);
        let listed = changed.into_iter().filter_map(|id| Some((id, self.streams.get(&id)?)));
        listed.filter(|(_, stream)| stream.is_listed()).map(|(id, stream)| stream.info(id)).collect()
    }
}

/// A picture of a stream that is recorded.
#[derive(Clone, Debug)]
pub(crate) struct NewPicture {
    /// When it came, Unix epoch.
    pub(crate) at_ms: u64,
    /// The file.
    pub(crate) bytes: Bytes,
}

/// Totals, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Nothing has arrived yet.
    pub(crate) created: u64,
    /// Media arrives.
    pub(crate) live: u64,
    /// The broadcaster or its node went missing.
    pub(crate) interrupted: u64,
    /// Viewers of all streams.
    pub(crate) viewers: u64,
}

#[cfg(test)]
mod tests;
