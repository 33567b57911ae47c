//! Derives the events of a change from the records before and after, so that every server produces the same
//! text, whichever server wrote the record.

use std::cmp::Ordering;

use protocol::party::{EndReason, Message as MessageView, PartyChanged};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    id::MemberId,
    record::{Ban, Entry, Member, Message, Record},
    view::Viewer,
};

/// The events of a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// For all members; none if the revision is the same.
    pub(crate) changed: Option<PartyChanged>,
    /// New messages, for all members.
    pub(crate) chat: Vec<MessageView>,
    /// Members for which the party is over.
    pub(crate) gone: Vec<(MemberId, EndReason)>,
    /// Whether the party is over for all.
    pub(crate) ended: bool,
}

/// The changes from `old` to `new`, in one or many revisions.
pub(crate) fn changes(old: &Record, new: &Record) -> Changes {
    let mut fields = Fields(Map::new());
    fields.compare("title", &old.title, &new.title);
    fields.compare("policy", &old.policy, &new.policy);
    fields.compare("acting_policy", &old.acting_policy(), &new.acting_policy());
    fields.compare("access", &old.access, &new.access);
    fields.compare("host", &old.host_view(), &new.host_view());
    fields.compare("acting_host", &old.acting_host_view(), &new.acting_host_view());
    fields.compare("settings", &old.settings, &new.settings);
    fields.entries("queue", &old.queue, &new.queue);
    fields.entries("played", &old.played, &new.played);
    fields.compare("timeline", &old.timeline_view(), &new.timeline_view());
    fields.compare("round", &old.round_view(Viewer::Members), &new.round_view(Viewer::Members));
    let last_round = |record: &Record| record.last_round_view(Viewer::Members);
    fields.compare("last_round", &last_round(old), &last_round(new));
    let gone = fields.members(&old.members, &new.members);

    let changed = PartyChanged { revision: new.revision, changes: fields.0 };
    let newest = old.chat.last().map(|message| message.id);
    let is_new = |message: &&Message| newest.is_none_or(|newest| message.id > newest);
    Changes {
        changed: (old.revision != new.revision).then_some(changed),
        chat: new.chat.iter().filter(is_new).map(Message::view).collect(),
        gone: gone.into_iter().map(|member| (member.id, new.reason(member))).collect(),
        ended: new.is_ended() && !old.is_ended(),
    }
}

impl Record {
    /// Why `member` is gone.
    fn reason(&self, member: &Member) -> EndReason {
        let is_revoked = |ban: &Ban| {
            ban.member.is_none() && ban.invitation.is_some() && ban.invitation == member.invitation
        };
        let is_banned = self.banned.iter().any(|ban| ban.member == Some(member.id) || is_revoked(ban));
        if is_banned { EndReason::Kicked } else { EndReason::Left }
    }
}

/// Fields that changed.
struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a field if it changed; `null` if it is gone.
    fn compare<T: Serialize + PartialEq>(&mut self, name: &str, old: &T, new: &T) {
        if old != new {
            self.set(name, new);
        }
    }

    fn set(&mut self, name: &str, value: &impl Serialize) {
        // Plain data with text keys is always JSON.
        let value = serde_json::to_value(value).unwrap_or_default();
        self.0.insert(name.to_owned(), value);
    }

    fn entries(&mut self, name: &str, old: &[Entry], new: &[Entry]) {
        if old != new {
            self.set(name, &new.iter().map(Entry::view).collect::<Vec<_>>());
        }
    }

    /// Adds the members that are new or look different, and those that left. Returns the latter. Both lists are by id.
    fn members<'a>(&mut self, old: &'a [Member], new: &[Member]) -> Vec<&'a Member> {
        let (mut changed, mut left) = (Vec::new(), Vec::new());
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.id.cmp(&new.id),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            match (before, after) {
                (Some(before), None) => left.push(before),
                (None, Some(after)) => changed.push(after.view()),
                (Some(before), Some(after)) if !after.looks_like(before) => changed.push(after.view()),
                _ => {}
            }
        }
        if !changed.is_empty() {
            self.set("members", &changed);
        }
        if !left.is_empty() {
            self.set("left", &left.iter().map(|member| member.id.to_string()).collect::<Vec<_>>());
        }
        left
    }
}
