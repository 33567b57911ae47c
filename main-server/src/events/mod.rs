//! The events of all features for the listeners of `GET /api/events`, and the list of public streams that they begin with.
//!
//! A feature adds an [`Event`] with [`Feed::publish`]; the feed knows no feature.
//!
//! A *frame* holds the events of one change set. It is written once and shared by all listeners. The newest frames are
//! kept in a log of at most twice the bytes of the list itself; a listener is a position in it ([`reader`]). A listener
//! that fell behind the log continues with a [`Snapshot`] of the list, which is cheaper than the backlog was. Listeners
//! share snapshots: one is built when none exists from which the log leads on, outside the lock that changes take.

mod event;
mod listing;
pub(crate) mod reader;
mod snapshot;
pub(crate) mod sse;
mod text;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

pub(crate) use event::Event;
pub(crate) use snapshot::Snapshot;
pub(crate) use text::Text;

use self::{listing::Listing, snapshot::Snapshots};

/// Bytes of frames that are kept however short the list is.
const MIN_LOG_BYTES: usize = 64 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    /// Held while a snapshot is built, so that other readers wait for it.
    building: Mutex<()>,
    /// The position after the newest frame.
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    listing: Listing,
    log: VecDeque<Arc<Text>>,
    log_bytes: usize,
    /// The position after the newest frame.
    next: u64,
    snapshots: Snapshots,
}

/// What the log has at a position.
enum Found {
    Frame(Arc<Text>),
    /// It is not written yet.
    Nothing,
    /// It is not kept any more.
    Behind,
}

impl Feed {
    /// An empty list without listeners.
    pub(crate) fn new() -> Self {
        let newest = watch::Sender::new(0);
        Self { state: Mutex::default(), building: Mutex::default(), newest }
    }

    /// Sends events to all listeners, as one frame, and applies them to the list. Does not wait for any listener.
    pub(crate) fn publish(&self, events: impl IntoIterator<Item = Event>) {
        let mut state = self.state();
        let mut frame = String::new();
        for event in events {
            event.write(&mut frame);
            state.listing.apply(event);
        }
        if !frame.is_empty() {
            state.append(frame.into());
            self.newest.send_replace(state.next);
        }
    }

    /// Notified of the position after the newest frame.
    fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The list as it is now.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.snapshot(|state| state.next)
    }

    /// A list from which the log leads on.
    fn recent(&self) -> Arc<Snapshot> {
        self.snapshot(State::oldest)
    }

    /// A list that is as new as the position that `oldest` gives, or newer.
    fn snapshot(&self, oldest: impl Fn(&State) -> u64) -> Arc<Snapshot> {
        let known = |state: &State| state.snapshots.newest().filter(|known| known.position >= oldest(state));
        if let Some(known) = known(&self.state()) {
            return known;
        }
        let _alone = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, position) = {
            let state = self.state();
            if let Some(known) = known(&state) {
                return known;
            }
            (state.listing.rows(), state.next)
        };
        let snapshot = Arc::new(Snapshot::new(&rows, position));
        self.state().snapshots.keep(Arc::clone(&snapshot));
        snapshot
    }

    fn at(&self, position: u64) -> Found {
        let state = self.state();
        match position.checked_sub(state.oldest()) {
            None => Found::Behind,
            Some(index) => usize::try_from(index)
                .ok()
                .and_then(|index| state.log.get(index))
                .map_or(Found::Nothing, |frame| Found::Frame(Arc::clone(frame))),
        }
    }

    /// Open listeners, and snapshots built since the start.
    pub(crate) fn totals(&self) -> (usize, u64) {
        (self.newest.receiver_count(), self.state().snapshots.built())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The position of the oldest frame that is kept.
    fn oldest(&self) -> u64 {
        self.next - self.log.len() as u64
    }

    /// Most bytes of the log. A change of every stream fits in, with the names of the events.
    fn most_bytes(&self) -> usize {
        (2 * self.listing.bytes()).max(MIN_LOG_BYTES)
    }

    fn append(&mut self, frame: Text) {
        self.log_bytes += frame.len();
        self.log.push_back(Arc::new(frame));
        self.next += 1;
        while self.log_bytes > self.most_bytes()
            && let Some(oldest) = self.log.pop_front()
        {
            self.log_bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests;
