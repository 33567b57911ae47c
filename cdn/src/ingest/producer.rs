//! The one handle through which a stream is written, whatever sends it: the take of a recorder, or the link to another node.
//!
//! A stream has one producer at a time. Once another one took its place, or the stream is closed, everything it brings is
//! [`Superseded`], under the same lock that made it so. Runs that the ring has already are passed over by their names, so that a
//! new producer continues where the previous one stopped.

use std::sync::{Arc, MutexGuard};

use media::{Output, Run, Track};
use protocol::{StreamId, WireError, event::FrameName, stream::StreamState};
use tokio_util::sync::CancellationToken;

use super::{
    source::{State, StreamSource},
    types::ConnectionId,
};
use crate::{
    clock::Now,
    hub::{AskKeyframe, Error, LiveStream, Span, Trace},
    lock::lock,
};

/// The producer does not write the stream any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Superseded;

/// Why something was not written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// See [`Superseded`].
    Superseded,
    /// A link brought tracks or a run that do not fit their take.
    Malformed(Error),
}

impl From<Superseded> for WriteError {
    fn from(_: Superseded) -> Self {
        Self::Superseded
    }
}

/// What a producer writes at once: what a slice of a segment became, or a message of a link.
pub(crate) struct Written {
    pub(crate) take: u64,
    /// When timestamp 0 of the take was captured, on the server's clock, as far as that is known.
    pub(crate) epoch_ms: Option<i64>,
    /// Tracks begin the take if it is another one.
    pub(crate) outputs: Vec<Output>,
    /// Bytes of the segment that is done with this, if one is; see [`Ring::segment_done`](crate::hub::Ring::segment_done).
    pub(crate) segment_bytes: Option<u64>,
}

/// What changed by writing.
#[derive(Default)]
struct Changes {
    /// A new run was written.
    run: bool,
    tracks: bool,
    state: bool,
}

/// See the [module](self).
pub(crate) struct Producer {
    source: Arc<StreamSource>,
    stop: CancellationToken,
    is_relay: bool,
}

/// The stream, while it may be written. The fields are released in this order.
struct Writing<'a> {
    stream: MutexGuard<'a, LiveStream>,
    state: MutexGuard<'a, State>,
}

impl Producer {
    /// What the broadcaster on `connection` writes through.
    ///
    /// # Errors
    /// `already_publishing` if it is not the stream's broadcaster, `unknown_stream` if the stream is over.
    pub(super) fn of_broadcaster(
        source: &Arc<StreamSource>,
        connection: ConnectionId,
    ) -> Result<Self, WireError> {
        Ok(Self { source: source.clone(), stop: source.broadcaster(connection)?, is_relay: false })
    }

    /// What the link to another node writes through; none while the stream has another producer.
    pub(super) fn of_relay(source: &Arc<StreamSource>, ask_keyframe: AskKeyframe) -> Option<Self> {
        let stop = source.give_to_relay(ask_keyframe)?;
        Some(Self { source: source.clone(), stop, is_relay: true })
    }

    /// Cancelled when it is not the producer any more.
    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The stream's id.
    pub(super) fn stream_id(&self) -> StreamId {
        self.source.id()
    }

    /// The newest chunk this node has of the stream.
    pub(crate) fn newest(&self) -> Option<FrameName> {
        lock(self.source.stream()).ring().newest_name()
    }

    /// Writes frames and what belongs to them, and wakes the readers, which hold `trace` until they read it. Returns whether a
    /// run was new here.
    ///
    /// The frames of a broadcaster make the stream live; a link brings the state apart.
    ///
    /// # Errors
    /// [`WriteError::Malformed`] if a link brings what does not fit its take; a broadcaster's run is logged and becomes a gap.
    pub(crate) fn write(
        &self,
        written: Written,
        trace: Option<&Arc<dyn Trace>>,
        now: Now,
    ) -> Result<bool, WriteError> {
        let changes = {
            let mut writing = self.writing()?;
            writing.state.has_sent = true;
            self.write_stream(&mut writing.stream, written, now)?
        };
        let context = self.source.context();
        context.budget.enforce();
        if changes.run || trace.is_some() {
            self.source.readers().media(trace);
        }
        if changes.tracks || changes.state {
            self.source.changed();
        }
        Ok(changes.run)
    }

