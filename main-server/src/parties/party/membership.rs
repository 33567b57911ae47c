//! The members of a party: who joins, who is present, and who leads.

use std::collections::{BTreeMap, HashSet};

use protocol::party::{Access, HostLoss, Policy};

use super::{
    bounds::{MAX_BANNED, MAX_MEMBERS_OF_ACCOUNT, MAX_MUTED, MAX_QUEUE_OF_FORMER},
    event::{Applied, Created, Join, Refusal},
    id::{MemberId, PersonId},
    playback::SKIP_LEAD_MS,
    record::{Ban, Entry, Member, Record},
};

/// The identity of a client, as far as a party needs it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visitor<'a> {
    /// The name of its account, and when that was created, Unix epoch.
    pub(crate) account: Option<(&'a str, u64)>,
    /// Its valid invitation.
    pub(crate) invitation: Option<&'a str>,
    /// Whether the account is an operator.
    pub(crate) is_operator: bool,
}

impl Record {
    /// Whether the client may join now.
    ///
    /// # Errors
    /// The reason why not. A private party reveals nothing to a client that may not join.
    pub(crate) fn admits(&self, join: &Join) -> Result<(), Refusal> {
        self.is_open_to(join.visitor())?;
        let has_room = self.has_room(join) || self.longest_away().is_some();
        has_room.then_some(()).ok_or(Refusal::Limit("the party is full"))
    }

    fn has_room(&self, join: &Join) -> bool {
        self.members.len() < join.most_members
            && self.has_room_for_member(&join.name, join.invitation.as_deref())
    }

    /// Whether the client may know of the party: it is a member, or may join, or may do so after it has signed in.
    pub(crate) fn is_shown_to(&self, visitor: Visitor<'_>) -> bool {
        let is_own = |member: &Member| visitor.account.is_some_and(|account| member.is_of(account));
        self.access != Access::Private
            || self.is_open_to(visitor) != Err(Refusal::UnknownParty)
            || self.members.iter().any(is_own)
    }

    /// Whether the client may join, as far as that depends on its identity.
    fn is_open_to(&self, visitor: Visitor<'_>) -> Result<(), Refusal> {
        let Visitor { account, invitation, is_operator } = visitor;
        if self.ended {
            return Err(Refusal::UnknownParty);
        }
        let is_banned = |ban: &Ban| {
            let is_account = account.is_some() && ban.account.as_deref() == account.map(|(name, _)| name);
            is_account || (invitation.is_some() && ban.invitation.as_deref() == invitation)
        };
        let is_banned = !is_operator && self.banned.iter().any(is_banned);
        let is_listed = account.is_some_and(|(name, since_ms)| {
            self.people.get(name).is_some_and(|listed| listed.is_none_or(|listed| listed == since_ms))
        });
        let is_open = self.access != Access::Private;
        let may_enter = is_open || is_listed || is_operator || invitation.is_some();
        if !may_enter || (is_banned && !is_open) {
            return Err(Refusal::UnknownParty);
        }
        if is_banned {
            return Err(Refusal::NotAllowed("the host has removed you from this party"));
        }
        let is_missing = self.settings.needs_account && account.is_none();
        let refused = Refusal::NotAllowed("members of this party need an account: sign in");
        if is_missing { Err(refused) } else { Ok(()) }
    }

    /// Adds a member. In a full party it replaces the member that has been away longest.
    pub(super) fn join(&mut self, join: &Join, now_ms: u64) -> Result<Applied, Refusal> {
        if let Some(member) = self.holder(&join.digest) {
            return Ok(Applied::again(Created::Member(member.id)));
        }
        self.admits(join)?;
        if let Some(account) = join.visitor().account {
            self.make_room_of(account)?;
        }
        while !self.has_room(join) {
            let Some(away) = self.longest_away() else { return Err(Refusal::Limit("the party is full")) };
            self.remove_members(|member| member.id == away);
        }
        let Join { digest, name, account_since_ms, invitation, .. } = join.clone();
        Ok(Applied::new(Created::Member(self.admit(digest, name, account_since_ms, invitation, now_ms))))
    }

