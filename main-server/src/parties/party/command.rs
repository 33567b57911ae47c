//! Commands of members. Everything is checked before anything changes: a refusal leaves the record unchanged.

use std::collections::BTreeMap;

use protocol::party::{ChangeParty, Command, Policy, Settings, Target};

use super::{
    bounds::{MAX_PEOPLE, MAX_QUEUE_OF_MEMBER},
    event::{Applied, Created, QUEUE_FULL, Refusal, Request},
    id::{EntryId, MemberId, MessageId, number_of},
    playback::SKIP_LEAD_MS,
    record::{Entry, Member, Message, NewEntry, Record},
};

/// Longest configurable wait for members that buffer, in ms.
const MAX_WAIT_MS: u32 = 60_000;

const NOT_HOST: Refusal = Refusal::NotAllowed("only the host may do this");
const BY_VOTE: Refusal = Refusal::NotAllowed("the members vote for what plays");
const GONE: Refusal = Refusal::Conflict("the party has no such member: it may have left");
const OTHER_ROUND: Refusal = Refusal::Conflict("another entry has begun meanwhile");

/// A calling member and its rights.
struct Caller {
    id: MemberId,
    /// Host, acting host or operator.
    leads: bool,
    /// Host or operator.
    is_host: bool,
}

impl Record {
    /// Executes a member's command. An absent member becomes present by calling, unless the command is
    /// refused.
    pub(super) fn call(&mut self, request: &Request, now_ms: u64) -> Result<Applied, Refusal> {
        if self.member(request.member).is_none_or(Member::is_present) {
            return self.request(request, now_ms);
        }
        let before = self.clone();
        self.set_presence(&[request.member], true, now_ms);
        if self.has_host() {
            (self.loss, self.acting_host) = (None, None);
        }
        match self.request(request, now_ms) {
            Ok(applied) => Ok(Applied { changed: true, ..applied }),
            Err(refusal) => {
                *self = before;
                Err(refusal)
            }
        }
    }

    fn request(&mut self, request: &Request, now_ms: u64) -> Result<Applied, Refusal> {
        let Request { member: id, is_operator, command, entry, accounts, seen_round } = request;
        self.member(*id).ok_or(Refusal::UnknownMember)?;
        if command.if_revision.is_some_and(|revision| revision != self.revision) {
            return Err(Refusal::Conflict("the party has another revision"));
        }
        let is_host = *is_operator || self.host == Some(*id);
        let caller = Caller { id: *id, leads: is_host || self.acting_host == Some(*id), is_host };
        let named = command.request_id.as_deref().map(|request_id| request_number(*id, request_id));
        if is_for_round(&command.command) && seen_round.is_some_and(|round| round != self.round()) {
            return Err(OTHER_ROUND);
        }
        match &command.command {
            Command::Queue(_) => self.enqueue(&caller, entry.as_ref(), named),
            Command::Play(target) => self.play(&caller, target, entry.as_ref(), now_ms),
            Command::Chat { text } => self.say(&caller, text, named, now_ms),
            Command::Vote(target) => self.vote(&caller, target),
            Command::Skip => self.skip(&caller, now_ms),
            Command::Rename { name } => self.rename(&caller, name),
            Command::Remove(target) => self.remove(&caller, target),
            Command::HandOver { member_id } => self.hand_over(&caller, member_id),
            Command::Set(change) => self.set(&caller, change, entry.as_ref(), accounts),
            Command::End => {
                caller.needs_host()?;
                self.ended = true;
                Ok(Applied::CHANGED)
            }
            command => {
                caller.needs_lead()?;
                self.lead(&caller, command, now_ms)
            }
        }
    }

