//! The source of a stream, whose writes are accepted: its broadcaster, another node, or none.
//!
//! [`State`] is held for moments. What is written under a token is done when the token is cancelled, because both happen under
//! that lock.

use std::sync::{Arc, Mutex, MutexGuard};

use protocol::{StreamId, WireError, stream::StreamState};
use tokio_util::sync::CancellationToken;

use super::{
    context::IngestContext,
    errors::{ended, taken_over},
    types::ConnectionId,
};
use crate::{
    clock::Now,
    hub::{AskKeyframe, LiveStream, Readers, SharedStream, Upstream},
    lock::lock,
};

/// How long the segments of a new stream may come without a frame before the stream gives way to another one on a full node.
const FIRST_FRAME_MS: u64 = 5000;

/// What produces a stream. The token is cancelled when it does not any more.
enum Source {
    /// Nothing, since this node time.
    None { since_ms: u64 },
    /// The connection of its broadcaster: this node is the origin.
    Broadcaster { connection: ConnectionId, stop: CancellationToken },
    /// Another node.
    Relay { stop: CancellationToken, lost_since_ms: Option<u64> },
}

/// See the [module](self).
pub(super) struct StreamSource {
    context: Arc<IngestContext>,
    id: StreamId,
    stream: SharedStream,
    readers: Arc<Readers>,
    upstream: Arc<Upstream>,
    /// When this node began to carry it, in node time.
    opened_ms: u64,
    state: Mutex<State>,
}

/// What decides whose writes count.
pub(super) struct State {
    source: Source,
    /// When a viewer last asked for the stream, in node time.
    wanted_ms: u64,
    /// How often another node became the source.
    relays: u64,
    /// The producer has sent something, not necessarily a frame.
    pub(super) has_sent: bool,
    /// The stream is not carried any more.
    closed: bool,
}

/// The result of giving a stream to a broadcaster.
pub(super) enum HandOver {
    Done {
        was_relayed: bool,
    },
    /// Another node became the source meanwhile, so that the take has to be looked at again.
    Relayed,
    /// The stream was dropped meanwhile.
    Closed,
}

impl StreamSource {
    /// Of a stream that nothing produces yet.
    pub(super) fn new(context: Arc<IngestContext>, stream: SharedStream, now: Now) -> Self {
        let (id, readers, upstream) = {
            let stream = lock(&stream);
            (stream.id(), stream.readers().clone(), stream.upstream().clone())
        };
        let source = Source::None { since_ms: now.ms };
        let state =
            Mutex::new(State { source, wanted_ms: now.ms, relays: 0, has_sent: false, closed: false });
        Self { context, id, stream, readers, upstream, opened_ms: now.ms, state }
    }

    pub(super) fn context(&self) -> &IngestContext {
        &self.context
    }

    /// The stream's id.
    pub(super) fn id(&self) -> StreamId {
        self.id
    }

    pub(super) fn stream(&self) -> &SharedStream {
        &self.stream
    }

    pub(super) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// What a producer checks its token under, and holds while it writes the stream.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Whether another node is its source.
    pub(super) fn is_relayed(&self) -> bool {
        lock(&self.state).is_relayed()
    }

    /// When this node began to carry a stream that [gives way](Self::close_if_silent) at `now`, in node time; none for any other.
    pub(super) fn silent_since_ms(&self, now: Now) -> Option<u64> {
        let state = lock(&self.state);
        self.is_silent(&state, now).then_some(self.opened_ms)
    }

    fn is_silent(&self, state: &State, now: Now) -> bool {
        let may_begin = state.has_sent && now.ms.saturating_sub(self.opened_ms) < FIRST_FRAME_MS;
        !may_begin && !state.is_relayed() && lock(&self.stream).state() == StreamState::Created
    }

    /// Whether the broadcaster has been gone for at least `gone_ms`, and no other node has replaced it.
    pub(super) fn is_orphan(&self, gone_ms: u64, now: Now) -> bool {
        let state = lock(&self.state);
        !state.is_relayed() && state.has_lacked_source(gone_ms, now)
    }

    /// A viewer asks for it.
    pub(super) fn want(&self, now: Now) {
        lock(&self.state).wanted_ms = now.ms;
    }

    /// The token of the broadcaster's producer.
    ///
    /// # Errors
    /// `already_publishing` if `connection` is not the stream's broadcaster, `unknown_stream` if the stream is over.
    pub(super) fn broadcaster(&self, connection: ConnectionId) -> Result<CancellationToken, WireError> {
        let (id, state) = (self.id, lock(&self.state));
        match &state.source {
            _ if state.closed => Err(ended(id)),
            Source::Broadcaster { connection: owner, stop } if *owner == connection => Ok(stop.clone()),
            _ => Err(taken_over(id)),
        }
    }

    /// How often another node became the source.
    pub(super) fn relays(&self) -> u64 {
        lock(&self.state).relays
    }

    /// Makes `connection` the broadcaster, unless another node became the source since there were so many `relays`. Readers ask it
    /// for keyframes by `ask_keyframe`. `begin` changes the stream before; it is told whether the stream came from another node until now.
    pub(super) fn give_to_broadcaster(
        &self,
        connection: ConnectionId,
        ask_keyframe: Option<AskKeyframe>,
        relays: u64,
        begin: impl FnOnce(&mut LiveStream, bool) -> Result<(), WireError>,
    ) -> Result<HandOver, WireError> {
        let mut state = lock(&self.state);
        let mut stream = lock(&self.stream);
        if state.closed {
            return Ok(HandOver::Closed);
        }
        if state.relays != relays {
            return Ok(HandOver::Relayed);
        }
        let was_relayed = state.is_relayed();
        begin(&mut stream, was_relayed)?;
        let stop = CancellationToken::new();
        self.replace(&mut state, Source::Broadcaster { connection, stop }, ask_keyframe);
        stream.set_path(Some(Arc::default()));
        Ok(HandOver::Done { was_relayed })
    }

