//! The invariants of the simulation: repeats the history that the store accepted, with a simple reference
//! that counts the votes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use protocol::party::Command;

use super::{
    super::super::{
        Applied, Event, MemberId, Record, Refusal, Viewer, changes, playback::LEAD_MS, record::Member,
    },
    SONG_MS,
    world::Ask,
};

/// What the store accepted in one write.
pub(super) struct Commit {
    pub(super) at_ms: u64,
    pub(super) events: Vec<(Option<Ask>, Event)>,
    pub(super) record: Rc<Record>,
}

#[derive(Default)]
pub(super) struct Report {
    pub(super) rounds: u64,
    pub(super) crashes: u64,
    pub(super) conflicts: u64,
    pub(super) retries: u64,
}

pub(super) struct Oracle {
    /// A replica that applies the accepted events one by one.
    replica: Record,
    /// The reference: each member's vote in the open round, as the index of the item.
    votes: HashMap<MemberId, String>,
    /// All records that the store has had.
    history: Vec<Rc<Record>>,
    /// The members' requests, with the length of the history at that time.
    asked: Vec<(Event, usize)>,
    /// The requests that the store has accepted.
    accepted: BTreeSet<Ask>,
    /// The answers to members: whether the request was executed.
    told: BTreeMap<Ask, bool>,
    /// Texts of all messages that were ever accepted.
    messages: HashMap<String, u64>,
    /// Texts of the messages that members asked for.
    texts: BTreeMap<Ask, String>,
    closed: BTreeSet<u64>,
}

impl Oracle {
    pub(super) fn new(record: Record) -> Self {
        Self {
            history: vec![Rc::new(record.clone())],
            replica: record,
            asked: Vec::new(),
            votes: HashMap::new(),
            accepted: BTreeSet::new(),
            told: BTreeMap::new(),
            messages: HashMap::new(),
            texts: BTreeMap::new(),
            closed: BTreeSet::new(),
        }
    }

    pub(super) fn is_told(&self, ask: Ask) -> bool {
        self.told.contains_key(&ask)
    }

    /// A member sends a request.
    pub(super) fn ask(&mut self, event: &Event) {
        self.asked.push((event.clone(), self.history.len() - 1));
    }

    /// A member receives an answer: if the request was executed, the store has it, or already had it after
    /// the request was sent.
    pub(super) fn tell(&mut self, ask: Ask, outcome: Result<Applied, Refusal>) {
        self.told.insert(ask, outcome.is_ok());
        let (event, since) = &self.asked[ask];
        let Event::Request(request) = event else { return };
        let Command::Vote(target) = &request.command.command else { return };
        let has_vote = |record: &Rc<Record>| {
            let vote = record.member(request.member).and_then(|member| member.vote);
            vote.is_some() && vote == record.entry(target).map(|entry| entry.id)
        };
        let is_there = self.accepted.contains(&ask) || self.history[*since..].iter().any(has_vote);
        assert!(outcome.is_err() || is_there, "a vote was acknowledged that the store does not have");
    }

    /// The store has accepted a write.
    pub(super) fn commit(&mut self, commit: Commit) {
        let Commit { at_ms, events, record } = commit;
        for (ask, event) in &events {
            let before = self.replica.clone();
            let outcome = self.replica.apply(event, at_ms);
            if outcome.is_err() {
                continue;
            }
            self.accepted.extend(*ask);
            self.check_timeline(&before, event, at_ms);
            self.follow(&before, *ask, event);
        }
        assert!(self.replica == *record, "every replica has the same");
        self.history.push(record);
    }

    /// Tracks the votes, and compares them with a closed round.
    fn follow(&mut self, before: &Record, ask: Option<Ask>, event: &Event) {
        let after = &self.replica;
        if let Event::Request(request) = event {
            match &request.command.command {
                // Also if this event closes the round: a member that returns may ask to skip.
                Command::Vote(target) => {
                    let voted = before.entry(target).unwrap().id.to_string();
                    self.votes.insert(request.member, voted);
                }
                Command::Chat { text } => _ = ask.map(|ask| self.texts.insert(ask, text.clone())),
                _ => {}
            }
        }
        for message in changes(before, after).chat {
            *self.messages.entry(message.text).or_default() += 1;
        }
        if before.round() != after.round() {
            self.check_round(before);
        }
    }

