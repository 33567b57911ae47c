//! Views of a party for its members and others. Tokens, accounts and secret votes are in no view.

use std::collections::{HashMap, HashSet};

use protocol::party::{
    ClosedRound, Entry as EntryView, Member as MemberView, Message as MessageView, PartyState, PartySummary,
    Round, Timeline as TimelineView, Votes,
};

use super::{
    id::{EntryId, MemberId},
    record::{Entry, Member, Message, Record},
};

/// Most votes whose voters are shown: with more, each vote would cost every member kilobytes.
pub(crate) const MAX_SHOWN_VOTERS: usize = 200;
/// Distance of the hues of consecutive members, large and without a common divisor with 360.
const HUE_STEP: u64 = 137;

/// The recipient of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Without a token: sees no members, messages or voters.
    Onlooker,
    /// Any member: the part that all members may see.
    Members,
    /// This member, who sees its own vote. The host and operators see the list of people.
    Member {
        /// Which.
        id: MemberId,
        /// Whether its account is an operator.
        is_operator: bool,
    },
}

impl Viewer {
    fn is_member(self) -> bool {
        self != Self::Onlooker
    }
}

impl Record {
    /// The party for `viewer`.
    pub(crate) fn view(&self, viewer: Viewer) -> PartyState {
        let sees_people = match viewer {
            Viewer::Member { id, is_operator } => is_operator || self.host == Some(id),
            _ => false,
        };
        let is_member = viewer.is_member();
        PartyState {
            party_id: self.party_id,
            revision: self.revision,
            title: self.title.clone(),
            policy: self.policy,
            acting_policy: self.acting_policy(),
            access: self.access,
            host: self.host_view(),
            acting_host: self.acting_host_view(),
            settings: self.settings.clone(),
            people: if sees_people { self.people.keys().cloned().collect() } else { Vec::new() },
            members: self.members.iter().filter(|_| is_member).map(Member::view).collect(),
            queue: self.queue.iter().map(Entry::view).collect(),
            played: self.played.iter().map(Entry::view).collect(),
            timeline: self.timeline_view(),
            round: self.round_view(viewer),
            last_round: self.last_round_view(viewer),
            chat: self.chat.iter().filter(|_| is_member).map(Message::view).collect(),
            created_at_ms: self.created_at_ms,
        }
    }

    /// The party in lists.
    pub(crate) fn summary(&self) -> PartySummary {
        let host = self.host.and_then(|host| self.member(host));
        PartySummary {
            party_id: self.party_id,
            title: self.title.clone(),
            policy: self.policy,
            access: self.access,
            host_name: host.map(|host| host.name.clone()).unwrap_or_default(),
            present: self.present().count().try_into().unwrap_or(u32::MAX),
            playing: self.playing.as_ref().map(|entry| entry.content.title.clone()),
            needs_account: self.settings.needs_account,
            created_at_ms: self.created_at_ms,
        }
    }

    /// Empty while the party has no host.
    pub(super) fn host_view(&self) -> String {
        self.host.map(|host| host.to_string()).unwrap_or_default()
    }

    pub(super) fn acting_host_view(&self) -> Option<String> {
        self.acting_host.map(|id| id.to_string())
    }

    pub(super) fn timeline_view(&self) -> TimelineView {
        let content = self.playing.as_ref().map(|entry| &entry.content);
        TimelineView {
            entry: self.playing.as_ref().map(|entry| Box::new(entry.view())),
            item_id: content.and_then(|content| content.item_id),
            stream_id: content.and_then(|content| content.stream_id),
            position_ms: self.timeline.position_ms,
            at_ms: self.timeline.at_ms,
            paused: self.timeline.paused,
            round: self.timeline.round,
            waiting_for: self.timeline.waiting_for.iter().map(MemberId::to_string).collect(),
        }
    }