    /// Limits the members of an account: a new one replaces the one that has been away longest.
    fn make_room_of(&mut self, account: (&str, u64)) -> Result<(), Refusal> {
        let is_own = |member: &Member| member.is_of(account);
        if self.members.iter().filter(|member| is_own(member)).count() < MAX_MEMBERS_OF_ACCOUNT {
            return Ok(());
        }
        let refused = Refusal::Limit("your account has as many members in this party as it may");
        let away = self.longest_away_of(is_own).ok_or(refused)?;
        self.remove_members(|member| member.id == away);
        Ok(())
    }

    /// The member, other than the host, that has been away longest.
    fn longest_away(&self) -> Option<MemberId> {
        self.longest_away_of(|_| true)
    }

    fn longest_away_of(&self, is_meant: impl Fn(&Member) -> bool) -> Option<MemberId> {
        let away = self.members.iter().filter(|member| self.host != Some(member.id) && is_meant(member));
        let since = away.filter_map(|member| Some((member.away_since_ms?, member.id)));
        since.min().map(|(_, id)| id)
    }

    /// A member leaves for good.
    pub(super) fn leave(&mut self, id: MemberId) -> Result<Applied, Refusal> {
        self.member(id).ok_or(Refusal::UnknownMember)?;
        self.remove_members(|member| member.id == id);
        Ok(Applied::CHANGED)
    }

    /// Removes the member `id`, and the other members of its account. They cannot come back with the same account or invitation. What
    /// they suggested goes with them. Of the account of the host or of the member `by` only `id` is removed, and the account may join again.
    pub(super) fn kick(&mut self, id: MemberId, by: MemberId) {
        let Some(member) = self.member(id) else { return };
        let other_leaders = [Some(by), self.host].into_iter().flatten().filter(|leader| *leader != id);
        let leaders: Vec<_> = other_leaders.filter_map(|leader| self.member(leader)?.account()).collect();
        let account = member.account().filter(|account| !leaders.contains(account)).map(str::to_owned);
        let is_meant = |member: &Member| {
            member.id == id || (account.is_some() && member.account() == account.as_deref())
        };
        let meant = self.members.iter().filter(|member| is_meant(member));
        let bans: Vec<_> = meant
            .map(|member| Ban {
                member: Some(member.id),
                account: account.clone(),
                invitation: member.invitation.clone(),
            })
            .collect();
        let is_gone = |id: MemberId| bans.iter().any(|ban| ban.member == Some(id));
        self.queue.retain(|entry| !is_gone(entry.added_by) || !entry.is_suggestion);
        self.remove_members(|member| is_gone(member.id));
        bans.into_iter().for_each(|ban| self.ban(ban));
    }

    /// Handles the revocation of an invitation.
    pub(super) fn revoke(&mut self, invitation: &str) -> bool {
        let is_known = |ban: &Ban| ban.member.is_none() && ban.invitation.as_deref() == Some(invitation);
        if self.banned.iter().any(is_known) {
            return false;
        }
        self.ban(Ban { invitation: Some(invitation.to_owned()), ..Ban::default() });
        // Only an operator's `kick` removes the host.
        let host = self.host;
        self.remove_members(|member| {
            member.invitation.as_deref() == Some(invitation) && Some(member.id) != host
        });
        true
    }

    /// The invitation of a removed member, if it had one.
    pub(crate) fn invitation_of_removed(&self, id: MemberId) -> Option<&str> {
        self.banned.iter().find(|ban| ban.member == Some(id))?.invitation.as_deref()
    }

    /// Whether the party no longer accepts this invitation.
    pub(crate) fn bans_invitation(&self, invitation: &str) -> bool {
        self.banned.iter().any(|ban| ban.invitation.as_deref() == Some(invitation))
    }

    /// Adds a ban. Beyond the limit it replaces the oldest one that keeps nobody out, or else the oldest.
    fn ban(&mut self, ban: Ban) {
        if self.banned.len() >= MAX_BANNED {
            let repeats = |later: &Ban, ban: &Ban| {
                (&later.account, &later.invitation) == (&ban.account, &ban.invitation)
            };
            let is_idle = |(place, ban): (usize, &Ban)| {
                let is_empty = ban.account.is_none() && ban.invitation.is_none();
                is_empty || self.banned.iter().skip(place + 1).any(|later| repeats(later, ban))
            };
            let place = self.banned.iter().enumerate().position(is_idle).unwrap_or(0);
            self.banned.remove(place);
        }
        self.banned.push(ban);
    }

