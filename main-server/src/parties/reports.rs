//! What members report of their playback. It is in memory only, and sent to the members of a party at most once a second.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use protocol::{
    PartyId,
    party::{MemberReport, Presence, ReportPlayback},
};
use serde::{Deserialize, Serialize};

use super::party::MemberId;
use crate::cluster::gossip::{Kind, Outbox};

/// Reports of members that came to a main server: a [`Reported`] in JSON.
pub(super) const REPORTED: Kind = Kind(6);
/// Most reports in one event.
const MOST_IN_EVENT: usize = 50;

/// Reports for other servers.
#[derive(Serialize, Deserialize)]
struct Reported {
    party_id: PartyId,
    members: Vec<(MemberId, ReportPlayback)>,
}

/// The newest report of each member that was not told yet, in the order of arrival.
#[derive(Default)]
struct Waiting {
    order: VecDeque<MemberId>,
    /// With whether it came to this server.
    newest: HashMap<MemberId, (ReportPlayback, bool)>,
}

#[derive(Default)]
struct Inner {
    waiting: HashMap<PartyId, Waiting>,
    /// Members that reported to this server that they wait for media.
    buffering: HashSet<(PartyId, MemberId)>,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Reports(Mutex<Inner>);

impl Reports {
    /// A member reports to this server. Says whether it did not wait for media and does now, or the other way round. `is_waited_for` says
    /// whether the party waits for it: it may have reported to another server that it waits for media.
    pub(super) fn add(
        &self,
        party_id: PartyId,
        member: MemberId,
        report: ReportPlayback,
        is_waited_for: bool,
    ) -> bool {
        let (of_member, is_buffering) = ((party_id, member), report.is_buffering);
        let mut inner = self.lock();
        inner.put(party_id, member, report, true);
        if is_buffering {
            inner.buffering.insert(of_member)
        } else {
            inner.buffering.remove(&of_member) || is_waited_for
        }
    }

    /// Forgets members that have left.
    pub(super) fn keep(&self, is_member: impl Fn(PartyId, MemberId) -> bool) {
        self.lock().buffering.retain(|(party_id, member)| is_member(*party_id, *member));
    }

    /// Takes over what members reported to another server. `is_member` says whether a party has a member.
    pub(super) fn hear(&self, payload: &Bytes, is_member: impl Fn(PartyId, MemberId) -> bool) {
        let Ok(Reported { party_id, members }) = serde_json::from_slice(payload) else { return };
        for (member, report) in members.into_iter().filter(|(member, _)| is_member(party_id, *member)) {
            let mut inner = self.lock();
            if !report.is_buffering {
                inner.buffering.remove(&(party_id, member));
            }
            inner.put(party_id, member, report, false);
        }
    }

    /// The events to send now, one per party. Other servers are told of the reports that came to this one.
    pub(super) fn take(&self, outbox: &Outbox) -> Vec<(PartyId, Presence)> {
        let mut inner = self.lock();
        let mut events = Vec::new();
        for (party_id, waiting) in &mut inner.waiting {
            let count = waiting.order.len().min(MOST_IN_EVENT);
            let (mut members, mut own) = (Vec::with_capacity(count), Vec::new());
            for member in waiting.order.drain(..count) {
                let Some((report, is_own)) = waiting.newest.remove(&member) else { continue };
                if is_own {
                    own.push((member, report.clone()));
                }
                members.push(MemberReport { member_id: member.to_string(), report });
            }
            if !own.is_empty()
                && let Ok(payload) = serde_json::to_vec(&Reported { party_id: *party_id, members: own })
            {
                outbox.send(REPORTED, &[&payload]);
            }
            events.push((*party_id, Presence { members }));
        }
        inner.waiting.retain(|_, waiting| !waiting.order.is_empty());
        events
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, party_id: PartyId, member: MemberId, report: ReportPlayback, is_own: bool) {
        let waiting = self.waiting.entry(party_id).or_default();
        if waiting.newest.insert(member, (report, is_own)).is_none() {
            waiting.order.push_back(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_reports_to_several_servers_is_waited_for_until_it_is_ready_and_again_later() {
        let (a, b) = (Reports::default(), Reports::default());
        let (party_id, member) = (PartyId::from_bytes([1; 16]), "m1".parse().unwrap());
        let report = |is_buffering| ReportPlayback { error_ms: None, is_buffering };
        assert!(a.add(party_id, member, report(true), false));
        assert!(b.add(party_id, member, report(false), true), "the party waits for it");
        assert!(!b.add(party_id, member, report(false), false));
        let told = Reported { party_id, members: vec![(member, report(false))] };
        a.hear(&serde_json::to_vec(&told).unwrap().into(), |_, _| true);
        assert!(a.add(party_id, member, report(true), false), "it waits again");
    }
}
