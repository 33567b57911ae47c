//! What happens to parties without a request: time passes, members connect and vanish, items and streams end, parties are over.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{ItemId, PartyId, StreamId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    Parties,
    party::{Event, Member, Record},
    presence::{Moves, TURN},
};
use crate::{clock::Now, events::Event as Told, subject::Subject};

/// How often members, items and streams are looked at, and reports told.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often other servers are told which members are carried here, in intervals.
const TELL_EVERY: u64 = 5;
/// How often it is looked for what parties play no more and for parties that are over, in intervals.
const TIDY_EVERY: u64 = 5;
/// How often it is looked for invitations to parties that are no more, in intervals.
const TIDY_INVITATIONS_EVERY: u64 = 60;
/// How long a party is left alone after something that was due did not come about: the store may not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for something that is due.
const LONGEST: Duration = Duration::from_secs(60);

/// Has happen what is due, each at its time.
pub(super) async fn tick(parties: Arc<Parties>) {
    let busy: Arc<Mutex<HashSet<PartyId>>> = Arc::default();
    let is_busy = |party_id: &PartyId| busy.lock().unwrap_or_else(PoisonError::into_inner).contains(party_id);
    loop {
        let now_ms = Now::read().unix_ms();
        // One server normally does it; the others wait a little longer, in case that one is no more.
        let delay_ms = |party_id| TURN.as_millis() as u64 * u64::from(parties.presence.rank(party_id));
        let (due, next_ms) = parties.table.due(now_ms, delay_ms);
        for party_id in due.into_iter().filter(|party_id| !is_busy(party_id)) {
            busy.lock().unwrap_or_else(PoisonError::into_inner).insert(party_id);
            let (parties, busy) = (Arc::clone(&parties), Arc::clone(&busy));
            tokio::spawn(async move {
                let outcome = parties.writer.apply(party_id, Event::Tick).await;
                if !outcome.is_ok_and(|done| done.applied.changed) {
                    sleep(PAUSE).await;
                }
                busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&party_id);
                parties.table.wake();
            });
        }
        let next = next_ms.map_or(LONGEST, |next_ms| Duration::from_millis(next_ms.saturating_sub(now_ms)));
        let shortest = Duration::from_millis(1);
        // Running out of time is one of the two ways this is meant to end.
        drop(timeout(next.clamp(shortest, LONGEST), parties.table.due_changed()).await);
    }
}

/// Looks after presence and reports. It waits for nothing, so that no slow store makes members silent.
pub(super) async fn follow(parties: Arc<Parties>) {
    let mut interval = interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u64.. {
        interval.tick().await;
        parties.tell_reports();
        if round % TELL_EVERY == 0 {
            parties.presence.tell(&parties.outbox, Instant::now());
        }
        parties.follow_presence();
    }
}

/// Looks after what is played and what is over.
pub(super) async fn look_after(parties: Arc<Parties>) {
    let mut interval = interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut over = BTreeSet::new();
    for round in 0_u64.. {
        interval.tick().await;
        if round % TIDY_EVERY == 0 {
            parties.follow_media().await;
            over = parties.remove_over(&over).await;
        }
        if round % TIDY_INVITATIONS_EVERY == TIDY_INVITATIONS_EVERY - 1 {
            remove_invitations(&parties).await;
        }
    }
}

/// Deletes invitations to parties that are no more.
pub(super) async fn remove_invitations(parties: &Parties) {
    for key in parties.invitations.keys() {
        let Subject::Party(party_id) = key.subject else { continue };
        // What cannot be deleted now is deleted later.
        if matches!(parties.is_removed(party_id).await, Ok(true)) {
            drop(parties.invitations.remove(&key).await);
        }
    }
}

impl Parties {
    fn tell_reports(&self) {
        for (party_id, presence) in self.reports.take(&self.outbox) {
            self.table.publish(party_id, &Told::new("presence", &presence));
        }
    }