    /// Removes members, and their entries if the party does not keep them.
    fn remove_members(&mut self, is_gone: impl Fn(&Member) -> bool) {
        let (gone, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.members).into_iter().partition(|member| is_gone(member));
        self.members = left;
        if !self.settings.keeps_entries {
            self.queue.retain(|entry| !gone.iter().any(|member| member.id == entry.added_by));
        }
        for member in gone.iter().filter(|member| member.is_muted) {
            let person = member.person();
            if !self.is_muted(person) {
                self.muted.push(person);
            }
        }
        self.muted.drain(..self.muted.len().saturating_sub(MAX_MUTED));
        for member in &gone {
            let account = member.account().zip(member.account_since_ms);
            let is_same = |other: &&Member| account.is_some_and(|account| other.is_of(account));
            if let Some(heir) = self.members.iter().find(is_same).map(|heir| heir.id) {
                self.inherit(member.person(), heir);
            }
        }
        self.bound_entries_of_former();
    }

    /// Whether this person is muted, a member or not.
    pub(super) fn is_muted(&self, person: PersonId) -> bool {
        let is_own = |member: &Member| member.is_muted && member.person() == person;
        self.muted.contains(&person) || self.members.iter().any(is_own)
    }

    /// Mutes or unmutes the member `id`, and the other members of its account. Returns whether that changed anything.
    pub(super) fn mute(&mut self, id: MemberId, on: bool) -> bool {
        let Some(person) = self.member(id).map(Member::person) else { return false };
        let own = self.members.iter_mut().filter(|member| member.person() == person);
        let changed = own.map(|member| std::mem::replace(&mut member.is_muted, on) != on);
        changed.fold(false, |any, changed| any | changed)
    }

    /// Gives a joining member what its person had as an earlier member.
    pub(super) fn restore(&mut self, member: &mut Member) {
        let person = member.person();
        member.is_muted = self.is_muted(person);
        self.muted.retain(|muted| *muted != person);
        self.inherit(person, member.id);
    }

    /// Makes `heir` the one that added the entries of its person's members that are gone.
    fn inherit(&mut self, person: PersonId, heir: MemberId) {
        let is_own = |entry: &&Entry| entry.person == Some(person) && self.member(entry.added_by).is_none();
        let before: HashSet<_> = self.entries().filter(is_own).map(|entry| entry.added_by).collect();
        let entries = self.queue.iter_mut().chain(&mut self.played).chain(&mut self.playing);
        let adders = entries.map(|entry| &mut entry.added_by).chain(&mut self.adders);
        adders.filter(|adder| before.contains(adder)).for_each(|adder| *adder = heir);
    }

    /// Limits the entries of those who left: the one that has most of them loses its newest.
    fn bound_entries_of_former(&mut self) {
        let is_vote = self.policy == Policy::Vote;
        let mut former: BTreeMap<PersonId, Vec<usize>> = BTreeMap::new();
        for (place, entry) in self.queue.iter().enumerate() {
            let is_bounded = (is_vote || entry.is_suggestion) && self.member(entry.added_by).is_none();
            if let Some(person) = entry.person.filter(|_| is_bounded) {
                former.entry(person).or_default().push(place);
            }
        }
        let all: usize = former.values().map(Vec::len).sum();
        let mut dropped = HashSet::new();
        for _ in MAX_QUEUE_OF_FORMER..all {
            let most = former.values_mut().max_by_key(|places| (places.len(), places.last().copied()));
            dropped.extend(most.and_then(Vec::pop));
        }
        let mut place = 0..;
        self.queue.retain(|_| place.next().is_none_or(|place| !dropped.contains(&place)));
    }

    /// Marks `members` as present or absent. Returns whether that changed anything.
    pub(super) fn set_presence(&mut self, members: &[MemberId], is_present: bool, now_ms: u64) -> bool {
        let mut has_changed = false;
        for id in members {
            let Some(member) = self.member_mut(*id).filter(|member| member.is_present() != is_present) else {
                continue;
            };
            member.away_since_ms = (!is_present).then_some(now_ms);
            has_changed = true;
        }
        has_changed
    }

