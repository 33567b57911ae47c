//! One stream and its states: created → live ↔ interrupted → ended.
//!
//! Its nodes' heartbeats drive it. While a node has it live, it is live; when none has, it is interrupted and ends a
//! grace period after the last heartbeat that carried it.

use std::{collections::BTreeMap, net::IpAddr, time::Instant};

use protocol::{
    NodeId, StreamId,
    node::CarriedStream,
    stream::{StreamInfo, StreamState, Visibility},
};

use super::{Record, Settings, Thumbnail};
use crate::{clock::Now, placement::Carriage};

/// Longest type a node may report; real ones have some fifty characters.
const MAX_MIME_BYTES: usize = 256;

/// A stream as the catalogue knows it.
#[derive(Debug)]
pub(crate) struct LiveStream {
    pub(super) record: Record,
    pub(super) state: StreamState,
    /// When a created or interrupted stream ends, and an ended one is forgotten.
    pub(super) deadline: Option<Instant>,
    carriers: BTreeMap<NodeId, Carrier>,
    mime: Option<String>,
    pub(super) thumbnail: Option<Thumbnail>,
    /// Who created it, while nothing has arrived.
    pub(super) pending_for: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carrier {
    state: StreamState,
    viewers: u32,
}

impl LiveStream {
    pub(super) fn new(record: Record, state: StreamState, deadline: Instant) -> Self {
        Self {
            record,
            state,
            deadline: Some(deadline),
            carriers: BTreeMap::new(),
            mime: None,
            thumbnail: None,
            pending_for: None,
        }
    }

    /// Who may watch it.
    pub(crate) fn visibility(&self) -> Visibility {
        self.record.visibility
    }

    /// What a viewer's passphrase is checked against, if one is asked for.
    pub(crate) fn passphrase_hash(&self) -> Option<&str> {
        self.record.passphrase_hash.as_deref()
    }

    /// The newest picture.
    pub(crate) fn thumbnail(&self) -> Option<&Thumbnail> {
        self.thumbnail.as_ref()
    }

    /// Whether everybody sees it in the list.
    pub(super) fn is_listed(&self) -> bool {
        self.visibility() == Visibility::Public
            && matches!(self.state, StreamState::Live | StreamState::Interrupted)
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == StreamState::Ended
    }

    /// Viewers on all nodes.
    pub(crate) fn viewers(&self) -> u32 {
        self.carriers.values().fold(0, |sum, carrier| sum.saturating_add(carrier.viewers))
    }

    /// What `node`, called `hostname`, has to do with it.
    pub(crate) fn carriage(&self, node: &NodeId, hostname: &str) -> Carriage {
        match self.carriers.get(node) {
            Some(carrier) if carrier.state == StreamState::Live => Carriage::Live,
            Some(_) => Carriage::Interrupted,
            None if self.carriers.is_empty() && self.record.placed_on == hostname => Carriage::Placed,
            None => Carriage::None,
        }
    }

    /// Takes over what a node reports. True if that is news to viewers.
    pub(super) fn carry(&mut self, node: &NodeId, hostname: &str, carried: &CarriedStream) -> Carried {
        let carrier = Carrier { state: carried.state, viewers: carried.viewers };
        let mut changed = self.carriers.insert(node.clone(), carrier) != Some(carrier);
        let mime = carried.mime.as_deref().filter(|mime| mime.len() <= MAX_MIME_BYTES);
        if mime.is_some() && carried.state == StreamState::Live && self.mime.as_deref() != mime {
            self.mime = mime.map(str::to_owned);
            changed = true;
        }
        let moved = carried.state == StreamState::Live
            && self.record.placed_on != hostname
            && self.is_live_nowhere_but_on(node);
        if moved {
            hostname.clone_into(&mut self.record.placed_on);
        }
        Carried { changed, moved }
    }

    /// Whether a node has it, live or waiting for its broadcaster.
    pub(super) fn is_carried(&self) -> bool {
        !self.carriers.is_empty()
    }

    pub(super) fn is_live_nowhere_but_on(&self, node: &NodeId) -> bool {
        let mut live = self.carriers.iter().filter(|(_, carrier)| carrier.state == StreamState::Live);
        live.all(|(id, _)| id == node)
    }

    /// Forgets that `node` carries it. True if it did.
    pub(super) fn drop_carrier(&mut self, node: &NodeId) -> bool {
        self.carriers.remove(node).is_some()
    }

    /// Brings the state in line with what the carriers say. True if it changed.
    pub(super) fn settle(&mut self, settings: &Settings, now: Now) -> bool {
        let before = self.state;
        let is_live = self.carriers.values().any(|carrier| carrier.state == StreamState::Live);
        let is_held = self.carriers.values().any(|carrier| carrier.state == StreamState::Interrupted);
        let grace_ends = now.instant + settings.grace;
        match self.state {
            StreamState::Ended => {}
            _ if is_live => {
                self.state = StreamState::Live;
                self.deadline = None;
            }
            StreamState::Live => {
                self.state = StreamState::Interrupted;
                self.deadline = Some(grace_ends);
            }
            _ if is_held => {
                self.state = StreamState::Interrupted;
                self.deadline = Some(grace_ends);
            }
            StreamState::Created | StreamState::Interrupted => {}
        }
        if self.state != StreamState::Created {
            self.pending_for = None;
            self.record.started_at_ms.get_or_insert(now.unix_ms());
        }
        self.state != before
    }

    /// Ends it for good.
    pub(super) fn end(&mut self, settings: &Settings, now: Now) {
        self.state = StreamState::Ended;
        self.record.ended_at_ms = Some(now.unix_ms());
        self.deadline = Some(now.instant + settings.remember_ended);
        self.carriers.clear();
        self.thumbnail = None;
        self.pending_for = None;
    }

    /// It as viewers see it.
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
        }
    }
}

/// What a node's report on one stream brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Viewers see a difference.
    pub(super) changed: bool,
    /// The stream belongs on that node now.
    pub(super) moved: bool,
}