    fn write_stream(
        &self,
        stream: &mut LiveStream,
        written: Written,
        now: Now,
    ) -> Result<Changes, WriteError> {
        let Written { take, epoch_ms, outputs, segment_bytes } = written;
        let mut changes = Changes::default();
        // The clock of another take than the current one does not count.
        if stream.take() == take {
            stream.set_epoch_ms(epoch_ms);
        }
        for output in outputs {
            match output {
                Output::Tracks(tracks) => {
                    if stream.take() != take {
                        stream.begin_take(take);
                    }
                    stream.set_epoch_ms(epoch_ms);
                    match stream.ring_mut().push_tracks(take, tracks) {
                        Err(error) if self.is_relay => return Err(WriteError::Malformed(error)),
                        pushed => log_lost_tracks(stream, pushed),
                    }
                    changes.tracks = true;
                }
                Output::Run(run) => match push_run(stream, take, run, now) {
                    Ok(is_new) => changes.run |= is_new,
                    Err(error) if self.is_relay => return Err(WriteError::Malformed(error)),
                    Err(error) => {
                        tracing::error!(stream.id = %stream.id(), %error, "frames of stream {} were lost", stream.id());
                        stream.ring_mut().gap();
                    }
                },
            }
        }
        if let Some(bytes) = segment_bytes {
            stream.ring_mut().segment_done(bytes);
        }
        if !self.is_relay && changes.run && stream.set_state(StreamState::Live) {
            tracing::info!(stream.id = %stream.id(), "stream {} is live", stream.id());
            changes.state = true;
        }
        Ok(changes)
    }

    /// Runs are missing before the next one.
    pub(crate) fn gap(&self) -> Result<(), Superseded> {
        self.writing()?.stream.ring_mut().gap();
        Ok(())
    }

    /// How the stream is doing.
    pub(crate) fn state(&self, state: StreamState) -> Result<(), Superseded> {
        if self.writing()?.stream.set_state(state) {
            self.source.changed();
        }
        Ok(())
    }

    /// A source was found; these nodes are on the path of the stream.
    pub(crate) fn path(&self, path: Arc<[String]>) -> Result<(), Superseded> {
        let changed = {
            let mut writing = self.writing()?;
            writing.state.link_works();
            let changed = writing.stream.path() != Some(&path);
            writing.stream.set_path(Some(path));
            changed
        };
        if changed {
            self.source.changed();
        }
        Ok(())
    }

    /// The link to the node it is pulled from broke.
    pub(crate) fn lost(&self, now: Now) {
        if let Ok(mut writing) = self.writing() {
            writing.state.link_broke(now);
        }
    }

    /// Closes the source for good, unless it is not the producer any more. Returns whether it did.
    pub(super) fn close(&self) -> bool {
        self.source.close_unless_stopped(&self.stop)
    }

    /// The locks under which the stream is written: the token is cancelled under the first of them.
    fn writing(&self) -> Result<Writing<'_>, Superseded> {
        let state = self.source.state();
        if self.stop.is_cancelled() {
            return Err(Superseded);
        }
        Ok(Writing { stream: lock(self.source.stream()), state })
    }
}

/// Begins a take of a broadcaster, of which `newest` is the newest run that this or another node has, and whose tracks may be
/// known. The stream came from another node until now if it `was_relayed`.
pub(super) fn begin_take(
    stream: &mut LiveStream,
    take: u64,
    newest: Option<Span>,
    tracks: Option<Arc<[Track]>>,
    was_relayed: bool,
) {
    let is_known = stream.ring().newest_name().is_some_and(|newest| newest.take == take);
    match newest {
        Some(newest) => stream.ring_mut().follow(newest),
        // The rest of the old take never arrived here. A take that begins once more brings it.
        None if was_relayed && !is_known => stream.ring_mut().gap(),
        None => {}
    }
    stream.begin_take(take);
    if let Some(tracks) = tracks {
        let pushed = stream.ring_mut().push_tracks(take, tracks);
        log_lost_tracks(stream, pushed);
    }
}

fn log_lost_tracks(stream: &LiveStream, pushed: Result<(), Error>) {
    if let Err(error) = pushed {
        tracing::error!(stream.id = %stream.id(), %error, "tracks of stream {} were lost", stream.id());
    }
}

/// Appends a run. Returns whether it is new. A run that does not follow the newest one causes a gap.
fn push_run(stream: &mut LiveStream, take: u64, run: Run, now: Now) -> Result<bool, Error> {
    let name = FrameName { take, group: run.group, index: run.index };
    let newest = stream.ring().newest();
    if newest.is_some_and(|newest| newest.is_before(name) && !newest.may_precede(name)) {
        stream.ring_mut().gap();
    }
    let captured_at_ms = stream.captured_at_ms(run.pts_us());
    match stream.ring_mut().push(take, run, captured_at_ms, now.ms) {
        Ok(()) => Ok(true),
        // Another producer wrote it before, under the same name.
        Err(Error::OutOfOrder { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