    /// Applies the party's setting for a lost host, at the end of the entry during which the host left.
    pub(super) fn lose_host(&mut self) {
        self.loss.get_or_insert(self.settings.on_host_loss);
    }

    /// Settles the consequences of a change: who leads, whether a wait or a round ends, whether something can
    /// begin. `goes_on`: whether a stopped position resumes by itself, if that is set for a party without its
    /// host.
    pub(super) fn settle(&mut self, now_ms: u64, goes_on: bool) {
        self.settle_host(now_ms, goes_on);
        if self.is_waiting() {
            let present: HashSet<_> = self.present().map(|member| member.id).collect();
            self.stop_waiting_for(|id| !present.contains(&id), now_ms);
        }
        if self.has_round() && self.skips() >= self.skips_needed() {
            self.advance(now_ms.saturating_add(SKIP_LEAD_MS));
            self.settle_acting_host();
        }
        self.begin_if_idle(now_ms);
        let is_empty = self.present().next().is_none();
        self.empty_since_ms = is_empty.then(|| self.empty_since_ms.unwrap_or(now_ms));
    }

    /// Replaces the host. If it left, the longest-standing member succeeds it permanently; if it is away,
    /// only temporarily.
    fn settle_host(&mut self, now_ms: u64, goes_on: bool) {
        if self.host.and_then(|host| self.member(host)).is_none() {
            let longest = self.present().next().map(|member| member.id);
            self.host = longest;
        }
        if self.has_host() {
            (self.loss, self.acting_host) = (None, None);
            return;
        }
        let stands = self.timeline.paused && !self.is_waiting();
        if self.playing.is_none() || stands {
            self.lose_host();
        }
        let goes_on = goes_on && matches!(self.loss, Some(HostLoss::Continue | HostLoss::Vote));
        if stands && goes_on && self.present().next().is_some() {
            self.go_on(now_ms);
        }
        self.settle_acting_host();
    }

    fn settle_acting_host(&mut self) {
        let hands_over = self.loss == Some(HostLoss::HandOver);
        let still = |id: &MemberId| self.member(*id).is_some_and(Member::is_present);
        let acting = self.acting_host.filter(still).or_else(|| self.present().next().map(|member| member.id));
        self.acting_host = acting.filter(|_| hands_over);
    }

    /// Number of present members that ask to skip; an account counts once.
    fn skips(&self) -> usize {
        people(self.present().filter(|member| member.skips))
    }

    /// Number of members that must ask to skip.
    pub(super) fn skips_needed(&self) -> usize {
        let percent = usize::from(self.settings.skip_percent);
        (people(self.present()) * percent).div_ceil(100).max(1)
    }

    /// Changes the policy.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        if self.policy == policy {
            return;
        }
        self.policy = policy;
        // The current entry is not part of a queue that is played in order.
        if policy == Policy::Host {
            let playing = self.playing.as_ref().map(|entry| entry.id);
            self.queue.retain(|entry| Some(entry.id) != playing);
        }
        for member in &mut self.members {
            (member.vote, member.skips) = (None, false);
        }
    }
}

impl Join {
    /// Which person joins.
    pub(crate) fn person(&self) -> PersonId {
        PersonId::of(&self.name, self.account_since_ms, &self.digest)
    }

    /// The member's identity for joining.
    fn visitor(&self) -> Visitor<'_> {
        Visitor {
            account: self.account_since_ms.map(|since_ms| (self.name.as_str(), since_ms)),
            invitation: self.invitation.as_deref(),
            is_operator: self.is_operator,
        }
    }
}

impl Member {
    /// Whether it has this account, of this name and age.
    pub(crate) fn is_of(&self, (name, since_ms): (&str, u64)) -> bool {
        self.account_since_ms == Some(since_ms) && self.name == name
    }
}

/// Number of people among `members`: an account may have several members.
fn people<'a>(members: impl Iterator<Item = &'a Member>) -> usize {
    let (mut guests, mut accounts) = (0, HashSet::new());
    for member in members {
        match member.account() {
            None => guests += 1,
            Some(account) => _ = accounts.insert(account),
        }
    }
    guests + accounts.len()
}
