//! The vote for the next entry. The winner is a function of the record alone, so that every replica names the
//! same one. For present members that have not voted, a vote is cast at random, by a digest of the party, the
//! round and the member.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use md5::{Digest, Md5};

use super::{
    id::{EntryId, MemberId},
    record::{ClosedRound, Entry, Member, Record},
};

/// Largest bonus for lost rounds, in half votes.
const MAX_GAIN: u32 = 4;

/// The outcome of a vote.
pub(super) struct Tally {
    /// None if there is nothing to vote for.
    pub(super) winner: Option<EntryId>,
    /// Votes by entry, if not 0.
    counts: Vec<(EntryId, u32)>,
    /// Each member's vote.
    ballots: HashMap<MemberId, EntryId>,
    /// How many were cast at random.
    at_random: u32,
    /// Entries that could have won.
    candidates: HashSet<EntryId>,
}

impl Record {
    /// The candidates: all entries except the current one, unless there is no other.
    pub(super) fn candidates(&self) -> Vec<&Entry> {
        let playing = self.playing.as_ref().map(|entry| entry.id);
        let accepted = || self.queue.iter().filter(|entry| !entry.is_suggestion);
        let others: Vec<_> = accepted().filter(|entry| Some(entry.id) != playing).collect();
        if others.is_empty() { accepted().collect() } else { others }
    }

    /// Candidates that may win: in a fair party none of a member whose entries played twice in a row, if there are others. The members of
    /// an account count as one.
    fn eligible<'a>(&self, candidates: &[&'a Entry]) -> Vec<&'a Entry> {
        let account = |id: MemberId| self.member(id).and_then(Member::account);
        let is_same = |a: MemberId, b: MemberId| a == b || (account(a).is_some() && account(a) == account(b));
        let had_two = match self.adders[..] {
            [first, second] if self.settings.is_fair && is_same(first, second) => Some(second),
            _ => None,
        };
        let is_other = |entry: &&Entry| had_two.is_none_or(|had_two| !is_same(entry.added_by, had_two));
        let others: Vec<_> = candidates.iter().copied().filter(is_other).collect();
        if others.is_empty() { candidates.to_vec() } else { others }
    }

    /// The member's vote, if its entry is a candidate. An acknowledged vote counts even while the member is
    /// away.
    pub(super) fn valid_vote(member: &Member, candidates: &HashSet<EntryId>) -> Option<EntryId> {
        member.vote.filter(|vote| candidates.contains(vote))
    }

    /// The members whose votes count: one per account, the newest with a valid vote.
    pub(super) fn voters(&self, candidates: &HashSet<EntryId>) -> Vec<&Member> {
        let (mut voters, mut of_account) = (Vec::new(), HashMap::<&str, &Member>::new());
        let rank = |member: &Member| {
            (Self::valid_vote(member, candidates).is_some(), member.is_present(), member.id)
        };
        for member in &self.members {
            match member.account() {
                None => voters.push(member),
                Some(account) => {
                    let kept = of_account.entry(account).or_insert(member);
                    if rank(member) > rank(kept) {
                        *kept = member;
                    }
                }
            }
        }
        voters.extend(of_account.into_values());
        voters
    }

    /// Counts the votes.
    pub(super) fn tally(&self) -> Tally {
        let candidates = self.candidates();
        let mut eligible = self.eligible(&candidates);
        eligible.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        let ids: HashSet<EntryId> = candidates.iter().map(|entry| entry.id).collect();

        let (mut ballots, mut at_random) = (HashMap::new(), 0);
        for member in self.voters(&ids) {
            let cast = Self::valid_vote(member, &ids);
            let random = || self.random_vote(member.id, &eligible).filter(|_| member.is_present());
            let Some(vote) = cast.or_else(random) else { continue };
            at_random += u32::from(cast.is_none());
            ballots.insert(member.id, vote);
        }
        let mut votes: HashMap<EntryId, u32> = HashMap::new();
        for vote in ballots.values() {
            *votes.entry(*vote).or_default() += 1;
        }
        let count = |entry: &Entry| votes.get(&entry.id).copied().unwrap_or(0);
        let gain = |entry: &Entry| if self.settings.is_fair { entry.lost.min(MAX_GAIN) } else { 0 };
        let score = |entry: &Entry| count(entry).saturating_mul(2).saturating_add(gain(entry));
        // Of entries with equal votes, the first in their order wins.
        let winner = if ballots.is_empty() {
            eligible.iter().min_by_key(|entry| entry.plays)
        } else {
            eligible.iter().min_by_key(|entry| Reverse(score(entry)))
        };
        let counts = candidates.iter().map(|entry| (entry.id, count(entry))).filter(|(_, count)| *count > 0);
        let (winner, counts) = (winner.map(|entry| entry.id), counts.collect());
        Tally { winner, counts, ballots, at_random, candidates: ids }
    }

    /// The vote that is cast for `member` in this round.
    fn random_vote(&self, member: MemberId, sorted: &[&Entry]) -> Option<EntryId> {
        let text = format!("{}/{}/{member}", self.party_id, self.timeline.round);
        let digest: [u8; 16] = Md5::digest(text).into();
        let number = u128::from_be_bytes(digest).checked_rem(sorted.len() as u128)?;
        sorted.get(usize::try_from(number).ok()?).map(|entry| entry.id)
    }

    /// Closes the open round, and returns its winner.
    pub(super) fn close_round(&mut self) -> Option<EntryId> {
        let Tally { winner, counts, ballots, at_random, candidates } = self.tally();
        if !ballots.is_empty() {
            let lost = |entry: &&mut Entry| candidates.contains(&entry.id) && Some(entry.id) != winner;
            self.queue.iter_mut().filter(lost).for_each(|entry| entry.lost = entry.lost.saturating_add(1));
        }
        for member in &mut self.members {
            member.last_vote = ballots.get(&member.id).copied();
        }
        let round = self.timeline.round;
        self.last_round = Some(ClosedRound { round, winner, votes: counts, cast_at_random: at_random });
        winner
    }
}

/// The tie-breaking order of entries.
pub(super) fn order(entry: &Entry) -> (&str, EntryId) {
    (&entry.content.hash, entry.id)
}
