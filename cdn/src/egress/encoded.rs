//! Wire forms of what a stream holds, each made once for all viewers of a pump.
//!
//! Most viewers are at the live edge, so what came since the last round is read from the ring once, as [`News`], and
//! handed to each of them without another look at the ring.

use std::{collections::BTreeMap, sync::Arc};

use protocol::{
    StreamId,
    event::{ChunkName, Skipped},
};

use super::{Outlet, Shared};
use crate::{
    hub::{Cursor, LiveStream, Next, SharedStream},
    lock::lock,
};

/// Something for a viewer, in its transport's wire form.
#[derive(Clone)]
pub(super) struct Piece<P> {
    pub(super) packet: P,
    /// Bytes of media in it.
    pub(super) bytes: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Init,
    Chunk(ChunkName),
    Skip,
}

/// The chunks that came since the last round, oldest first.
pub(super) struct News<P> {
    /// Position of the first.
    first: u64,
    chunks: Vec<Piece<P>>,
    /// Position after the newest chunk, and its name.
    end: u64,
    newest: Option<ChunkName>,
    /// How much earlier the first came than the last.
    span_ms: u64,
}

/// The wire form of a take's init segment, with the origin time it tells.
struct EncodedInit<P> {
    take: u64,
    origin_ms: Option<i64>,
    packet: P,
}

pub(super) struct Encoded<O: Outlet> {
    id: StreamId,
    shared: Arc<Shared<O>>,
    /// Of chunks that somebody needed who was not at the live edge.
    chunks: BTreeMap<ChunkName, O::Packet>,
    init: Option<EncodedInit<O::Packet>>,
    /// Position after the newest chunk of the rounds before, and its name.
    end: u64,
    newest: Option<ChunkName>,
}

impl<P: Clone> News<P> {
    /// Whether a viewer at `cursor` has everything.
    pub(super) fn has_seen_all(&self, cursor: &Cursor) -> bool {
        cursor.position() == Some(self.end)
    }

    /// What a viewer gets whose cursor `ahead` is a copy of, if that is among the news.
    pub(super) fn next(&self, ahead: &mut Cursor) -> Option<&Piece<P>> {
        let piece = self.chunks.get(usize::try_from(ahead.position()?.checked_sub(self.first)?).ok()?)?;
        let Kind::Chunk(name) = piece.kind else { return None };
        ahead.pass(name).then_some(piece)
    }

    /// How far somebody is behind, at most, who gets the first of them.
    pub(super) fn span_ms(&self) -> u64 {
        self.span_ms
    }
}

impl<O: Outlet> Encoded<O> {
    pub(super) fn new(id: StreamId, shared: Arc<Shared<O>>) -> Self {
        Self { id, shared, chunks: BTreeMap::new(), init: None, end: 0, newest: None }
    }

    /// What came since the last call of [`Encoded::advance`], for `readers`; made only if there are any.
    pub(super) fn news(&self, stream: &LiveStream, readers: usize) -> News<O::Packet> {
        let (ring, end) = (stream.ring(), stream.ring().end());
        let first = if readers > 0 { self.end.max(ring.first()) } else { end };
        let outlet = &self.shared.outlet;
        let piece = |position| {
            let chunk = ring.chunk(position)?;
            let packet = outlet.chunk(self.id, chunk);
            Some(Piece { packet, bytes: chunk.data.len(), kind: Kind::Chunk(chunk.name) })
        };
        let chunks = (first..end).map_while(piece).collect();
        let came_ms = |position| ring.arrived_ms(position).unwrap_or_default();
        let span_ms = came_ms(end.saturating_sub(1)).saturating_sub(came_ms(first));
        News { first, chunks, end, newest: ring.newest_name(), span_ms }
    }

    /// Whether `name` came since the last call of [`Encoded::advance`].
    pub(super) fn is_new(&self, name: ChunkName) -> bool {
        Some(name) > self.newest
    }

    /// What is there up to `news` is not new any more, and what left the ring is forgotten.
    pub(super) fn advance(&mut self, news: &News<O::Packet>, stream: &SharedStream) {
        (self.end, self.newest) = (news.end, news.newest);
        if self.chunks.is_empty() {
            return;
        }
        let stream = lock(stream);
        let oldest = stream.ring().chunk(stream.ring().first()).map(|chunk| chunk.name);
        while let Some(unused) = self.chunks.first_entry().filter(|entry| Some(*entry.key()) < oldest) {
            unused.remove();
        }
    }

    /// The wire form of `next`.
    pub(super) fn piece(&mut self, next: &Next, stream: &SharedStream) -> Piece<O::Packet> {
        let (outlet, id) = (&self.shared.outlet, self.id);
        match next {
            Next::Init(init) => {
                let stream = lock(stream);
                let origin_ms = stream.origin_ms().filter(|_| stream.take() == init.take);
                let take = init.take;
                let known =
                    self.init.take().filter(|known| (known.take, known.origin_ms) == (take, origin_ms));
                let make = || EncodedInit { take, origin_ms, packet: outlet.init(id, init, origin_ms) };
                let EncodedInit { packet, .. } = self.init.insert(known.unwrap_or_else(make));
                Piece { packet: packet.clone(), bytes: init.data.len(), kind: Kind::Init }
            }
            Next::Chunk(chunk) => {
                let packet = self.chunks.entry(chunk.name).or_insert_with(|| outlet.chunk(id, chunk));
                Piece { packet: packet.clone(), bytes: chunk.data.len(), kind: Kind::Chunk(chunk.name) }
            }
            Next::Skipped { from, to, reason } => {
                let skipped = Skipped { stream_id: id, from: *from, to: *to, reason: *reason };
                Piece { packet: outlet.skipped(&skipped), bytes: 0, kind: Kind::Skip }
            }
        }
    }
}
