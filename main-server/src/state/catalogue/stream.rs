//! One stream and its states: created → live ↔ interrupted → ended.
//!
//! Its nodes' heartbeats drive it. What its origins say counts: while one has it live, it is live; when none has, it is
//! interrupted and ends a grace period after the last heartbeat that carried it. Only while no origin carries it, as when
//! one has just died, do the edges that still have it speak for it.

use std::{collections::BTreeMap, time::Instant};

use protocol::{
    NodeId, StreamId,
    node::CarriedStream,
    stream::{StreamInfo, StreamState, Visibility},
};

use super::{carrier::Carrier, record::Record, settings::Settings, thumbnail::Thumbnail};
use crate::clock::Now;

/// Longest type a node may report; real ones have some fifty characters.
const MAX_MIME_BYTES: usize = 256;

/// An ended stream in the order in which they are forgotten: those that never went live first, then the oldest.
pub(super) type Ended = (bool, u64, StreamId);

/// A stream as the catalogue knows it.
#[derive(Debug)]
pub(crate) struct LiveStream {
    pub(super) record: Record,
    /// Whether the record says more than the one in the table.
    pub(super) is_unsaved: bool,
    pub(super) state: StreamState,
    /// When a created or interrupted stream ends.
    pub(super) deadline: Option<Instant>,
    /// When an interrupted stream ends unless its broadcaster returns; heartbeats of a node that waits for it do not move this.
    interrupted_until: Option<Instant>,
    carriers: BTreeMap<NodeId, Carrier>,
    mime: Option<String>,
    pub(super) thumbnail: Option<Thumbnail>,
    /// Whether it may have ended while no main server ran: see [`super::Catalogue::doubt`].
    in_doubt: bool,
}

impl LiveStream {
    /// A stream as the store has it: one that ran is interrupted until a heartbeat reports it.
    pub(super) fn new(record: Record, settings: &Settings, now: Now) -> Self {
        let state = match &record {
            record if record.is_over() => StreamState::Ended,
            record if record.started_at_ms.is_some() => StreamState::Interrupted,
            _ => StreamState::Created,
        };
        let mut stream = Self {
            record,
            is_unsaved: false,
            state,
            deadline: None,
            interrupted_until: None,
            carriers: BTreeMap::new(),
            mime: None,
            thumbnail: None,
            in_doubt: false,
        };
        stream.renew_deadline(settings, now);
        stream.note_interruption();
        stream
    }

    /// Its deadline is a full term from now.
    pub(super) fn renew_deadline(&mut self, settings: &Settings, now: Now) {
        self.deadline = match self.state {
            StreamState::Created => Some(now.instant + settings.first_media),
            StreamState::Interrupted => Some(now.instant + settings.grace),
            StreamState::Live | StreamState::Ended => None,
        };
    }

    /// It may have ended, unless a node carries it or it is over: it ends at `deadline` if none does by then. True if that is
    /// news.
    pub(super) fn doubt(&mut self, deadline: Instant) -> bool {
        if self.is_over() || !self.carriers.is_empty() || self.in_doubt {
            return false;
        }
        self.in_doubt = true;
        self.deadline = Some(deadline);
        true
    }

    /// Whether it may have ended while no main server ran, and no node has reported it since.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Its visibility.
    pub(crate) fn visibility(&self) -> Visibility {
        self.record.visibility
    }

    /// What the store keeps of it.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The nodes that carry it.
    pub(crate) fn carriers(&self) -> impl Iterator<Item = (&NodeId, &Carrier)> {
        self.carriers.iter()
    }

    /// The newest picture.
    pub(crate) fn thumbnail(&self) -> Option<&Thumbnail> {
        self.thumbnail.as_ref()
    }

    /// Whether the public list has it.
    pub(super) fn is_listed(&self) -> bool {
        self.visibility() == Visibility::Public
            && !self.in_doubt
            && matches!(self.state, StreamState::Live | StreamState::Interrupted)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state == StreamState::Ended
    }

    /// Viewers on all nodes.
    pub(crate) fn viewers(&self) -> u32 {
        self.carriers.values().fold(0, |sum, carrier| sum.saturating_add(carrier.viewers))
    }

