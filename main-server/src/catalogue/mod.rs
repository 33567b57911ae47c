//! The streams: created, live, interrupted, and for a while the ended ones.
//!
//! Pure data: `now` is an argument. What happened is left for the caller to fetch: [`News`] to tell viewers at once,
//! changes to tell them now and then, and records to write to the store. Everything is bounded by [`Settings`].

mod record;
mod stream;
mod thumbnail;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use protocol::{
    NodeId, StreamId,
    node::CarriedStream,
    stream::{StreamInfo, StreamState},
};

pub(crate) use record::Record;
pub(crate) use stream::LiveStream;
pub(crate) use thumbnail::{ImageKind, Thumbnail};

use crate::clock::Now;

/// How long things last here and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long an interrupted stream may come back.
    pub(crate) grace: Duration,
    /// How long nothing may arrive after a stream was created.
    pub(crate) first_media: Duration,
    /// How long an ended stream is known by its id.
    pub(crate) remember_ended: Duration,
    /// Most streams that are not over; as many ended ones are remembered.
    pub(crate) max_streams: usize,
    /// Most streams one address may have created that nothing has arrived for.
    pub(crate) max_pending_per_address: usize,
    /// Most bytes all pictures may have together.
    pub(crate) max_thumbnail_bytes: usize,
}

/// Why the catalogue refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    /// Never existed, was forgotten, or is over.
    #[error("no stream has the id {0}: it is over, or the link is incomplete")]
    UnknownStream(StreamId),
    /// [`Settings::max_streams`] is reached.
    #[error("this server already has {0} streams, as many as it accepts")]
    TooManyStreams(usize),
    /// [`Settings::max_pending_per_address`] is reached.
    #[error("{0} streams from your address wait for their first media: use one of them, or wait a minute")]
    TooManyPending(usize),
    /// [`Settings::max_thumbnail_bytes`] is reached.
    #[error("the server holds as many preview pictures as it may: try again later")]
    TooManyPictures,
}

/// Something viewers of the list are told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A public stream went live.
    Started(StreamInfo),
    /// It is over.
    Ended(StreamId),
}

/// Every stream that is not over, and those that ended lately.
#[derive(Debug)]
pub(crate) struct Catalogue {
    settings: Settings,
    streams: HashMap<StreamId, LiveStream>,
    /// What each node carried in its last heartbeat.
    carried_by: HashMap<NodeId, HashSet<StreamId>>,
    /// Oldest first.
    ended: VecDeque<StreamId>,
    thumbnail_bytes: usize,
    news: Vec<News>,
    changed: BTreeSet<StreamId>,
    unsaved: HashSet<StreamId>,
}

