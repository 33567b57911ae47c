//! Wire forms of what a stream holds, each made once for all viewers of a pump that want the same formats.
//!
//! Most viewers are at the live edge, so the runs since the last round are read from the ring once, as [`News`], and
//! handed to each of them without another look at the ring. Only for viewers that are there: what no viewer of a pump reads is
//! not made.

use std::collections::BTreeMap;

use protocol::{
    Format, Formats, StreamId,
    event::{ChunkHead, FrameName, Skipped},
};

use super::encoder::Encoder;
use crate::{
    hub::{Budget, Cursor, LiveStream, Next, SharedStream},
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
    Chunk(ChunkHead),
    Skip,
}

/// A take cannot be written in any of the formats that a viewer asked for.
pub(super) struct Unsupported;

/// The chunks since the last round, for each list of formats in use.
pub(super) struct Round<P> {
    /// Position after the newest run, and its name.
    end: u64,
    newest: Option<FrameName>,
    news: Vec<(Option<Formats>, News<P>)>,
}

/// The chunks since the last round, oldest first, up to the first that cannot be made.
pub(super) struct News<P> {
    /// Position of the first.
    first: u64,
    chunks: Vec<Piece<P>>,
    /// Time from the first to the last of them.
    span_ms: u64,
}

/// The wire form of a take's init segment, with the origin time in it.
struct EncodedInit<P> {
    take: u64,
    format: Format,
    epoch_ms: Option<i64>,
    packet: P,
    bytes: usize,
}

pub(super) struct Encoded<P> {
    id: StreamId,
    budget: Option<Budget>,
    /// Of chunks for viewers that were not at the live edge.
    chunks: BTreeMap<(FrameName, Format), P>,
    inits: Vec<EncodedInit<P>>,
    /// Position after the newest run of the rounds before, and its name.
    end: u64,
    newest: Option<FrameName>,
}

impl<P> Round<P> {
    /// Whether a viewer at `cursor` has everything.
    pub(super) fn has_been_seen(&self, cursor: &Cursor) -> bool {
        cursor.position() == Some(self.end)
    }
}

impl<P> News<P> {
    /// What a viewer gets whose cursor `ahead` is a copy of, if that is among the news.
    pub(super) fn next(&self, ahead: &mut Cursor) -> Option<&Piece<P>> {
        let piece = self.chunks.get(usize::try_from(ahead.position()?.checked_sub(self.first)?).ok()?)?;
        let Kind::Chunk(head) = &piece.kind else { return None };
        ahead.pass(head).then_some(piece)
    }

    /// How far a viewer is behind, at most, that gets the first of them.
    pub(super) fn span_ms(&self) -> u64 {
        self.span_ms
    }
}

impl<P: Clone> Encoded<P> {
    pub(super) fn new(stream: &LiveStream) -> Self {
        Self {
            id: stream.id(),
            budget: stream.ring().budget().cloned(),
            chunks: BTreeMap::new(),
            inits: Vec::new(),
            end: stream.ring().end(),
            newest: stream.ring().newest_name(),
        }
    }

    /// Begins a round with the present runs. They are not news for a pump that `was_idle`, without viewers.
    pub(super) fn round(&mut self, stream: &LiveStream, was_idle: bool) -> Round<P> {
        let (end, newest) = (stream.ring().end(), stream.ring().newest_name());
        if was_idle {
            (self.end, self.newest) = (end, newest);
        }
        Round { end, newest, news: Vec::new() }
    }