    /// Takes over what a node reports. True if that is news to viewers.
    pub(super) fn carry(&mut self, node: &NodeId, hostname: &str, row: &CarriedStream, now: Now) -> bool {
        let mut changed = match self.carriers.get_mut(node) {
            Some(carrier) => carrier.take_over(row),
            None => self.carriers.insert(node.clone(), row.into()).is_none(),
        };
        let is_type = |mime: &&str| {
            mime.len() <= MAX_MIME_BYTES && mime.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        let mime = row.mime.as_deref().filter(is_type);
        if mime.is_some() && row.state == StreamState::Live && self.mime.as_deref() != mime {
            self.mime = mime.map(str::to_owned);
            changed = true;
        }
        let takes_it_in = row.state == StreamState::Live && row.path.is_empty();
        if takes_it_in && self.record.placed_on != hostname && self.has_no_live_origin_but(node) {
            self.record.place(hostname, now.unix_ms());
            self.is_unsaved = true;
        }
        changed
    }

    fn has_no_live_origin_but(&self, node: &NodeId) -> bool {
        let mut origins =
            self.carriers.iter().filter(|(_, carrier)| carrier.is_origin() && carrier.is_live());
        origins.all(|(id, _)| id == node)
    }

    /// Whether a node takes it in, or waits for its broadcaster.
    pub(super) fn has_origin(&self) -> bool {
        self.carriers.values().any(Carrier::is_origin)
    }

    /// Forgets that `node` carries it, and gives back how it did.
    pub(super) fn drop_carrier(&mut self, node: &NodeId) -> Option<Carrier> {
        self.carriers.remove(node)
    }

    /// Brings the state in line with what the carriers say. True if it changed.
    pub(super) fn settle(&mut self, settings: &Settings, now: Now) -> bool {
        let before = self.state;
        self.in_doubt &= self.carriers.is_empty();
        let from_origin = self.has_origin();
        let speaks = |carrier: &&Carrier| carrier.is_origin() || !from_origin;
        let is_live = self.carriers.values().filter(speaks).any(Carrier::is_live);
        let is_held =
            self.carriers.values().filter(speaks).any(|carrier| carrier.state == StreamState::Interrupted);
        match self.state {
            StreamState::Ended => {}
            _ if is_live => {
                self.state = StreamState::Live;
                self.deadline = None;
            }
            StreamState::Live => {
                self.state = StreamState::Interrupted;
                self.renew_deadline(settings, now);
            }
            _ if is_held => {
                self.state = StreamState::Interrupted;
                self.renew_deadline(settings, now);
            }
            StreamState::Created | StreamState::Interrupted => {}
        }
        if self.state != StreamState::Created && self.record.started_at_ms.is_none() {
            self.record.started_at_ms = Some(now.unix_ms());
            self.is_unsaved = true;
        }
        let turned = self.state != before;
        if turned {
            self.note_interruption();
        }
        turned
    }

    /// Remembers until when its broadcaster may return, as of the moment at which its state changed.
    fn note_interruption(&mut self) {
        self.interrupted_until = self.deadline.filter(|_| self.state == StreamState::Interrupted);
    }

    /// Ends it for good.
    pub(super) fn end(&mut self, now: Now) {
        self.state = StreamState::Ended;
        if !self.record.is_over() {
            self.record.ended_at_ms = Some(now.unix_ms());
            self.is_unsaved = true;
        }
        self.deadline = None;
        self.interrupted_until = None;
        self.carriers.clear();
        self.thumbnail = None;
    }

    /// Its place among the streams that are over.
    pub(super) fn ended(&self, stream_id: StreamId) -> Ended {
        (self.record.started_at_ms.is_some(), self.record.ended_at_ms.unwrap_or_default(), stream_id)
    }

    /// It as viewers see it at `now`, with the time left to an interrupted one.
    pub(crate) fn info_at(&self, stream_id: StreamId, now: Now) -> StreamInfo {
        let left = self.interrupted_until.map(|until| until.saturating_duration_since(now.instant));
        let ends_in_ms = left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        StreamInfo { ends_in_ms, ..self.full_info(stream_id) }
    }

    /// It as those who know it may see it, listed or not.
    pub(super) fn full_info(&self, stream_id: StreamId) -> StreamInfo {
        let visibility = Some(self.visibility()).filter(|visibility| *visibility != Visibility::Public);
        StreamInfo { visibility, invitation_only: self.record.invitation_only, ..self.info(stream_id) }
    }

    /// It as the list shows it.
    pub(crate) fn info(&self, stream_id: StreamId) -> StreamInfo {
        let picture =
            |thumbnail: &Thumbnail| format!("/api/streams/{stream_id}/thumbnail?v={}", thumbnail.version);
        StreamInfo {
            stream_id,
            title: self.record.title.clone(),
            started_at_ms: self.record.started_at_ms.unwrap_or(self.record.created_at_ms),
            viewers: self.viewers(),
            state: self.state,
            mime: self.mime.clone(),
            thumbnail_url: self.thumbnail.as_ref().map(picture),
            ends_in_ms: None,
            visibility: None,
            invitation_only: false,
            recording: self.record.records_into().filter(|_| !self.is_over()),
        }
    }
}