    /// Lets the stream come from another node; none while it has a broadcaster or comes from another node already. Gives the
    /// token of the link's producer, which readers ask for keyframes by `ask_keyframe`.
    pub(super) fn give_to_relay(&self, ask_keyframe: AskKeyframe) -> Option<CancellationToken> {
        let mut state = lock(&self.state);
        if state.closed || !matches!(state.source, Source::None { .. }) {
            return None;
        }
        let stop = CancellationToken::new();
        state.relays += 1;
        let source = Source::Relay { stop: stop.clone(), lost_since_ms: None };
        self.replace(&mut state, source, Some(ask_keyframe));
        // Unknown until the link brings it.
        lock(&self.stream).set_path(None);
        Some(stop)
    }

    fn replace(&self, state: &mut State, source: Source, ask_keyframe: Option<AskKeyframe>) {
        state.stop();
        state.source = source;
        self.upstream.set(ask_keyframe);
    }

    /// The state or the path changed: readers and observers look.
    pub(super) fn changed(&self) {
        self.readers.changed();
        self.context.observers.iter().for_each(|observer| observer.changed());
    }

    /// The connection of its broadcaster closed, unless that is another one by now. Returns whether the stream's state changed.
    pub(super) fn leave(&self, connection: ConnectionId, now: Now) -> bool {
        let mut state = lock(&self.state);
        if !state.is_broadcaster(connection) {
            return false;
        }
        self.replace(&mut state, Source::None { since_ms: now.ms }, None);
        let interrupted = interrupt(&mut lock(&self.stream));
        drop(state);
        self.changed_if(interrupted)
    }

    /// Interrupts a relayed stream, and removes its path, if it has lacked a source for `lost_ms`. Returns whether the stream's
    /// state changed.
    pub(super) fn interrupt_if_lost(&self, lost_ms: u64, now: Now) -> bool {
        let state = lock(&self.state);
        if !state.is_relayed() || !state.has_lacked_source(lost_ms, now) {
            return false;
        }
        let interrupted = {
            let mut stream = lock(&self.stream);
            stream.set_path(None);
            interrupt(&mut stream)
        };
        drop(state);
        self.changed_if(interrupted)
    }

    fn changed_if(&self, changed: bool) -> bool {
        if changed {
            self.changed();
        }
        changed
    }

    /// Stops its producer, for good.
    pub(super) fn close(&self) {
        lock(&self.state).close();
    }

    /// Closes it as [`Self::close`] does, if it comes from another node and no viewer asked for it since `idle_ms`. Returns whether
    /// it is closed; so do the functions below.
    pub(super) fn close_if_idle(&self, idle_ms: u64, now: Now) -> bool {
        self.close_if(|state| state.is_relayed() && now.ms.saturating_sub(state.wanted_ms) >= idle_ms)
    }

    /// Closes it if its broadcaster has sent nothing, or long enough nothing with a frame.
    pub(super) fn close_if_silent(&self, now: Now) -> bool {
        self.close_if(|state| self.is_silent(state, now))
    }

    /// Closes it if it has lacked a source for `grace_ms`.
    pub(super) fn close_if_abandoned(&self, grace_ms: u64, now: Now) -> bool {
        self.close_if(|state| state.has_lacked_source(grace_ms, now))
    }

    /// Closes it unless `stop` was cancelled.
    pub(super) fn close_unless_stopped(&self, stop: &CancellationToken) -> bool {
        self.close_if(|_| !stop.is_cancelled())
    }

    /// Checks and closes under one lock, so that no producer can interfere.
    fn close_if(&self, condition: impl FnOnce(&State) -> bool) -> bool {
        let mut state = lock(&self.state);
        let closes = condition(&state);
        if closes {
            state.close();
        }
        closes
    }
}

/// The stream has no source for now. Returns whether the stream's state changed.
fn interrupt(stream: &mut LiveStream) -> bool {
    stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
}

impl State {
    fn is_relayed(&self) -> bool {
        matches!(self.source, Source::Relay { .. })
    }

    /// The link to the node it is pulled from broke.
    pub(super) fn link_broke(&mut self, now: Now) {
        if let Source::Relay { lost_since_ms, .. } = &mut self.source {
            lost_since_ms.get_or_insert(now.ms);
        }
    }

    /// A node was found that it can be pulled from.
    pub(super) fn link_works(&mut self) {
        if let Source::Relay { lost_since_ms, .. } = &mut self.source {
            *lost_since_ms = None;
        }
    }

    fn is_broadcaster(&self, connection: ConnectionId) -> bool {
        matches!(&self.source, Source::Broadcaster { connection: owner, .. } if *owner == connection)
    }

    /// Whether it has come from nowhere for at least `ms`.
    fn has_lacked_source(&self, ms: u64, now: Now) -> bool {
        let since_ms = match self.source {
            Source::None { since_ms } => Some(since_ms),
            Source::Broadcaster { .. } => None,
            Source::Relay { lost_since_ms, .. } => lost_since_ms,
        };
        since_ms.is_some_and(|since_ms| now.ms.saturating_sub(since_ms) >= ms)
    }

    fn stop(&self) {
        match &self.source {
            Source::None { .. } => {}
            Source::Broadcaster { stop, .. } | Source::Relay { stop, .. } => stop.cancel(),
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.stop();
    }
}
