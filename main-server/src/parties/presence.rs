//! Which members are connected, here and at the other main servers: by their open event streams and their calls. It is in memory only.
//! The record of a party says who is present, and [`upkeep`](super::upkeep) updates it.
//!
//! Servers tell each other every few seconds which members are connected to them. A member that was connected to none for [`SILENCE`] is
//! away.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use protocol::PartyId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::party::MemberId;
use crate::cluster::gossip::{Kind, Outbox};

/// Which members are connected to a main server: a [`Carried`] in JSON.
pub(super) const CARRIED: Kind = Kind(5);
/// How long a member may be connected to no server before it is away.
pub(super) const SILENCE: Duration = Duration::from_secs(15);
/// Longest time between two checks. After a longer one this server was suspended or overloaded, and its data is too old.
const LATE: Duration = Duration::from_secs(3);
/// How long after a call other servers are told of a member: at least once, and not for much longer than it is present.
const TOLD: Duration = Duration::from_secs(6);
/// Open event streams of one member at one server: windows, and connections that the server does not yet know to be broken.
const MOST_STREAMS: u32 = 8;
/// Members that are named in one message.
const MOST_NAMED: usize = 2_000;
/// How much longer each further server waits before it does what one server has to do.
pub(super) const TURN: Duration = Duration::from_millis(500);

/// The members that are connected to one main server, or a part of them.
#[derive(Default, Serialize, Deserialize)]
struct Carried {
    /// A number that no other main server has.
    server: u64,
    parties: Vec<(PartyId, Vec<MemberId>)>,
}

#[derive(Default)]
struct Inner {
    /// How many event streams of members are open here.
    here: HashMap<PartyId, HashMap<MemberId, u32>>,
    /// When members last called here.
    calls: HashMap<PartyId, HashMap<MemberId, Instant>>,
    /// When members that are present were last connected to any server.
    seen: HashMap<PartyId, HashMap<MemberId, Instant>>,
    /// When [`Presence::look`] was last called.
    looked_at: Option<Instant>,
    /// When the last message of each other server came.
    servers: HashMap<u64, Instant>,
}

/// See the [module](self).
pub(super) struct Presence {
    inner: Mutex<Inner>,
    server: u64,
}

/// An open event stream, until this is dropped.
pub(super) struct Stay {
    presence: Arc<Presence>,
    party_id: PartyId,
    member: MemberId,
}

/// Of one party: the members whose record is to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// They are connected here.
    pub(super) present: Vec<MemberId>,
    /// They are connected to no server.
    pub(super) away: Vec<MemberId>,
}

