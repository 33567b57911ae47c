//! A party and its members for tests.

use std::collections::BTreeMap;

use protocol::{
    ItemId, PartyId, StreamId,
    party::{
        Access, ChangeParty, Command, CreateParty, PartyCommand, Policy, Settings, Target, Timeline, Votes,
    },
};

use super::super::{
    Applied, Created, Event, Join, MemberId, NewEntry, NewParty, Record, Refusal, Request, TokenDigest,
    Viewer,
};

/// The start time of parties in tests, Unix epoch.
pub(super) const START_MS: u64 = 1_700_000_000_000;
/// The length of items in tests.
pub(super) const SONG_MS: u64 = 180_000;

/// A party with a clock.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) record: Record,
    pub(super) now_ms: u64,
}

/// An item, with a digest that begins with `hash`.
pub(super) fn song(number: u8, hash: &str) -> NewEntry {
    NewEntry {
        item_id: Some(ItemId::from_bytes([number; 16])),
        stream_id: None,
        title: format!("Song {number}"),
        artist: None,
        poster_url: None,
        duration_ms: Some(SONG_MS),
        is_video: false,
        hash: format!("{hash:0<64}"),
        account: None,
    }
}

/// A live stream.
pub(super) fn live(title: &str) -> NewEntry {
    let stream_id = Some(StreamId::new(title, 1));
    NewEntry { item_id: None, stream_id, duration_ms: None, ..song(0, "0") }
}

pub(super) fn target(entry: &NewEntry) -> Target {
    Target { entry_id: None, item_id: entry.item_id, stream_id: entry.stream_id }
}

pub(super) fn create(policy: Policy, settings: Settings) -> CreateParty {
    CreateParty {
        title: "Evening".into(),
        policy,
        access: Access::Public,
        name: "Host".into(),
        settings: Some(settings),
    }
}

/// The join of a guest called `name`.
pub(super) fn guest(name: &str) -> Join {
    Join::guest(name, TokenDigest::of(name), usize::MAX)
}

/// A request of a member that is no operator.
pub(super) fn request(member: MemberId, command: Command, entry: Option<NewEntry>) -> Request {
    let command = PartyCommand { command, if_revision: None, request_id: None };
    Request { member, is_operator: false, command, entry, accounts: BTreeMap::new(), seen_round: None }
}

impl Party {
    pub(super) const HOST: MemberId = MemberId(1);

    pub(super) fn new(policy: Policy, settings: Settings) -> Self {
        let new = NewParty {
            party_id: PartyId::from_bytes([7; 16]),
            create: create(policy, settings),
            default: None,
            digest: TokenDigest::of("Host"),
            account_since_ms: None,
        };
        Self { record: Record::new(new, START_MS), now_ms: START_MS }
    }

    pub(super) fn try_apply(&mut self, event: &Event) -> Result<Applied, Refusal> {
        let before = self.record.clone();
        let outcome = self.record.apply(event, self.now_ms);
        match outcome {
            Ok(Applied { changed: true, .. }) => assert_eq!(self.record.revision, before.revision + 1),
            Ok(_) | Err(_) => assert_eq!(self.record, before, "nothing changed: {event:?}"),
        }
        outcome
    }

    /// Applies an event that is accepted.
    pub(super) fn apply(&mut self, event: &Event) -> Applied {
        self.try_apply(event).unwrap_or_else(|refusal| panic!("{event:?}: {refusal}"))
    }

    pub(super) fn join(&mut self, name: &str) -> MemberId {
        match self.apply(&Event::Join(guest(name))).created {
            Some(Created::Member(id)) => id,
            other => panic!("no member: {other:?}"),
        }
    }

    pub(super) fn ask(&mut self, member: MemberId, command: Command) -> Result<Applied, Refusal> {
        self.try_apply(&Event::Request(Box::new(request(member, command, None))))
    }

    pub(super) fn queue(&mut self, member: MemberId, entry: &NewEntry) -> Applied {
        let command = Command::Queue(target(entry));
        self.apply(&Event::Request(Box::new(request(member, command, Some(entry.clone())))))
    }

    pub(super) fn vote(&mut self, member: MemberId, entry: &NewEntry) {
        self.ask(member, Command::Vote(target(entry))).unwrap();
    }

    pub(super) fn set(&mut self, settings: Settings) {
        let change = ChangeParty { settings: Some(settings), ..ChangeParty::default() };
        self.ask(Self::HOST, Command::Set(Box::new(change))).unwrap();
    }

    pub(super) fn away(&mut self, member: MemberId) {
        self.apply(&Event::Away { members: vec![member] });
    }

    pub(super) fn back(&mut self, member: MemberId) {
        self.apply(&Event::Present { members: vec![member] });
    }

    /// Moves the clock, and executes due events at their times.
    pub(super) fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self.record.next_due_ms().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = due_ms.max(self.now_ms);
            assert!(self.apply(&Event::Tick).changed, "what is due is done");
        }
        self.now_ms = until_ms;
    }

    /// Passes the time until the current entry has ended and the next one has begun.
    pub(super) fn play_out(&mut self) {
        let due_ms = self.record.next_due_ms().expect("an entry plays that ends");
        self.pass(due_ms - self.now_ms);
        self.pass(self.timeline().at_ms - self.now_ms);
    }

    pub(super) fn timeline(&self) -> Timeline {
        self.record.view(Viewer::Members).timeline
    }

    /// Title of the current entry.
    pub(super) fn playing(&self) -> Option<String> {
        self.record.playing.as_ref().map(|entry| entry.content.title.clone())
    }

    pub(super) fn queued(&self) -> Vec<&str> {
        self.record.queue.iter().map(|entry| entry.content.title.as_str()).collect()
    }

    /// Votes by the title of their entry, with the members that cast them.
    pub(super) fn votes(&self) -> Vec<(u32, Vec<String>)> {
        let votes = self.record.view(Viewer::Members).round.map(|round| round.votes).unwrap_or_default();
        votes.into_iter().map(|Votes { count, members, .. }| (count, members)).collect()
    }
}