    /// Writes into the records which members are connected.
    fn follow_presence(&self) {
        let now = Instant::now();
        self.presence.look(self.resolver.streams.knows_all().is_ok(), now);
        let (moves, known) = self.table.all(|records| {
            let present = |member: &Member| (member.id, member.is_present());
            let of_party = |(party_id, record): (&PartyId, &Record)| {
                let members = record.members.iter().map(present);
                (*party_id, self.presence.compare(*party_id, members, now))
            };
            let running = records.iter().filter(|(_, record)| !record.is_ended());
            let moves: Vec<_> = running.map(of_party).collect();
            let known: HashSet<_> = records.iter().map(|(party_id, _)| *party_id).collect();
            (moves, known)
        });
        for (party_id, Moves { present, away }) in moves {
            if !present.is_empty() {
                self.apply_later(party_id, Event::Present { members: present });
            }
            if !away.is_empty() {
                self.apply_later(party_id, Event::Away { members: away });
            }
        }
        self.presence.keep(&known, now);
        self.limits.keep(|party_id| self.table.all(|records| records.get(party_id).is_some()));
        self.reports.keep(|party_id, member| self.is_member(party_id, member));
    }

    /// Applies an event without waiting for it. It comes again if it was not applied.
    pub(super) fn apply_later(&self, party_id: PartyId, event: Event) {
        let writer = Arc::clone(&self.writer);
        tokio::spawn(async move { drop(writer.apply(party_id, event).await) });
    }

    /// Ends what plays of streams that are over, and takes out items that are gone.
    async fn follow_media(&self) {
        let (streams, items) = self.table.all(|records| {
            let (mut streams, mut items) = (Vec::new(), Vec::new());
            for (party_id, record) in records.iter() {
                for entry in record.playing.iter().chain(&record.queue) {
                    streams.extend(entry.content.stream_id.map(|stream_id| (*party_id, stream_id)));
                    items.extend(entry.content.item_id.map(|item_id| (*party_id, item_id)));
                }
            }
            (streams, items)
        });
        for (party_id, stream_id) in streams {
            if self.is_over(stream_id).await {
                self.apply_later(party_id, Event::StreamEnded { stream_id });
            }
        }
        for (party_id, item_id) in items {
            if self.is_gone(item_id).await {
                self.apply_later(party_id, Event::ItemGone { item_id });
            }
        }
    }

    /// Whether a stream is over, as far as this server knows for sure.
    async fn is_over(&self, stream_id: StreamId) -> bool {
        let streams = &self.resolver.streams;
        streams.knows_all().is_ok()
            && streams.look_up(stream_id).await.is_ok()
            && streams.find(stream_id, Now::read()).is_err()
    }

    /// Whether an item cannot be played any more.
    async fn is_gone(&self, item_id: ItemId) -> bool {
        let found = self.resolver.library.find(item_id).await;
        found.is_ok_and(|record| record.is_none_or(|record| record.is_deleted()))
    }

    /// Deletes parties that had ended before the last check, and those without a present member for too long. Returns those that
    /// have ended by now.
    async fn remove_over(&self, before: &BTreeSet<PartyId>) -> BTreeSet<PartyId> {
        let (now_ms, idle_ms) = (Now::read().unix_ms(), self.limits.idle().as_millis());
        let is_idle = move |record: &Record| {
            record
                .empty_since_ms()
                .is_some_and(|since_ms| u128::from(now_ms.saturating_sub(since_ms)) >= idle_ms)
        };
        let is_over = move |record: &Record| record.is_ended() || is_idle(record);
        let over: BTreeSet<PartyId> = self.table.all(|records| {
            records.iter().filter(|(_, record)| is_over(record)).map(|(party_id, _)| *party_id).collect()
        });
        for party_id in over.intersection(before) {
            // What cannot be deleted now is deleted later.
            drop(self.records.remove_if(party_id, is_over).await);
        }
        over
    }

    /// Whether the store has no such party any more.
    ///
    /// # Errors
    /// The store's.
    async fn is_removed(&self, party_id: PartyId) -> Result<bool, store::Error> {
        if self.table.all(|records| records.get(&party_id).is_some()) {
            return Ok(false);
        }
        self.records.is_absent(&party_id).await
    }
}
