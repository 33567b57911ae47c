//! Which streams are to be recorded here: what `control` and `ingest` learn and the recorder does.
//!
//! The main server's answers to heartbeats say it. A stream whose broadcaster comes to this node is recorded before any answer lists it,
//! if the grant of the broadcaster says so: no main server may answer for a while, and the ring does not keep the media for so long. From
//! the first answer that lists the recording on, answers alone count. A recording is not wanted once answers that could have listed
//! it have not done so for [`UNLISTED_TIMEOUT`]. Time without answers does not count: the main server that answers next may have just
//! heard of the stream.

use std::{
    sync::{Mutex, Once},
    time::Duration,
};

use protocol::{
    StreamId,
    grant::RecordedInto,
    item::{RecordStream, RecorderRole},
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{clock::Now, ingest::StreamObserver, lock::lock};

/// A main server that has just heard of a stream lists its recording a moment later.
const UNLISTED_TIMEOUT: Duration = Duration::from_secs(5);
/// At most this much of the time between two answers counts for [`UNLISTED_TIMEOUT`].
const COUNTED_PAUSE: Duration = Duration::from_secs(1);
/// Most recordings of a node that grants alone name.
pub const MAX_GRANTED_RECORDINGS: usize = 4096;

/// What is to be recorded here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) recordings: Vec<Assignment>,
    /// Whether a main server has said what it wants recorded: what is not among `recordings` is not wanted.
    pub(crate) is_answered: bool,
}

/// A stream that is to be recorded here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) entry: RecordStream,
    /// Whether only its broadcaster's grant says so: the item may not exist yet.
    pub(crate) is_granted_only: bool,
}

/// A recording that a grant names.
struct Granted {
    entry: RecordStream,
    /// In node time.
    since_ms: u64,
    /// When the last answer that could have listed it, and did not, was asked for, in node time.
    unlisted_at_ms: Option<u64>,
    /// For how long such answers came.
    unlisted_for: Duration,
}

impl Granted {
    fn new(entry: RecordStream, now: Now) -> Self {
        Self { entry, since_ms: now.ms, unlisted_at_ms: None, unlisted_for: Duration::ZERO }
    }

    /// An answer that was `asked` for then does not list it.
    fn unlisted(&mut self, asked: Now) {
        if asked.ms <= self.since_ms {
            return;
        }
        if let Some(at_ms) = self.unlisted_at_ms.replace(asked.ms) {
            self.unlisted_for += asked.since(at_ms).min(COUNTED_PAUSE);
        }
    }
}

#[derive(Default)]
struct State {
    /// None before the first answer.
    answered: Option<Vec<RecordStream>>,
    granted: Vec<Granted>,
}

/// See the [module](self).
pub(crate) struct Assignments {
    state: Mutex<State>,
    wanted: watch::Sender<Assigned>,
    /// That the node was asked to record and cannot.
    refusal: Once,
    stopped: CancellationToken,
}

impl Assignments {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            wanted: watch::Sender::default(),
            refusal: Once::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// The main server wants these streams recorded, and no others. It was `asked` then.
    pub(crate) fn assign(&self, recordings: Vec<RecordStream>, asked: Now) {
        self.refuse_unless_able(recordings.is_empty());
        let mut state = lock(&self.state);
        state.granted.retain_mut(|granted| {
            if recordings.iter().any(|entry| entry.item_id == granted.entry.item_id) {
                return false;
            }
            granted.unlisted(asked);
            granted.unlisted_for < UNLISTED_TIMEOUT
        });
        state.answered = Some(recordings);
        self.publish(&state);
    }

    /// The grant of a stream's broadcaster, who has just come to this node, says that the stream is recorded.
    fn grant(&self, stream_id: StreamId, into: RecordedInto, now: Now) {
        self.refuse_unless_able(false);
        let RecordedInto { item_id, from_now } = into;
        let role = RecorderRole::Primary;
        let entry = RecordStream { stream_id, item_id, role, next: None, from_now, missing: Vec::new() };
        let mut state = lock(&self.state);
        let is_listed = state.answered.iter().flatten().any(|listed| listed.item_id == item_id);
        state.granted.retain(|granted| granted.entry.item_id != item_id);
        if !is_listed && state.granted.len() < MAX_GRANTED_RECORDINGS {
            state.granted.push(Granted::new(entry, now));
        }
        self.publish(&state);
    }

    fn publish(&self, state: &State) {
        let listed = state.answered.iter().flatten().map(|entry| (entry, false));
        let granted = state.granted.iter().map(|granted| (&granted.entry, true));
        let assignment = |(entry, is_granted_only): (&RecordStream, bool)| Assignment {
            entry: entry.clone(),
            is_granted_only,
        };
        let recordings = listed.chain(granted).map(assignment).collect();
        let assigned = Assigned { recordings, is_answered: state.answered.is_some() };
        self.wanted.send_if_modified(|wanted| {
            let changes = *wanted != assigned;
            *wanted = assigned;
            changes
        });
    }

