//! The one handle through which a stream is written, whatever sends it: the take of a recorder, or the link to another node.
//!
//! A stream has one producer at a time. Once another one took its place, or the stream is closed, everything it brings is
//! [`Refused`], under the same lock that made it so. Runs that the ring has already are passed over by their names, so that a
//! new producer goes on where the one before stood.

use std::sync::Arc;

use media::{Run, Track};
use protocol::{StreamId, WireError, event::ChunkName, stream::StreamState};
use tokio_util::sync::CancellationToken;

use super::{ConnectionId, source::StreamSource};
use crate::{
    clock::Now,
    hub::{Error, LiveStream, Span, Trace},
    lock::lock,
};

/// The producer does not write the stream any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// See the [module](self).
pub(crate) struct Producer {
    source: Arc<StreamSource>,
    stop: CancellationToken,
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
        Ok(Self { source: source.clone(), stop: source.broadcaster(connection)? })
    }

    /// What the link to another node writes through; none while the stream has another producer.
    pub(super) fn of_relay(source: &Arc<StreamSource>) -> Option<Self> {
        Some(Self { source: source.clone(), stop: source.give_to_relay()? })
    }

    /// Cancelled when it is not the producer any more.
    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The stream's id.
    pub(super) fn stream_id(&self) -> StreamId {
        lock(self.source.stream()).id()
    }

    /// The newest chunk this node has of the stream.
    pub(crate) fn newest(&self) -> Option<ChunkName> {
        lock(self.source.stream()).ring().newest().map(|newest| newest.first)
    }

    /// The tracks of a take, which they begin if it is another one.
    pub(crate) fn tracks(&self, take: u64, tracks: Arc<[Track]>) -> Result<(), Refused> {
        self.write(|stream| {
            if stream.take() != take {
                stream.begin_take(take);
            }
            push_tracks(stream, tracks);
        })?;
        self.source.changed();
        Ok(())
    }

    /// When timestamp 0 of `take` was captured, by the server's clock, as far as that is known. What is said of another take
    /// than the current one is passed over.
    pub(crate) fn capture_clock(&self, take: u64, epoch_ms: Option<i64>) -> Result<(), Refused> {
        self.write(|stream| {
            if stream.take() == take {
                stream.set_epoch_ms(epoch_ms);
            }
        })
    }

    /// Appends a run of frames; says whether it is new here. One that does not follow what is here shows as a gap.
    pub(crate) fn run(
        &self,
        take: u64,
        run: Run,
        captured_at_ms: Option<i64>,
        now: Now,
    ) -> Result<bool, Refused> {
        self.write(|stream| {
            let name = ChunkName { take, group: run.group, index: run.index };
            let newest = stream.ring().newest();
            if newest.is_some_and(|newest| newest.is_before(name) && !newest.may_precede(name)) {
                stream.gap();
            }
            match stream.push(take, run, captured_at_ms, now.ms) {
                Ok(()) => true,
                // It came from another producer before, under the same name.
                Err(Error::OutOfOrder { .. }) => false,
                Err(error) => {
                    tracing::error!(stream.id = %stream.id(), %error, "a run of stream {} was lost", stream.id());
                    stream.gap();
                    false
                }
            }
        })
    }

    /// All of a segment of so many bytes was written; see [`Ring::segment_done`](crate::hub::Ring::segment_done).
    pub(crate) fn segment_done(&self, segment_bytes: u64) -> Result<(), Refused> {
        self.write(|stream| stream.segment_done(segment_bytes))
    }

    /// Lets readers have what was written since the last call. They hold `trace` until they read it.
    pub(crate) fn flush(&self, trace: Option<&Arc<dyn Trace>>) {
        self.source.flush(trace);
    }

    /// Runs are missing before the next one.
    pub(crate) fn gap(&self) -> Result<(), Refused> {
        self.write(LiveStream::gap)
    }

    /// How the stream is doing. Says whether that changed anything.
    pub(crate) fn state(&self, state: StreamState) -> Result<bool, Refused> {
        let changed = self.write(|stream| stream.set_state(state))?;
        if changed {
            self.source.changed();
        }
        Ok(changed)
    }

    /// Through which nodes the stream comes.
    pub(crate) fn path(&self, path: Arc<[String]>) -> Result<(), Refused> {
        let changed = self.write(|stream| {
            let changed = stream.path() != Some(&path);
            stream.set_path(Some(path));
            changed
        })?;
        self.source.set_lost(&self.stop, None);
        if changed {
            self.source.changed();
        }
        Ok(())
    }

    /// The node it is pulled from is gone, since `now`.
    pub(crate) fn lost(&self, now: Now) {
        self.source.set_lost(&self.stop, Some(now));
    }

    /// Waits until a reader wants a keyframe.
    pub(crate) async fn keyframe_wanted(&self) {
        self.source.keyframe_wanted().await;
    }

    fn write<T>(&self, write: impl FnOnce(&mut LiveStream) -> T) -> Result<T, Refused> {
        self.source.unless_stopped(&self.stop, write).ok_or(Refused)
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
    match newest {
        Some(newest) => stream.follow(newest),
        // What the old take had besides never came here.
        None if was_relayed => stream.gap(),
        None => {}
    }
    stream.begin_take(take);
    if let Some(tracks) = tracks {
        push_tracks(stream, tracks);
    }
}

fn push_tracks(stream: &mut LiveStream, tracks: Arc<[Track]>) {
    if let Err(error) = stream.push_tracks(tracks) {
        tracing::error!(stream.id = %stream.id(), %error, "tracks of stream {} were lost", stream.id());
    }
}
