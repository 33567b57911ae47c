//! Where a stream comes from, and whose writes count: its broadcaster's, another node's, or nothing's.
//!
//! [`State`] is held for moments. What is written under a token is done when the token is cancelled, because both happen under
//! that lock.

use std::sync::{Arc, Mutex};

use protocol::{WireError, stream::StreamState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    ConnectionId, Services,
    refusal::{ended, taken_over},
};
use crate::{
    clock::Now,
    hub::{AskKeyframe, LiveStream, Readers, SharedStream, Trace, Upstream},
    lock::lock,
};

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
    services: Arc<Services>,
    stream: SharedStream,
    readers: Arc<Readers>,
    upstream: Arc<Upstream>,
    /// A reader wants a keyframe of the node that the stream is pulled from.
    keyframe_wanted: Arc<Notify>,
    /// When this node began to carry it, in node time.
    opened_ms: u64,
    state: Mutex<State>,
}

struct State {
    source: Source,
    /// When a viewer last asked for the stream, in node time.
    wanted_ms: u64,
    /// How often another node became the source.
    relays: u64,
    /// The stream is not carried any more.
    closed: bool,
}

/// What came of giving a stream to a broadcaster.
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
    pub(super) fn new(services: Arc<Services>, stream: SharedStream, now: Now) -> Self {
        let (readers, upstream) = {
            let stream = lock(&stream);
            (stream.readers().clone(), stream.upstream().clone())
        };
        let source = Source::None { since_ms: now.ms };
        let state = Mutex::new(State { source, wanted_ms: now.ms, relays: 0, closed: false });
        let keyframe_wanted = Arc::default();
        Self { services, stream, readers, upstream, keyframe_wanted, opened_ms: now.ms, state }
    }

    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    pub(super) fn stream(&self) -> &SharedStream {
        &self.stream
    }

    /// Whether it comes from another node.
    pub(super) fn is_relayed(&self) -> bool {
        lock(&self.state).is_relayed()
    }

    /// Since when a broadcaster has it here without having sent any media, in node time; none once it has.
    pub(super) fn silent_since_ms(&self) -> Option<u64> {
        let is_silent = lock(&self.stream).state() == StreamState::Created && !self.is_relayed();
        is_silent.then_some(self.opened_ms)
    }

    /// Since when it comes from nowhere, in node time; none while it does come from somewhere.
    pub(super) fn alone_since_ms(&self) -> Option<u64> {
        match lock(&self.state).source {
            Source::None { since_ms } => Some(since_ms),
            Source::Broadcaster { .. } => None,
            Source::Relay { lost_since_ms, .. } => lost_since_ms,
        }
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
        let id = lock(&self.stream).id();
        let state = lock(&self.state);
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

    /// Makes `connection` the broadcaster, unless another node became the source since there were so many `relays`. `begin`
    /// changes the stream before; it is told whether the stream came from another node until now.
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
    /// token of the link's producer.
    pub(super) fn give_to_relay(&self) -> Option<CancellationToken> {
        let mut state = lock(&self.state);
        if state.closed || !matches!(state.source, Source::None { .. }) {
            return None;
        }
        let stop = CancellationToken::new();
        state.relays += 1;
        let wanted = self.keyframe_wanted.clone();
        let ask: AskKeyframe = Arc::new(move || wanted.notify_one());
        self.replace(&mut state, Source::Relay { stop: stop.clone(), lost_since_ms: None }, Some(ask));
        Some(stop)
    }

    fn replace(&self, state: &mut State, source: Source, ask_keyframe: Option<AskKeyframe>) {
        state.stop();
        state.source = source;
        self.upstream.set(ask_keyframe);
    }

    /// Waits until a reader wants a keyframe of the node that the stream is pulled from.
    pub(super) async fn keyframe_wanted(&self) {
        self.keyframe_wanted.notified().await;
    }

    /// The state or the path changed: readers and observers look.
    pub(super) fn changed(&self) {
        self.readers.changed();
        self.services.observers.iter().for_each(|observer| observer.changed());
    }

    /// There is new media: keeps the node's budget, and wakes readers, which hold `trace` until they read it.
    pub(super) fn flush(&self, trace: Option<&Arc<dyn Trace>>) {
        self.services.budget.enforce();
        self.readers.media(trace);
    }

    /// The node it is pulled from is gone (since now), or another one is found. Changes nothing once `stop` was cancelled.
    pub(super) fn set_lost(&self, stop: &CancellationToken, now: Option<Now>) {
        let mut state = lock(&self.state);
        if let Source::Relay { lost_since_ms, .. } = &mut state.source
            && !stop.is_cancelled()
        {
            *lost_since_ms = now.map(|now| lost_since_ms.unwrap_or(now.ms));
        }
    }

    /// Changes the stream unless `stop` was cancelled: what is changed under a token is done when it is cancelled.
    pub(super) fn unless_stopped<T>(
        &self,
        stop: &CancellationToken,
        change: impl FnOnce(&mut LiveStream) -> T,
    ) -> Option<T> {
        let _state = lock(&self.state);
        if stop.is_cancelled() {
            return None;
        }
        Some(change(&mut lock(&self.stream)))
    }

    /// The connection of its broadcaster closed, unless that is another one by now. Says whether the stream's state changed.
    pub(super) fn leave(&self, connection: ConnectionId, now: Now) -> bool {
        let is_owner = {
            let mut state = lock(&self.state);
            let is_owner = matches!(&state.source, Source::Broadcaster { connection: owner, .. } if *owner == connection);
            if is_owner {
                self.replace(&mut state, Source::None { since_ms: now.ms }, None);
            }
            is_owner
        };
        is_owner && self.interrupt()
    }

    /// Nothing comes for now. Says whether the stream's state changed.
    pub(super) fn interrupt(&self) -> bool {
        let interrupted = {
            let mut stream = lock(&self.stream);
            stream.state() == StreamState::Live && stream.set_state(StreamState::Interrupted)
        };
        if interrupted {
            self.changed();
        }
        interrupted
    }

    /// Stops its producer, for good. Says whether that was another node.
    pub(super) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        state.close();
        state.is_relayed()
    }

    /// As [`Self::close`], if it comes from another node and no viewer asked for it since `idle_ms`. Says whether it is closed.
    pub(super) fn close_if_relayed(&self, idle_ms: u64, now: Now) -> bool {
        let mut state = lock(&self.state);
        let closes = state.is_relayed() && now.ms.saturating_sub(state.wanted_ms) >= idle_ms;
        if closes {
            state.close();
        }
        closes
    }
}

impl State {
    fn is_relayed(&self) -> bool {
        matches!(self.source, Source::Relay { .. })
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