impl Presence {
    /// Of a main server with this number.
    pub(super) fn new(server: u64) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), server })
    }

    /// A member opens an event stream here; `None` if it has too many.
    pub(super) fn enter(self: &Arc<Self>, party_id: PartyId, member: MemberId) -> Option<Stay> {
        let mut inner = self.lock();
        let open = inner.here.entry(party_id).or_default().entry(member).or_default();
        if *open >= MOST_STREAMS {
            return None;
        }
        *open += 1;
        Some(Stay { presence: Arc::clone(self), party_id, member })
    }

    /// A member calls here: until [`SILENCE`] later it is present, as if it had an event stream.
    pub(super) fn call(&self, party_id: PartyId, member: MemberId, now: Instant) {
        self.lock().calls.entry(party_id).or_default().insert(member, now);
    }

    /// Begins a round of [`Self::compare`]. The time of all members begins anew if this server may have missed messages: it has no
    /// connection to all other servers, or the last round was more than [`LATE`] ago.
    pub(super) fn look(&self, hears_all: bool, now: Instant) {
        let mut inner = self.lock();
        let before = inner.looked_at.replace(now).unwrap_or(now);
        if !hears_all || now.saturating_duration_since(before) > LATE {
            inner.seen.clear();
        }
    }

    /// Compares the `members` of a party, each with whether its record says that it is present, with what is known of them.
    pub(super) fn compare(
        &self,
        party_id: PartyId,
        members: impl Iterator<Item = (MemberId, bool)>,
        now: Instant,
    ) -> Moves {
        let rank = self.rank(party_id);
        let mut inner = self.lock();
        let Inner { here, calls, seen, .. } = &mut *inner;
        let (here, mut before) = (here.get(&party_id), seen.remove(&party_id).unwrap_or_default());
        let calls = calls.get(&party_id);
        let (mut moves, mut seen_now) = (Moves::default(), HashMap::new());
        for (member, is_present) in members {
            let is_here = here.is_some_and(|here| here.contains_key(&member));
            let called = calls.and_then(|calls| calls.get(&member)).copied();
            let has_called = called.is_some_and(|at| now.saturating_duration_since(at) < SILENCE);
            if (is_here || has_called) && !is_present {
                moves.present.push(member);
            }
            if !is_present {
                continue;
            }
            // The time of a member begins when this server first sees it.
            let last = before.remove(&member).filter(|_| !is_here).unwrap_or(now);
            let last = called.map_or(last, |at| last.max(at));
            if now.saturating_duration_since(last) >= SILENCE + TURN * rank {
                moves.away.push(member);
            }
            seen_now.insert(member, last);
        }
        if !seen_now.is_empty() {
            inner.seen.insert(party_id, seen_now);
        }
        moves
    }

    /// Forgets deleted parties, and servers that sent nothing for [`SILENCE`].
    pub(super) fn keep(&self, parties: &HashSet<PartyId>, now: Instant) {
        let mut inner = self.lock();
        inner.seen.retain(|party_id, _| parties.contains(party_id));
        inner.servers.retain(|_, heard| now.saturating_duration_since(*heard) < SILENCE);
        inner.calls.retain(|_, calls| {
            calls.retain(|_, at| now.saturating_duration_since(*at) < SILENCE);
            !calls.is_empty()
        });
    }

    /// The place of this server in the order in which servers do work for a party, from 0: rendezvous hashing, so that all agree.
    pub(super) fn rank(&self, party_id: PartyId) -> u32 {
        let own = score(party_id, self.server);
        let before = |server: &&u64| score(party_id, **server) > own;
        self.lock().servers.keys().filter(before).count().try_into().unwrap_or(u32::MAX)
    }

    /// Tells the other servers which members are connected here.
    pub(super) fn tell(&self, outbox: &Outbox, now: Instant) {
        if outbox.is_alone() {
            return;
        }
        let here = self.carried(now);
        let mut carried = Carried { server: self.server, parties: Vec::new() };
        let mut named = 0;
        for (party_id, members) in here {
            named += members.len();
            carried.parties.push((party_id, members.into_iter().collect()));
            if named >= MOST_NAMED {
                carried.send(outbox);
                (carried.parties, named) = (Vec::new(), 0);
            }
        }
        carried.send(outbox);
    }

    /// The members that have an event stream here, or have called a moment ago.
    fn carried(&self, now: Instant) -> HashMap<PartyId, HashSet<MemberId>> {
        let inner = self.lock();
        let mut carried: HashMap<PartyId, HashSet<MemberId>> = HashMap::new();
        for (party_id, members) in &inner.here {
            carried.entry(*party_id).or_default().extend(members.keys());
        }
        for (party_id, calls) in &inner.calls {
            let recent = calls.iter().filter(|(_, at)| now.saturating_duration_since(**at) < TOLD);
            let mut recent = recent.map(|(member, _)| *member).peekable();
            if recent.peek().is_some() {
                carried.entry(*party_id).or_default().extend(recent);
            }
        }
        carried
    }

    /// Takes over which members are connected to another server.
    pub(super) fn hear(&self, payload: &Bytes, now: Instant) {
        let Ok(carried) = serde_json::from_slice::<Carried>(payload) else { return };
        let mut inner = self.lock();
        inner.servers.insert(carried.server, now);
        for (party_id, members) in carried.parties {
            // Only of members that are present by their record; the others' servers have them made so.
            if let Some(seen) = inner.seen.get_mut(&party_id) {
                for member in members {
                    seen.entry(member).and_modify(|at| *at = now);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carried {
    fn send(&self, outbox: &Outbox) {
        if let Ok(payload) = serde_json::to_vec(self) {
            outbox.send(CARRIED, &[&payload]);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut inner = self.presence.lock();
        let Some(members) = inner.here.get_mut(&self.party_id) else { return };
        if let Some(open) = members.get_mut(&self.member) {
            *open -= 1;
            if *open == 0 {
                members.remove(&self.member);
            }
        }
        if members.is_empty() {
            inner.here.remove(&self.party_id);
        }
    }
}

/// How well a server suits a party. Servers of all versions agree.
fn score(party_id: PartyId, server: u64) -> u64 {
    use md5::{Digest, Md5};
    let name = format!("{party_id}{server}");
    let [a, b, c, d, e, f, g, h, ..]: [u8; 16] = Md5::digest(name).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;

    fn members() -> [MemberId; 2] {
        ["m1", "m2"].map(|text| text.parse().unwrap())
    }

    fn party() -> PartyId {
        PartyId::from_bytes([1; 16])
    }

    /// Both members, present by the record.
    fn compare(presence: &Presence, now: Instant) -> Moves {
        presence.compare(party(), members().map(|member| (member, true)).into_iter(), now)
    }

    fn carried(server: u64, members: Vec<MemberId>) -> Bytes {
        serde_json::to_vec(&Carried { server, parties: vec![(party(), members)] }).unwrap().into()
    }

    #[test]
    fn a_member_that_no_server_carries_is_away_after_a_while() {
        let (presence, begun) = (Presence::new(1), Instant::now());
        let stay = presence.enter(party(), members()[0]);
        assert_eq!(compare(&presence, begun), Moves::default());
        let later = begun + SILENCE;
        assert_eq!(compare(&presence, later - TURN), Moves::default());
        assert_eq!(compare(&presence, later), Moves { away: vec![members()[1]], ..Moves::default() });
        drop(stay);
        assert_eq!(compare(&presence, later + SILENCE - TURN).away, [members()[1]], "it was seen later");
        assert_eq!(compare(&presence, later + SILENCE).away, members());
    }

    #[test]
    fn a_member_at_another_server_is_not_away_and_one_server_says_first_that_it_is() {
        let (presence, begun) = (Presence::new(1), Instant::now());
        compare(&presence, begun);
        let mut now = begun;
        for _ in 0..5 {
            now += SILENCE - TURN;
            presence.hear(&carried(2, members().to_vec()), now);
            assert_eq!(compare(&presence, now), Moves::default());
        }
        let other = Presence::new(2);
        other.hear(&carried(1, vec![]), now);
        assert_eq!(presence.rank(party()) + other.rank(party()), 1, "they agree on the order");
        let last = now + SILENCE + TURN * presence.rank(party());
        assert_eq!(compare(&presence, last - Duration::from_millis(1)), Moves::default());
        assert_eq!(compare(&presence, last).away, members());
        presence.keep(&HashSet::new(), now + SILENCE);
        assert_eq!(presence.rank(party()), 0, "a server that is silent is not waited for");
    }

    #[test]
    fn a_member_that_connects_is_present_and_has_a_bounded_number_of_streams() {
        let presence = Presence::new(1);
        let stays: Vec<_> = (0..9).map(|_| presence.enter(party(), members()[0])).collect();
        assert_eq!(stays.iter().flatten().count(), 8);
        let away = members().map(|member| (member, false)).into_iter();
        let moves = presence.compare(party(), away, Instant::now());
        assert_eq!(moves, Moves { present: vec![members()[0]], away: vec![] });
        drop(stays);
        assert!(presence.lock().here.is_empty());
    }

    #[test]
    fn a_member_that_calls_is_present_for_as_long_as_one_that_closed_its_stream() {
        let (presence, begun) = (Presence::new(1), Instant::now());
        let [member, _] = members();
        presence.call(party(), member, begun);
        let away = presence.compare(party(), [(member, false)].into_iter(), begun);
        assert_eq!(away.present, [member]);
        assert_eq!(presence.carried(begun + TOLD / 2)[&party()], HashSet::from([member]));
        assert!(presence.carried(begun + TOLD).is_empty());

        let half = begun + SILENCE / 2;
        assert_eq!(compare(&presence, begun), Moves::default());
        presence.call(party(), member, half);
        assert_eq!(compare(&presence, begun + SILENCE).away, [members()[1]]);
        assert_eq!(compare(&presence, half + SILENCE).away, members());
        presence.keep(&HashSet::from([party()]), half + SILENCE);
        assert!(presence.lock().calls.is_empty());
    }

    #[test]
    fn a_server_that_hears_nothing_or_stood_still_concludes_nothing() {
        let (presence, begun) = (Presence::new(1), Instant::now());
        let look = |hears_all: bool, seconds: u64| {
            let now = begun + Duration::from_secs(seconds);
            presence.look(hears_all, now);
            compare(&presence, now).away.len()
        };
        assert!((0..40).all(|second| look(second < 10, second) == 0), "others are not heard for 30 s");
        assert!((40..54).all(|second| look(true, second) == 0), "contact is back since 39 s");
        assert_eq!(look(true, 54), 2);
        assert_eq!(look(true, 58), 0, "it stood still");
    }

    #[test]
    fn what_is_no_message_is_ignored() {
        let presence = Presence::new(1);
        for payload in ["", "{}", "[]", r#"{"server":1,"parties":[["x",[1]]]}"#] {
            presence.hear(&Bytes::from_static(payload.as_bytes()), Instant::now());
        }
        assert!(presence.lock().servers.is_empty());
    }
}