    /// The chunks from the last call of [`Encoded::advance`] to the begin of `round`, for viewers that requested these formats.
    /// Made for the first of them.
    pub(super) fn news<'r, E: Encoder<Packet = P>>(
        &self,
        round: &'r mut Round<P>,
        encoder: &E,
        stream: &SharedStream,
        formats: Option<Formats>,
    ) -> &'r News<P> {
        let known = round.news.iter().position(|(asked_for, _)| *asked_for == formats);
        let at = known.unwrap_or_else(|| {
            round.news.push((formats, self.encode_news(round.end, encoder, stream, formats)));
            round.news.len() - 1
        });
        &round.news[at].1
    }

    fn encode_news<E: Encoder<Packet = P>>(
        &self,
        end: u64,
        encoder: &E,
        stream: &SharedStream,
        formats: Option<Formats>,
    ) -> News<P> {
        let mut stream = lock(stream);
        let first = self.end.max(stream.ring().first());
        let piece = |position| {
            let head = *stream.ring().head(position)?;
            let format = stream.ring().renditions(head.name.take)?.choose(formats)?;
            let chunk = stream.ring_mut().chunk(position, format)?;
            let packet = encoder.chunk(self.id, &chunk);
            Some(Piece { packet, bytes: chunk.data.len(), kind: Kind::Chunk(head) })
        };
        let chunks = (first..end).map_while(piece).collect();
        let came_ms = |position| stream.ring().arrived_ms(position).unwrap_or_default();
        let span_ms = came_ms(end.saturating_sub(1)).saturating_sub(came_ms(first));
        drop(stream);
        self.keep_budget();
        News { first, chunks, span_ms }
    }

    /// Whether `name` is newer than the last call of [`Encoded::advance`].
    pub(super) fn is_new(&self, name: FrameName) -> bool {
        Some(name) > self.newest
    }

    /// What was there at the begin of `round` is not new any more, and what left the ring is forgotten.
    pub(super) fn advance(&mut self, round: &Round<P>, stream: &SharedStream) {
        (self.end, self.newest) = (round.end, round.newest);
        if self.chunks.is_empty() {
            return;
        }
        let stream = lock(stream);
        let oldest = stream.ring().head(stream.ring().first()).map(|head| head.name);
        while let Some(unused) = self.chunks.first_entry().filter(|entry| Some(entry.key().0) < oldest) {
            unused.remove();
        }
    }

    /// Gives up the wire forms that it keeps. They hold memory that no budget counts, and a pump without viewers runs no round
    /// that would free them.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.inits.clear();
    }

    /// The wire form of `next`, which a cursor just gave under the same lock. [`Encoded::keep_budget`] is due once the stream is
    /// not locked any more.
    ///
    /// # Errors
    /// [`Unsupported`].
    pub(super) fn piece<E: Encoder<Packet = P>>(
        &mut self,
        encoder: &E,
        stream: &mut LiveStream,
        formats: Option<Formats>,
        next: Next,
    ) -> Result<Piece<P>, Unsupported> {
        match next {
            Next::Init(take) => self.init(encoder, stream, formats, take).ok_or(Unsupported),
            Next::Chunk(position, head) => {
                let renditions = stream.ring().renditions(head.name.take).ok_or(Unsupported)?;
                let format = renditions.choose(formats).ok_or(Unsupported)?;
                let chunk = stream.ring_mut().chunk(position, format).ok_or(Unsupported)?;
                let known = self.chunks.entry((head.name, format));
                let packet = known.or_insert_with(|| encoder.chunk(self.id, &chunk)).clone();
                Ok(Piece { packet, bytes: chunk.data.len(), kind: Kind::Chunk(head) })
            }
            Next::Skipped { from, to, reason } => {
                let packet = encoder.skipped(&Skipped { stream_id: self.id, from, to, reason });
                Ok(Piece { packet, bytes: 0, kind: Kind::Skip })
            }
        }
    }

    fn init<E: Encoder<Packet = P>>(
        &mut self,
        encoder: &E,
        stream: &LiveStream,
        formats: Option<Formats>,
        take: u64,
    ) -> Option<Piece<P>> {
        let renditions = stream.ring().renditions(take)?;
        let format = renditions.choose(formats)?;
        let init = renditions.init(format)?;
        let epoch_ms = stream.epoch_ms().filter(|_| stream.take() == take);
        self.inits.retain(|known| known.format != format || (known.take, known.epoch_ms) == (take, epoch_ms));
        let known = self.inits.iter().position(|known| known.format == format);
        let at = known.unwrap_or_else(|| {
            let packet = encoder.init(self.id, take, init, epoch_ms);
            self.inits.push(EncodedInit { take, format, epoch_ms, packet, bytes: init.data.len() });
            self.inits.len() - 1
        });
        let EncodedInit { packet, bytes, .. } = &self.inits[at];
        Some(Piece { packet: packet.clone(), bytes: *bytes, kind: Kind::Init })
    }

    /// Chunks may have been made: the rings give up something if they hold too much now. The stream must not be locked.
    pub(super) fn keep_budget(&self) {
        if let Some(budget) = &self.budget {
            budget.enforce();
        }
    }
}