    /// Checks that exactly one round was closed, with the winner of the votes.
    fn check_round(&mut self, before: &Record) {
        let after = &self.replica;
        let closed = after.last_round_view(Viewer::Members).unwrap();
        assert_eq!(closed.round, before.round());
        assert_eq!(after.round(), before.round() + 1);
        assert!(self.closed.insert(closed.round), "round {} is closed once", closed.round);

        // The event that closed it may have changed who is present.
        let votes = |m: &&Member| m.is_present() || self.votes.contains_key(&m.id);
        let voters: BTreeSet<_> = after.members.iter().filter(votes).map(|m| m.id).collect();
        let counted: u32 = closed.votes.iter().map(|votes| votes.count).sum();
        assert_eq!(counted as usize, voters.len(), "each member that is present or has voted has one vote");
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let mut cast = 0;
        for votes in &closed.votes {
            for member in &votes.members {
                let id = member.parse().unwrap();
                assert!(voters.contains(&id));
                if let Some(vote) = self.votes.get(&id) {
                    assert_eq!(*vote, votes.entry_id, "{member} has voted for something else");
                    cast += 1;
                }
                *counts.entry(votes.entry_id.clone()).or_default() += 1;
            }
        }
        assert_eq!(
            closed.cast_at_random as usize,
            voters.len() - cast,
            "no vote that was acknowledged is lost"
        );
        let hash = |id: &String| {
            let entry = before.queue.iter().find(|entry| entry.id.to_string() == **id).unwrap();
            (entry.content.hash.clone(), entry.id)
        };
        let most = counts.values().copied().max().unwrap_or(0);
        let winner =
            counts.iter().filter(|(_, count)| **count == most).map(|(id, _)| id).min_by_key(|id| hash(id));
        if !voters.is_empty() {
            assert_eq!(closed.winner.as_ref(), winner);
        }
        let playing = after.playing.as_ref().map(|entry| entry.id.to_string());
        assert_eq!(playing, closed.winner);
        self.votes.clear();
    }

    /// Checks that playback has no jumps, and that nothing is cut off except by authorised members.
    fn check_timeline(&self, before: &Record, event: &Event, at_ms: u64) {
        let (old, new) = (&before.timeline, &self.replica.timeline);
        if old == new {
            return;
        }
        assert!(new.at_ms >= at_ms + LEAD_MS || new.at_ms == old.at_ms, "it is announced");
        let position = |at_ms: u64| match old.paused {
            true => old.position_ms,
            false => (old.position_ms + (at_ms - old.at_ms)).min(SONG_MS),
        };
        if new.began_at_ms < old.began_at_ms {
            assert!(
                old.follows && old.round == new.round && new.position_ms == 0,
                "it begins sooner: {event:?}"
            );
            return;
        }
        if old.round == new.round {
            assert!(new.at_ms >= old.at_ms, "never back in time");
            assert_eq!(new.position_ms, position(new.at_ms), "{event:?}");
            return;
        }
        assert_eq!(new.position_ms, 0);
        if matches!(event, Event::Tick) {
            let end_ms = old.at_ms + SONG_MS - old.position_ms;
            assert!(!old.paused && new.at_ms >= end_ms, "it was played to its end");
            let is_late = at_ms + LEAD_MS > end_ms;
            assert!(is_late || new.at_ms == end_ms, "and there is no gap");
        }
    }

    pub(super) fn finish(self, report: Report) -> Report {
        for (ask, _) in self.told.iter().filter(|(_, is_done)| **is_done) {
            let text = self.texts.get(ask);
            let times = text.map(|text| self.messages.get(text).copied().unwrap_or(0));
            assert!(times.is_none_or(|times| times == 1), "{ask}: {times:?} times");
        }
        assert!(self.messages.values().all(|times| *times == 1), "no message twice");
        Report { rounds: self.closed.len() as u64, ..report }
    }
}