    /// Commands of the host, or of the acting host.
    fn lead(&mut self, caller: &Caller, command: &Command, now_ms: u64) -> Result<Applied, Refusal> {
        let has_changed = match command {
            Command::Pause => self.pause(now_ms),
            Command::Seek { .. } if self.is_announced(now_ms) => {
                return Err(Refusal::Conflict("the next entry is about to begin"));
            }
            Command::Seek { position_ms } => self.seek(*position_ms, now_ms),
            Command::Next => self.next(now_ms),
            Command::Previous if self.acting_policy() == Policy::Vote => return Err(BY_VOTE),
            Command::Previous => self.go_back(now_ms)?,
            Command::Move { target, to } => self.move_entry(target, *to)?,
            Command::Accept(target) => {
                let place = self.queued(target)?;
                self.queue.get_mut(place).is_some_and(|entry| std::mem::take(&mut entry.is_suggestion))
            }
            Command::Kick { member_id } => {
                let id = self.known(member_id)?;
                if id == caller.id || (self.host == Some(id) && !caller.is_host) {
                    return Err(Refusal::NotAllowed("you cannot remove this member"));
                }
                self.kick(id, caller.id);
                true
            }
            Command::Mute { member_id, on } => {
                let id = self.known(member_id)?;
                self.mute(id, *on)
            }
            _ => false,
        };
        Ok(Applied::if_changed(has_changed))
    }

    /// The member that `text` names.
    fn known(&self, text: &str) -> Result<MemberId, Refusal> {
        let id = text.parse().ok().filter(|id| self.member(*id).is_some());
        id.ok_or(GONE)
    }

    /// The index in the queue of the entry that `target` names.
    fn queued(&self, target: &Target) -> Result<usize, Refusal> {
        self.queue.iter().position(|entry| entry.is_named_by(target)).ok_or(Refusal::UnknownEntry)
    }

    fn enqueue(
        &mut self,
        caller: &Caller,
        content: Option<&NewEntry>,
        request: Option<u64>,
    ) -> Result<Applied, Refusal> {
        if !caller.leads && !self.settings.members_suggest {
            return Err(NOT_HOST);
        }
        let content = content.ok_or(Refusal::UnknownEntry)?;
        let again = self.entry_by_request(request);
        let is_suggestion = !caller.leads && self.acting_policy() == Policy::Host;
        if let Some(id) = again {
            return Ok(Applied::again(Created::Entry(id)));
        }
        // An item is in the pool once, so that its votes add up, and suggested once.
        let is_vote = self.acting_policy() == Policy::Vote;
        let is_same = |entry: &&mut Entry| {
            (is_vote || (is_suggestion && entry.is_suggestion)) && entry.plays_the_same(content)
        };
        if let Some(same) = self.queue.iter_mut().find(is_same) {
            let is_accepted = !is_suggestion && std::mem::take(&mut same.is_suggestion);
            return Ok(Applied { changed: is_accepted, created: Some(Created::Entry(same.id)) });
        }
        if !self.has_room_for_entry(content) {
            return Err(QUEUE_FULL);
        }
        if !caller.leads && self.queued_by(caller.id) >= MAX_QUEUE_OF_MEMBER {
            return Err(Refusal::Limit("you have as many entries in the queue as a member may"));
        }
        let mut entry = self.entry_of(content.clone(), caller.id);
        (entry.request, entry.is_suggestion) = (request, is_suggestion);
        entry.person = self.member(caller.id).map(Member::person).filter(|_| !caller.leads);
        let id = entry.id;
        self.queue.push(entry);
        Ok(Applied::new(Created::Entry(id)))
    }

    /// Number of queued entries added by the member, or by other members of its person, now or before.
    fn queued_by(&self, id: MemberId) -> usize {
        let account = self.member(id).and_then(Member::account);
        let is_own = |entry: &&Entry| {
            let is_of_account = account.is_some() && entry.content.account.as_deref() == account;
            self.is_own(entry, id) || is_of_account
        };
        self.queue.iter().filter(is_own).count()
    }

    /// Whether the member has added an entry, or another member of its person.
    fn is_own(&self, entry: &Entry, id: MemberId) -> bool {
        let person = || self.member(id).map(Member::person);
        entry.added_by == id || (entry.person.is_some() && entry.person == person())
    }

    /// The entry that an earlier call of the same request has added.
    fn entry_by_request(&self, request: Option<u64>) -> Option<EntryId> {
        let mut all = self.queue.iter().chain(&self.playing).chain(&self.played);
        all.find(|entry| request.is_some() && entry.request == request).map(|entry| entry.id)
    }

