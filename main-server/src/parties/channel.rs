//! The events of one party for the members that listen at this server.
//!
//! A frame holds the events of one change. It is serialised once and shared by all readers. So is the
//! snapshot of a revision, by its first reader, because it may be large. A reader that fell too far behind
//! continues with a snapshot.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use protocol::party::EndReason;
use tokio::sync::broadcast;

use super::party::{MemberId, Record, Viewer, changes};
use crate::events::{Event, Text};

/// How many frames a reader may be behind.
const BEHIND: usize = 32;

/// The event channel of one party.
pub(super) struct Channel {
    frames: broadcast::Sender<Frame>,
    /// The newest snapshot, and its revision.
    snapshot: Option<(u64, Arc<Snapshot>)>,
}

/// The event with the whole party, serialised on first use.
pub(super) struct Snapshot {
    /// The record, until it is serialised.
    record: Mutex<Option<Record>>,
    text: OnceLock<Text>,
}

/// The events of one change.
#[derive(Clone)]
pub(super) struct Frame {
    /// For all remaining members.
    pub(super) events: Arc<Text>,
    /// Members for whom the party is over.
    gone: Arc<[(MemberId, EndReason)]>,
    /// Whether it is over for all.
    ends: bool,
}

impl Default for Channel {
    fn default() -> Self {
        Self { frames: broadcast::Sender::new(BEHIND), snapshot: None }
    }
}

impl Channel {
    /// The party as it is now, and the following events.
    pub(super) fn subscribe(&mut self, record: &Record) -> (Arc<Snapshot>, broadcast::Receiver<Frame>) {
        let known = self.snapshot.as_ref().filter(|(revision, _)| *revision == record.revision);
        let known = known.map(|(_, snapshot)| Arc::clone(snapshot));
        let snapshot = known.unwrap_or_else(|| Arc::new(Snapshot::of(record.clone())));
        self.snapshot = Some((record.revision, Arc::clone(&snapshot)));
        (snapshot, self.frames.subscribe())
    }

    /// Number of readers.
    pub(super) fn readers(&self) -> usize {
        self.frames.receiver_count()
    }

    /// Sends the events of a change to the readers.
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

    /// Sends a frame to all readers.
    pub(super) fn send(&self, frame: Frame) {
        // Fails only if there is no reader.
        drop(self.frames.send(frame));
    }
}

impl Snapshot {
    fn of(record: Record) -> Self {
        Self { record: Mutex::new(Some(record)), text: OnceLock::new() }
    }

    /// The event; the first call serialises it.
    pub(super) fn text(&self) -> &Text {
        self.text.get_or_init(|| {
            let record = self.record.lock().unwrap_or_else(PoisonError::into_inner).take();
            let event = record.map(|record| Event::new("snapshot", &record.view(Viewer::Members)));
            text(&event)
        })
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

#[cfg(test)]
mod tests {
    use protocol::{
        PartyId,
        party::{Access, CreateParty, Policy},
    };
    use serving::Prefix;

    use super::{
        super::party::{NewParty, TokenDigest},
        *,
    };

    #[test]
    fn a_snapshot_is_written_once_and_by_a_reader() {
        let create = CreateParty {
            title: "Evening".into(),
            policy: Policy::Host,
            access: Access::Public,
            name: "Ann".into(),
            settings: None,
        };
        let party_id = PartyId::from_bytes([7; 16]);
        let digest = TokenDigest::of("Ann");
        let mut record =
            Record::new(NewParty { party_id, create, default: None, digest, account_since_ms: None }, 1);
        let mut channel = Channel::default();
        let (first, _first) = channel.subscribe(&record);
        let (second, _second) = channel.subscribe(&record);
        assert!(Arc::ptr_eq(&first, &second) && first.text.get().is_none(), "nothing is written yet");
        let read =
            |snapshot: &Snapshot| String::from_utf8(snapshot.text().below(&Prefix::default()).to_vec());
        assert!(read(&first).unwrap().contains("Evening") && second.text.get().is_some());
        record.revision += 1;
        record.title = "Night".into();
        let (third, _third) = channel.subscribe(&record);
        assert!(read(&third).unwrap().contains("Night"));
    }
}
