//! Background work for parties: deadlines, presence of members, items and streams that cannot be played any more, deletion.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{ItemId, PartyId, item::State};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    Error, Parties,
    party::{EntryId, Event, Member, MemberId, Record},
    presence::{Moves, TURN},
};
use crate::{
    clock::Now,
    events::Event as Told,
    library::{Error as LibraryError, Record as Item},
    subject::Subject,
};

/// Interval for checks of members, items and streams, and for sending reports.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often other servers are told which members are connected here, in intervals.
const TELL_EVERY: u64 = 5;
/// How often entries that cannot be played any more and parties that are over are removed, in intervals.
const TIDY_EVERY: u64 = 5;
/// How often invitations to deleted parties are removed, in intervals.
const TIDY_INVITATIONS_EVERY: u64 = 60;
/// Pause before a due event of a party is tried again: the store may not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for something that is due.
const LONGEST: Duration = Duration::from_secs(60);

/// An entry of a party, and the account that added it.
type Added = (PartyId, EntryId, Option<String>);

/// Applies [`Event::Tick`] to each party when it is due.
pub(super) async fn tick(parties: Arc<Parties>) {
    let busy: Arc<Mutex<HashSet<PartyId>>> = Arc::default();
    let is_busy = |party_id: &PartyId| busy.lock().unwrap_or_else(PoisonError::into_inner).contains(party_id);
    loop {
        let now_ms = Now::read().unix_ms();
        // One server normally does it. The others wait a little longer, in case that one is down.
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

/// Updates presence and sends reports. It never waits for the store: members would seem to be away while the store is slow.
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

/// Removes what cannot be played any more, members without an account, and parties that are over.
pub(super) async fn look_after(parties: Arc<Parties>) {
    let mut interval = interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut over = BTreeSet::new();
    let (mut accounts, mut knows_members) = (parties.accounts.changed(), false);
    for round in 0_u64.. {
        interval.tick().await;
        if round % TIDY_EVERY == 0 {
            if accounts.has_changed().unwrap_or(false) {
                accounts.mark_unchanged();
                knows_members = false;
            }
            knows_members = knows_members || parties.remove_strangers().await;
            parties.follow_media().await;
            over = parties.remove_over(&over).await;
        }
        if round % TIDY_INVITATIONS_EVERY == TIDY_INVITATIONS_EVERY - 1 {
            remove_invitations(&parties).await;
        }
    }
}

/// Deletes invitations to deleted parties.
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

    /// Writes into the records which members are connected, and brings back timelines of a clock that was ahead.
    fn follow_presence(&self) {
        let now = Instant::now();
        self.presence.look(self.resolver.streams.knows_all().is_ok(), now);
        let moves = self.table.each(|party_id, record| {
            let members = record.members.iter().map(|member| (member.id, member.is_present()));
            (party_id, self.presence.compare(party_id, members, now))
        });
        let now_ms = Now::read().unix_ms();
        let ahead = self.table.each(|party_id, record| record.is_ahead(now_ms).then_some(party_id));
        for party_id in ahead.into_iter().flatten() {
            tracing::warn!("party {party_id} was ahead of the clock: brought back to it");
            self.apply_later(party_id, Event::Tick);
        }
        let known: HashSet<_> =
            self.table.all(|records| records.iter().map(|(party_id, _)| *party_id).collect());
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

    /// Ends what plays of streams that members may not watch any more, and takes out entries that they may not play. Each stream and
    /// item is asked for once, however many parties have it.
    pub(super) async fn follow_media(&self) {
        let (mut streams, mut items) = (BTreeMap::new(), BTreeMap::new());
        self.table.each(|party_id, record| {
            for entry in record.entries() {
                if let Some(stream_id) = entry.content.stream_id {
                    streams.entry(stream_id).or_insert_with(BTreeSet::new).insert(party_id);
                }
                if let Some(item_id) = entry.content.item_id {
                    let added = (party_id, entry.id, entry.content.account.clone());
                    items.entry(item_id).or_insert_with(Vec::new).push(added);
                }
            }
        });
        for (stream_id, parties) in streams {
            if self.resolver.is_over(stream_id).await {
                for party_id in parties {
                    self.apply_later(party_id, Event::StreamEnded { stream_id });
                }
            }
        }
        for (party_id, entries) in self.gone(items).await {
            self.apply_later(party_id, Event::EntriesGone { entries });
        }
    }

    /// The entries, each given with its party and the account that added it, whose items were deleted, or can or may not be played any
    /// more. An item of which the store does not tell is left alone.
    async fn gone(&self, items: BTreeMap<ItemId, Vec<Added>>) -> HashMap<PartyId, Vec<EntryId>> {
        let mut gone: HashMap<PartyId, Vec<EntryId>> = HashMap::new();
        for (item_id, mut added) in items {
            let Ok(record) = self.resolver.library.find(item_id).await else { continue };
            added.retain(|added| !self.may_be_played(record.as_ref(), added));
            if added.is_empty() {
                continue;
            }
            // Another server may have made the item public just now, or the account that may play it.
            let Ok(record) = self.newest(item_id, &added).await else { continue };
            added.retain(|added| !self.may_be_played(record.as_ref(), added));
            for (party_id, entry, _) in added {
                gone.entry(party_id).or_default().push(entry);
            }
        }
        gone
    }

    /// Whether members may play an entry of the item with this record.
    fn may_be_played(&self, record: Option<&Item>, (_, _, account): &Added) -> bool {
        let record = record.filter(|record| !record.is_deleted() && record.state != State::Failed);
        let adder = account.as_deref().and_then(|name| self.accounts.holder(name));
        record.is_some_and(|record| self.resolver.is_open_to(record, adder.as_ref()))
    }

    /// The record of an item as the store has it. Takes over what the store knows of the accounts that added it, too.
    async fn newest(&self, item_id: ItemId, added: &[Added]) -> Result<Option<Item>, Error> {
        let accounts: BTreeSet<_> = added.iter().filter_map(|(_, _, account)| account.as_ref()).collect();
        for account in accounts {
            self.accounts.look_up(account).await?;
        }
        match self.resolver.library.newest(item_id).await {
            Ok(record) => Ok(Some(record)),
            Err(LibraryError::Unknown) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes members whose account was deleted. Says whether all are known: the store may not answer.
    async fn remove_strangers(&self) -> bool {
        let mut accounts: BTreeMap<(String, u64), Vec<(PartyId, MemberId)>> = BTreeMap::new();
        self.table.each(|party_id, record| {
            let with_account =
                |member: &Member| Some((member.account()?.to_owned(), member.account_since_ms?, member.id));
            for (name, since_ms, member) in record.members.iter().filter_map(with_account) {
                accounts.entry((name, since_ms)).or_default().push((party_id, member));
            }
        });
        let mut knows_all = true;
        for ((name, since_ms), members) in accounts {
            let is_there = || self.accounts.since_ms(&name) == Some(since_ms);
            if is_there() {
                continue;
            }
            // Another server may have made it just now.
            let is_known = self.accounts.look_up(&name).await.is_ok();
            knows_all &= is_known;
            if is_known && !is_there() {
                for (party_id, member) in members {
                    self.apply_later(party_id, Event::Leave { member });
                }
            }
        }
        knows_all
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