    fn play(
        &mut self,
        caller: &Caller,
        target: &Target,
        content: Option<&NewEntry>,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        caller.needs_lead()?;
        if *target == Target::default() {
            return Ok(Applied::if_changed(self.go_on(now_ms)));
        }
        if self.acting_policy() == Policy::Vote {
            return Err(BY_VOTE);
        }
        if self.playing.as_ref().is_some_and(|entry| entry.is_named_by(target)) {
            return Ok(Applied::if_changed(self.go_on(now_ms)));
        }
        let known = self.queue.iter().chain(self.played.iter().rev());
        let id = known.filter(|entry| entry.is_named_by(target)).map(|entry| entry.id).next();
        if id.is_none() && content.is_none() {
            return Err(Refusal::UnknownEntry);
        }
        let returns = self.is_announced(now_ms);
        if returns && !self.may_return(id) {
            return Err(QUEUE_FULL);
        }
        let entry = match (id, content) {
            (Some(id), _) => self.take(id),
            (None, Some(content)) => Some(self.entry_of(content.clone(), caller.id)),
            (None, None) => None,
        };
        let entry = entry.ok_or(Refusal::UnknownEntry)?;
        let created = Created::Entry(entry.id);
        if returns {
            self.return_current(true);
        }
        self.begin(Some(entry), now_ms.saturating_add(SKIP_LEAD_MS));
        Ok(Applied::new(created))
    }

    fn move_entry(&mut self, target: &Target, to: usize) -> Result<bool, Refusal> {
        let from = self.queued(target)?;
        let to = to.min(self.queue.len() - 1);
        let entry = self.queue.remove(from);
        self.queue.insert(to, entry);
        Ok(from != to)
    }

    fn remove(&mut self, caller: &Caller, target: &Target) -> Result<Applied, Refusal> {
        let place = self.queued(target)?;
        let is_own = self.queue.get(place).is_some_and(|entry| self.is_own(entry, caller.id));
        if !caller.leads && !is_own {
            return Err(NOT_HOST);
        }
        self.queue.remove(place);
        Ok(Applied::CHANGED)
    }

    fn vote(&mut self, caller: &Caller, target: &Target) -> Result<Applied, Refusal> {
        if !self.has_round() {
            return Err(Refusal::Conflict("no vote is open"));
        }
        self.queued(target)?;
        let candidates = self.candidates();
        let vote = candidates.iter().find(|entry| entry.is_named_by(target)).map(|entry| entry.id);
        let vote = vote.ok_or(Refusal::NotAllowed("this entry is not part of the vote"))?;
        let member = self.member_mut(caller.id).ok_or(Refusal::UnknownMember)?;
        Ok(Applied::if_changed(member.vote.replace(vote) != Some(vote)))
    }

    fn skip(&mut self, caller: &Caller, now_ms: u64) -> Result<Applied, Refusal> {
        if caller.leads {
            return self.lead(caller, &Command::Next, now_ms);
        }
        if self.acting_policy() == Policy::Host {
            return Err(NOT_HOST);
        }
        if self.is_at_end(now_ms) {
            return Err(Refusal::Conflict("the next entry is about to begin"));
        }
        let has_round = self.has_round();
        let member = self.member_mut(caller.id).filter(|_| has_round);
        Ok(Applied::if_changed(member.is_some_and(|member| !std::mem::replace(&mut member.skips, true))))
    }

    fn hand_over(&mut self, caller: &Caller, member_id: &str) -> Result<Applied, Refusal> {
        caller.needs_host()?;
        let id = self.known(member_id)?;
        if !self.member(id).is_some_and(Member::is_present) {
            return Err(Refusal::NotAllowed("this member is not present"));
        }
        Ok(Applied::if_changed(self.host.replace(id) != Some(id)))
    }

    fn rename(&mut self, caller: &Caller, name: &str) -> Result<Applied, Refusal> {
        let place = self.place_of(caller.id).ok_or(Refusal::UnknownMember)?;
        if !self.has_room_for_name(place, name) {
            return Err(Refusal::Limit("the party has no room for so long a name"));
        }
        let member = self.members.get_mut(place).ok_or(Refusal::UnknownMember)?;
        if member.account_since_ms.is_some() {
            return Err(Refusal::NotAllowed("your name is that of your account"));
        }
        if member.is_muted {
            return Err(Refusal::NotAllowed("you are muted"));
        }
        let has_changed = member.name != name;
        name.clone_into(&mut member.name);
        Ok(Applied::if_changed(has_changed))
    }

