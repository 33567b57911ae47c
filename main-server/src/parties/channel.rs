//! The events of one party for the members that listen at this server.
//!
//! A frame holds the events of one change. It is written once and shared by all readers; so is the snapshot of a revision. A
//! reader that fell behind the newest frames goes on with a snapshot.

use std::sync::Arc;

use protocol::party::EndReason;
use tokio::sync::broadcast;

use super::party::{MemberId, Record, Viewer, changes};
use crate::events::{Event, Text};

/// Frames that a reader may be behind.
const BEHIND: usize = 32;

/// See the [module](self).
pub(super) struct Channel {
    frames: broadcast::Sender<Frame>,
    /// The newest snapshot, and its revision.
    snapshot: Option<(u64, Arc<Text>)>,
}

/// See the [module](self).
#[derive(Clone)]
pub(super) struct Frame {
    /// For all that stay.
    pub(super) events: Arc<Text>,
    /// Members for whom the party is over.
    gone: Arc<[(MemberId, EndReason)]>,
    /// It is over for all.
    ends: bool,
}

impl Default for Channel {
    fn default() -> Self {
        Self { frames: broadcast::Sender::new(BEHIND), snapshot: None }
    }
}

impl Channel {
    /// The party as it is now, and what follows.
    pub(super) fn subscribe(&mut self, record: &Record) -> (Arc<Text>, broadcast::Receiver<Frame>) {
        let known = self.snapshot.as_ref().filter(|(revision, _)| *revision == record.revision);
        let snapshot = known.map(|(_, snapshot)| Arc::clone(snapshot)).unwrap_or_else(|| {
            let event = Event::new("snapshot", &record.view(Viewer::Members));
            Arc::new(text([&event]))
        });
        self.snapshot = Some((record.revision, Arc::clone(&snapshot)));
        (snapshot, self.frames.subscribe())
    }

    /// How many readers there are.
    pub(super) fn readers(&self) -> usize {
        self.frames.receiver_count()
    }

    /// Tells readers what is new.
    pub(super) fn changed(&self, before: &Record, after: &Record) {
        let changes = changes(before, after);
        if changes.ended {
            return self.send(Frame::end());
        }
        let changed = changes.changed.iter().map(|changed| Event::new("changed", changed));
        let chat = changes.chat.iter().map(|message| Event::new("chat", message));
        let events: Vec<_> = changed.chain(chat).collect();
        if !events.is_empty() || !changes.gone.is_empty() {
            self.send(Frame { gone: changes.gone.into(), ..Frame::of(&events) });
        }
    }

    /// Gives a frame to all readers.
    pub(super) fn send(&self, frame: Frame) {
        // Without a reader there is nothing to send.
        drop(self.frames.send(frame));
    }
}

impl Frame {
    /// A frame with these events.
    pub(super) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self { events: Arc::new(text(events)), gone: Arc::default(), ends: false }
    }

    /// The end of the party.
    pub(super) fn end() -> Self {
        Self { ends: true, ..Self::of([]) }
    }

    /// Why the party is over for this member, if it is.
    pub(super) fn ends_for(&self, member: MemberId) -> Option<EndReason> {
        let own = || self.gone.iter().find(|(gone, _)| *gone == member).map(|(_, reason)| *reason);
        if self.ends { Some(EndReason::Ended) } else { own() }
    }
}

fn text<'a>(events: impl IntoIterator<Item = &'a Event>) -> Text {
    let mut text = String::new();
    events.into_iter().for_each(|event| event.write(&mut text));
    text.into()
}