    /// The open vote. A member sees its own vote, even if votes are secret.
    pub(super) fn round_view(&self, viewer: Viewer) -> Option<Round> {
        if !self.has_round() {
            return None;
        }
        let candidates: Vec<EntryId> = self.candidates().iter().map(|entry| entry.id).collect();
        let ids: HashSet<EntryId> = candidates.iter().copied().collect();
        let voters: HashSet<MemberId> = self.voters(&ids).into_iter().map(|member| member.id).collect();
        let vote = |member: &Member| Self::valid_vote(member, &ids).filter(|_| voters.contains(&member.id));
        let mut votes = self.votes_view(self.round(), &candidates, viewer, vote);
        votes.retain(|votes| votes.count > 0);
        let skips = self.present().filter(|member| viewer.is_member() && member.skips);
        Some(Round {
            round: self.timeline.round,
            closes_at_ms: self.closes_at_ms(),
            votes,
            skips: skips.map(|member| member.id.to_string()).collect(),
            skips_needed: self.skips_needed().try_into().unwrap_or(u32::MAX),
        })
    }

    pub(super) fn last_round_view(&self, viewer: Viewer) -> Option<ClosedRound> {
        let closed = self.last_round.as_ref()?;
        let entries: Vec<EntryId> = closed.votes.iter().map(|(entry, _)| *entry).collect();
        let mut votes = self.votes_view(closed.round, &entries, viewer, |member| member.last_vote);
        // Some voters may have left since, so the counts are taken from the closed round.
        for (votes, (_, count)) in votes.iter_mut().zip(&closed.votes) {
            votes.count = *count;
        }
        Some(ClosedRound {
            round: closed.round,
            winner: closed.winner.map(|winner| winner.to_string()),
            votes,
            cast_at_random: closed.cast_at_random,
        })
    }

    /// Votes of a round for `entries`, in their order.
    fn votes_view(
        &self,
        round: u64,
        entries: &[EntryId],
        viewer: Viewer,
        vote: impl Fn(&Member) -> Option<EntryId>,
    ) -> Vec<Votes> {
        let mut by_entry: HashMap<EntryId, Vec<MemberId>> = HashMap::new();
        let mut all = 0;
        for (member, vote) in self.members.iter().filter_map(|member| Some((member.id, vote(member)?))) {
            by_entry.entry(vote).or_default().push(member);
            all += 1;
        }
        let is_secret =
            !self.settings.shows_votes || self.secret_until_round.is_some_and(|until| round <= until);
        let shows_all = viewer.is_member() && !is_secret && all <= MAX_SHOWN_VOTERS;
        let is_shown = |id: &MemberId| match viewer {
            Viewer::Member { id: own, .. } if *id == own => true,
            _ => shows_all,
        };
        let of = |entry: &EntryId| {
            let members = by_entry.get(entry).map(Vec::as_slice).unwrap_or_default();
            Votes {
                entry_id: entry.to_string(),
                count: members.len().try_into().unwrap_or(u32::MAX),
                members: members.iter().filter(|id| is_shown(id)).map(MemberId::to_string).collect(),
            }
        };
        entries.iter().map(of).collect()
    }
}

impl Member {
    /// The member, as others see it.
    pub(super) fn view(&self) -> MemberView {
        MemberView {
            member_id: self.id.to_string(),
            name: self.name.clone(),
            hue: (self.id.0.wrapping_mul(HUE_STEP) % 360).try_into().unwrap_or(0),
            has_account: self.account_since_ms.is_some(),
            is_present: self.is_present(),
            is_muted: self.is_muted,
            joined_at_ms: self.joined_at_ms,
        }
    }

    /// Whether others see it as `other`, an earlier state of the same member.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        (&self.name, self.is_present(), self.is_muted) == (&other.name, other.is_present(), other.is_muted)
    }
}

impl Entry {
    /// The entry, as members see it.
    pub(super) fn view(&self) -> EntryView {
        let content = &self.content;
        EntryView {
            entry_id: self.id.to_string(),
            item_id: content.item_id,
            stream_id: content.stream_id,
            title: content.title.clone(),
            artist: content.artist.clone(),
            poster_url: content.poster_url.clone(),
            duration_ms: content.duration_ms,
            is_video: content.is_video,
            hash: content.hash.clone(),
            added_by: self.added_by.to_string(),
            is_suggestion: self.is_suggestion,
            lost: self.lost,
        }
    }
}

impl Message {
    /// The message, as members see it.
    pub(super) fn view(&self) -> MessageView {
        MessageView {
            message_id: self.id.to_string(),
            member_id: self.member.to_string(),
            name: self.name.clone(),
            text: self.text.clone(),
            at_ms: self.at_ms,
        }
    }
}