    /// Says once that the node was asked to record and cannot: without a folder the recorder has ended when the node started.
    fn refuse_unless_able(&self, is_nothing: bool) {
        if self.stopped.is_cancelled() && !is_nothing {
            let refuse =
                || tracing::warn!("the node was asked to record and cannot: it has no folder for that");
            self.refusal.call_once(refuse);
        }
    }

    /// What is wanted, now and after each change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Assigned> {
        self.wanted.subscribe()
    }

    /// The recorder has stopped once the guard is dropped.
    pub(crate) fn stops_when_dropped(&self) -> DropGuard {
        self.stopped.clone().drop_guard()
    }

    /// Waits until all recordings have ended after the node was asked to stop.
    pub(crate) async fn recorder_stopped(&self) {
        self.stopped.cancelled().await;
    }
}

impl StreamObserver for Assignments {
    fn opened(&self) {}

    fn published(&self, stream: StreamId, recording: Option<RecordedInto>, now: Now) {
        recording.into_iter().for_each(|into| self.grant(stream, into, now));
    }
}

#[cfg(test)]
mod tests {
    use protocol::ItemId;

    use super::*;
    use crate::clock::whole_ms;

    fn into(item: u8) -> RecordedInto {
        RecordedInto { item_id: ItemId::from_bytes([item; 16]), from_now: false }
    }

    fn listed(item: u8) -> RecordStream {
        let (stream_id, role) = (StreamId::new("a", 1), RecorderRole::Standby);
        RecordStream {
            stream_id,
            item_id: into(item).item_id,
            role,
            next: None,
            from_now: false,
            missing: Vec::new(),
        }
    }

    /// What is recorded: the items, and whether grants alone name them.
    fn recorded(assignments: &Assignments) -> Vec<(ItemId, bool)> {
        let assigned = assignments.subscribe().borrow().clone();
        assigned.recordings.iter().map(|one| (one.entry.item_id, one.is_granted_only)).collect()
    }

    fn at(ms: u64) -> Now {
        Now { ms, unix_ms: 0 }
    }

    /// One that a grant named at 1000 ms.
    fn granted() -> Assignments {
        let assignments = Assignments::new();
        assignments.published(StreamId::new("a", 1), Some(into(1)), at(1000));
        assert_eq!(recorded(&assignments), [(into(1).item_id, true)], "before any answer");
        assignments
    }

    #[test]
    fn what_a_grant_names_is_recorded_until_an_answer_lists_it_and_then_as_answers_say() {
        let assignments = granted();
        assert!(!assignments.subscribe().borrow().is_answered);
        assignments.assign(vec![listed(1), listed(2)], at(900));
        let as_listed = [(into(1).item_id, false), (into(2).item_id, false)];
        assert_eq!(recorded(&assignments), as_listed);
        assignments.published(StreamId::new("a", 1), Some(into(1)), at(1001));
        assert_eq!(recorded(&assignments), as_listed, "its broadcaster came back");
        assignments.assign(vec![listed(2)], at(1002));
        assert_eq!(recorded(&assignments), as_listed[1..], "it was switched off");
    }

    #[test]
    fn what_a_grant_names_and_no_answer_lists_is_recorded_for_a_moment() {
        let assignments = granted();
        assignments.assign(vec![], at(1000));
        let first_ms = 500_000;
        for ms in (first_ms..first_ms + whole_ms(UNLISTED_TIMEOUT)).step_by(1000) {
            assignments.assign(vec![], at(ms));
            assert_eq!(recorded(&assignments).len(), 1, "one may list it in a moment");
        }
        assignments.assign(vec![], at(first_ms + whole_ms(UNLISTED_TIMEOUT)));
        assert_eq!(recorded(&assignments), []);
    }

    /// The first main server failed before it listed the recording, and the next one has just heard of the stream.
    #[test]
    fn time_without_answers_does_not_make_a_recording_unwanted() {
        let assignments = granted();
        assignments.assign(vec![], at(1001));
        assignments.assign(vec![], at(900_000));
        assert_eq!(recorded(&assignments), [(into(1).item_id, true)]);
    }

    #[test]
    fn grants_name_a_bounded_number_of_recordings() {
        let assignments = Assignments::new();
        for number in 0..MAX_GRANTED_RECORDINGS as u128 + 10 {
            let into = RecordedInto { item_id: ItemId::from_bytes(number.to_be_bytes()), from_now: false };
            assignments.published(StreamId::new("a", 1), Some(into), at(0));
        }
        assert_eq!(recorded(&assignments).len(), MAX_GRANTED_RECORDINGS);
    }
}