    fn say(
        &mut self,
        caller: &Caller,
        text: &str,
        request: Option<u64>,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let again = self.chat.iter().find(|message| request.is_some() && message.request == request);
        if let Some(message) = again {
            return Ok(Applied::again(Created::Message(message.id)));
        }
        let member = self.member(caller.id).ok_or(Refusal::UnknownMember)?;
        if member.is_muted {
            return Err(Refusal::NotAllowed("you are muted"));
        }
        let name = member.name.clone();
        let id = MessageId(self.number());
        self.chat.push(Message {
            id,
            member: caller.id,
            name,
            text: text.to_owned(),
            at_ms: now_ms,
            request,
        });
        self.bound_chat();
        Ok(Applied::new(Created::Message(id)))
    }

    fn set(
        &mut self,
        caller: &Caller,
        change: &ChangeParty,
        content: Option<&NewEntry>,
        accounts: &BTreeMap<String, u64>,
    ) -> Result<Applied, Refusal> {
        caller.needs_host()?;
        let ChangeParty { title, policy, access, settings, people } = change;
        if people.as_ref().is_some_and(|people| people.len() > MAX_PEOPLE) {
            return Err(Refusal::Limit("a party has at most 100 people on its list"));
        }
        if let Some(settings) = settings {
            check(settings)?;
            let default = settings.default_item_id;
            let is_known = default.is_none() || default == self.settings.default_item_id;
            let is_given = content.is_some_and(|content| content.item_id == default);
            if !is_known && !is_given {
                return Err(Refusal::Invalid("default_item_id names no item that can be played"));
            }
        }
        let before =
            (self.title.clone(), self.policy, self.access, self.settings.clone(), self.people.clone());
        if let Some(settings) = settings {
            self.change_settings(settings, caller.id, content);
        }
        self.title.clone_from(title.as_ref().unwrap_or(&before.0));
        self.set_policy(policy.unwrap_or(self.policy));
        self.access = access.unwrap_or(self.access);
        if let Some(people) = people {
            self.people = people.iter().map(|name| self.listed(name, accounts)).collect();
        }
        let after = (&self.title, self.policy, self.access, &self.settings, &self.people);
        Ok(Applied::if_changed((&before.0, before.1, before.2, &before.3, &before.4) != after))
    }

    /// A name on the list of people. A name that is already listed keeps its person.
    fn listed(&self, name: &str, accounts: &BTreeMap<String, u64>) -> (String, Option<u64>) {
        let since_ms = self.people.get(name).copied();
        (name.to_owned(), since_ms.unwrap_or_else(|| accounts.get(name).copied()))
    }

    fn change_settings(&mut self, settings: &Settings, caller: MemberId, content: Option<&NewEntry>) {
        if settings.default_item_id != self.settings.default_item_id {
            let content = content.filter(|content| content.item_id == settings.default_item_id);
            self.set_default(content.cloned(), caller);
        }
        if settings.shows_votes && !self.settings.shows_votes {
            self.secret_until_round = Some(self.round());
        }
        let default_item_id = self.settings.default_item_id;
        self.settings = Settings { default_item_id, ..settings.clone() };
        self.loss = self.loss.map(|_| self.settings.on_host_loss);
    }
}

impl Caller {
    fn needs_lead(&self) -> Result<(), Refusal> {
        self.leads.then_some(()).ok_or(NOT_HOST)
    }

    fn needs_host(&self) -> Result<(), Refusal> {
        self.is_host.then_some(()).ok_or(NOT_HOST)
    }
}

/// Whether a command refers to the current entry, so that it must not apply to the next one.
fn is_for_round(command: &Command) -> bool {
    matches!(
        command,
        Command::Vote(_) | Command::Skip | Command::Next | Command::Previous | Command::Seek { .. }
    )
}

/// A number that identifies a member's request.
fn request_number(member: MemberId, request_id: &str) -> u64 {
    number_of(&format!("{member}/{request_id}"))
}

fn check(settings: &Settings) -> Result<(), Refusal> {
    if !(1..=100).contains(&settings.skip_percent) {
        return Err(Refusal::Invalid("skip_percent must be 1 to 100"));
    }
    if settings.wait_ms > MAX_WAIT_MS {
        return Err(Refusal::Invalid("wait_ms must be at most 60000"));
    }
    Ok(())
}