impl Catalogue {
    /// An empty catalogue.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            streams: HashMap::new(),
            carried_by: HashMap::new(),
            ended: VecDeque::new(),
            thumbnail_bytes: 0,
            news: Vec::new(),
            changed: BTreeSet::new(),
            unsaved: HashSet::new(),
        }
    }

    /// Takes a stream back from the store: one that ran is interrupted until a heartbeat reports it.
    pub(crate) fn restore(&mut self, stream_id: StreamId, record: Record, now: Now) {
        let (state, patience) = if record.ended_at_ms.is_some() {
            self.ended.push_back(stream_id);
            (StreamState::Ended, self.settings.remember_ended)
        } else if record.started_at_ms.is_some() {
            (StreamState::Interrupted, self.settings.grace)
        } else {
            (StreamState::Created, self.settings.first_media)
        };
        self.streams.insert(stream_id, LiveStream::new(record, state, now.instant + patience));
    }

    /// Whether another stream may be created from `address`.
    ///
    /// # Errors
    /// [`Error::TooManyStreams`], [`Error::TooManyPending`].
    pub(crate) fn has_room_for(&self, address: Option<IpAddr>) -> Result<(), Error> {
        if self.streams.len() - self.ended.len() >= self.settings.max_streams {
            return Err(Error::TooManyStreams(self.settings.max_streams));
        }
        let most = self.settings.max_pending_per_address;
        let from_there = |stream: &&LiveStream| address.is_some() && stream.pending_for == address;
        if self.streams.values().filter(from_there).count() >= most {
            return Err(Error::TooManyPending(most));
        }
        Ok(())
    }

    /// Adds a stream created now and gives it its id.
    pub(crate) fn create(&mut self, record: Record, address: Option<IpAddr>, now: Now) -> StreamId {
        let mut created_at_ns = now.unix.as_nanos();
        let mut stream_id = StreamId::new(&record.title, created_at_ns);
        while self.streams.contains_key(&stream_id) {
            created_at_ns += 1;
            stream_id = StreamId::new(&record.title, created_at_ns);
        }
        let mut stream =
            LiveStream::new(record, StreamState::Created, now.instant + self.settings.first_media);
        stream.pending_for = address;
        self.streams.insert(stream_id, stream);
        self.unsaved.insert(stream_id);
        stream_id
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

    /// Streams that are not over, per hostname they are placed on.
    pub(crate) fn placed(&self) -> HashMap<&str, u32> {
        let mut counts = HashMap::new();
        for stream in self.streams.values().filter(|stream| !stream.is_over()) {
            *counts.entry(stream.record.placed_on.as_str()).or_default() += 1;
        }
        counts
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

    /// The public streams, most viewers first, then newest.
    pub(crate) fn listed(&self) -> Vec<StreamInfo> {
        let listed = self.streams.iter().filter(|(_, stream)| stream.is_listed());
        let mut rows: Vec<StreamInfo> = listed.map(|(id, stream)| stream.info(*id)).collect();
        rows.sort_unstable_by_key(|row| (Reverse(row.viewers), Reverse(row.started_at_ms), row.stream_id));
        rows
    }

    /// Says that the stream belongs on `hostname` now.
    pub(crate) fn place(&mut self, stream_id: StreamId, hostname: &str) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        if stream.record.placed_on != hostname {
            hostname.clone_into(&mut stream.record.placed_on);
            self.unsaved.insert(stream_id);
        }
    }

    /// Takes over everything a node carries. Answers which streams it has to end, because they are over here or
    /// were never known.
    pub(crate) fn report(
        &mut self,
        node: &NodeId,
        hostname: &str,
        carried: &[CarriedStream],
        now: Now,
    ) -> Vec<StreamId> {
        let mut gone = self.carried_by.remove(node).unwrap_or_default();
        let mut carries = HashSet::new();
        let mut to_end = Vec::new();
        for row in carried {
            let stream = self.streams.get_mut(&row.stream_id).filter(|stream| !stream.is_over());
            match (stream, row.state) {
                (Some(stream), StreamState::Ended) => {
                    let was_here = gone.remove(&row.stream_id) || stream.record.placed_on == hostname;
                    stream.drop_carrier(node);
                    // A node that gave up waiting says nothing about others that still carry or await it.
                    if was_here && !stream.is_carried() {
                        self.end(row.stream_id, now);
                    } else {
                        self.settle(row.stream_id, true, now);
                    }
                }
                (Some(stream), _) => {
                    let seen = stream.carry(node, hostname, row);
                    if seen.moved {
                        self.unsaved.insert(row.stream_id);
                    }
                    gone.remove(&row.stream_id);
                    carries.insert(row.stream_id);
                    self.settle(row.stream_id, seen.changed, now);
                }
                (None, StreamState::Ended) => {}
                (None, _) => to_end.push(row.stream_id),
            }
        }
        self.carried_by.insert(node.clone(), carries);
        self.uncarry(node, gone, now);
        to_end
    }

    /// A node is gone, and what it carried with it.
    pub(crate) fn node_lost(&mut self, node: &NodeId, now: Now) {
        let carried = self.carried_by.remove(node).unwrap_or_default();
        self.uncarry(node, carried, now);
    }

    fn uncarry(&mut self, node: &NodeId, streams: HashSet<StreamId>, now: Now) {
        for stream_id in streams {
            let dropped = self.streams.get_mut(&stream_id).is_some_and(|stream| stream.drop_carrier(node));
            self.settle(stream_id, dropped, now);
        }
    }

    /// Brings a stream's state in line with its carriers and notes what that means to others.
    fn settle(&mut self, stream_id: StreamId, changed: bool, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let before = stream.state;
        let turned = stream.settle(&self.settings, now);
        if turned {
            let (state, node) = (stream.state, &stream.record.placed_on);
            tracing::info!(stream.id = %stream_id, ?state, "stream {stream_id} is {state:?}, its node {node}");
        }
        if turned && before == StreamState::Created {
            self.unsaved.insert(stream_id);
            if stream.is_listed() {
                self.news.push(News::Started(stream.info(stream_id)));
            }
        } else if (turned || changed) && stream.is_listed() {
            self.changed.insert(stream_id);
        }
    }

    /// Ends a stream for good; one that is over stays as it is.
    pub(crate) fn end(&mut self, stream_id: StreamId, now: Now) {
        let Some(stream) = self.streams.get_mut(&stream_id).filter(|stream| !stream.is_over()) else {
            return;
        };
        if stream.is_listed() {
            self.news.push(News::Ended(stream_id));
        }
        self.thumbnail_bytes -= stream.thumbnail.as_ref().map_or(0, |picture| picture.bytes.len());
        let (state, viewers) = (stream.state, stream.viewers());
        tracing::info!(stream.id = %stream_id, viewers, "stream {stream_id} is over, it was {state:?}");
        stream.end(&self.settings, now);
        self.unsaved.insert(stream_id);
        self.ended.push_back(stream_id);
        if self.ended.len() > self.settings.max_streams {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(stream_id) = self.ended.pop_front() {
            self.streams.remove(&stream_id);
            self.unsaved.insert(stream_id);
        }
    }

    /// Ends the streams that nobody carried for too long, and forgets those that ended long ago.
    pub(crate) fn expire(&mut self, now: Now) {
        let is_due = |stream: &LiveStream| stream.deadline.is_some_and(|deadline| deadline <= now.instant);
        let running = self.streams.iter().filter(|(_, stream)| !stream.is_over() && is_due(stream));
        let due: Vec<StreamId> = running.map(|(id, _)| *id).collect();
        for stream_id in due {
            self.end(stream_id, now);
        }
        while self.ended.front().and_then(|id| self.streams.get(id)).is_some_and(is_due) {
            self.forget_oldest();
        }
    }

    /// Replaces a stream's picture. A private stream keeps none.
    ///
    /// # Errors
    /// [`Error::UnknownStream`], [`Error::TooManyPictures`].
    pub(crate) fn set_thumbnail(
        &mut self,
        stream_id: StreamId,
        kind: ImageKind,
        bytes: Bytes,
    ) -> Result<(), Error> {
        self.running(stream_id)?;
        let stream = self.streams.get_mut(&stream_id).ok_or(Error::UnknownStream(stream_id))?;
        if stream.visibility() == protocol::stream::Visibility::Private {
            return Ok(());
        }
        let (version, old) = stream.thumbnail.as_ref().map_or((0, 0), |old| (old.version, old.bytes.len()));
        let total = self.thumbnail_bytes - old + bytes.len();
        if total > self.settings.max_thumbnail_bytes {
            return Err(Error::TooManyPictures);
        }
        self.thumbnail_bytes = total;
        stream.thumbnail = Some(Thumbnail { version: version.wrapping_add(1), kind, bytes });
        if stream.is_listed() {
            self.changed.insert(stream_id);
        }
        Ok(())
    }

    /// What viewers have to be told at once, in the order it happened.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The listed streams that look different since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<StreamInfo> {
        let changed = std::mem::take(&mut self.changed);
        let listed = changed.into_iter().filter_map(|id| Some((id, self.streams.get(&id)?)));
        listed.filter(|(_, stream)| stream.is_listed()).map(|(id, stream)| stream.info(id)).collect()
    }

    /// Whether anything waits for [`Self::take_unsaved`].
    pub(crate) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// What the store has to be told: a record to keep, or none to forget the stream.
    pub(crate) fn take_unsaved(&mut self) -> Vec<(StreamId, Option<Record>)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        let record = |id| (id, self.streams.get(&id).map(|stream| stream.record.clone()));
        unsaved.into_iter().map(record).collect()
    }

    /// The store failed: what was taken is to be saved again.
    pub(crate) fn put_back_unsaved(&mut self, streams: impl IntoIterator<Item = StreamId>) {
        self.unsaved.extend(streams);
    }
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
