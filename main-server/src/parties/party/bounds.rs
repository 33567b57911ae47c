//! Limits the size of a record: each part has a byte budget, so that whatever texts it contains, the whole
//! stays below [`store::MAX_VALUE_BYTES`]. With texts of usual length the counts are reached before the
//! bytes.

use super::{
    id::EntryId,
    record::{Entry, Member, Message, NewEntry, Record},
};

/// Most members.
pub(crate) const MAX_MEMBERS: usize = 2_000;
/// Most members of one account, for its devices.
pub(crate) const MAX_MEMBERS_OF_ACCOUNT: usize = 16;
/// Most entries in the queue.
pub(crate) const MAX_QUEUE: usize = 200;
/// Most entries in the queue per member that does not lead the party.
pub(crate) const MAX_QUEUE_OF_MEMBER: usize = 25;
/// Most entries in the queue of members that have left, apart from those that a leader added or accepted.
pub(crate) const MAX_QUEUE_OF_FORMER: usize = 50;
/// Most played entries that are still shown.
pub(super) const MAX_PLAYED: usize = 50;
/// Most stored messages.
pub(super) const MAX_MESSAGES: usize = 100;
/// Most accounts that may join a private party.
pub(crate) const MAX_PEOPLE: usize = 100;
/// Most stored bans.
pub(super) const MAX_BANNED: usize = 200;
/// Most people that were muted when they left.
pub(super) const MAX_MUTED: usize = 200;

/// Byte budgets of members, entries, played entries and messages. The rest is for fixed-size data, people and
/// bans.
pub(super) const MEMBER_BYTES: usize = 342_000;
const QUEUE_BYTES: usize = 85_000;
const PLAYED_BYTES: usize = 21_300;
const MESSAGE_BYTES: usize = 36_000;

/// Bytes of a member without its texts, including everything that may be added later.
const MEMBER_BASE: usize = 139;
/// Bytes of an entry without its texts, including everything that may be added later.
const ENTRY_BASE: usize = 245;
/// Bytes of a message without its texts.
const MESSAGE_BASE: usize = 100;

impl Record {
    /// Whether there is space for one more member called `name`.
    pub(super) fn has_room_for_member(&self, name: &str, invitation: Option<&str>) -> bool {
        let used: usize = self.members.iter().map(member_bytes).sum();
        let needed = MEMBER_BASE + json_bytes(name) + invitation.map_or(0, json_bytes);
        self.members.len() < MAX_MEMBERS && used + needed <= MEMBER_BYTES
    }

    /// Whether member `place` can be renamed to `name`.
    pub(super) fn has_room_for_name(&self, place: usize, name: &str) -> bool {
        let used: usize = self.members.iter().map(member_bytes).sum();
        let before = self.members.get(place).map_or(0, |member| json_bytes(&member.name));
        json_bytes(name) <= before || used - before + json_bytes(name) <= MEMBER_BYTES
    }

    /// Whether there is space for one more entry in the queue.
    pub(super) fn has_room_for_entry(&self, entry: &NewEntry) -> bool {
        self.has_room_without(None, entry)
    }

    /// Whether there is space for one more entry in the queue once `taken` has left it.
    pub(super) fn has_room_without(&self, taken: Option<EntryId>, entry: &NewEntry) -> bool {
        let rest = || self.queue.iter().filter(|queued| Some(queued.id) != taken);
        let used: usize = rest().map(|queued| entry_bytes(&queued.content)).sum();
        rest().count() < MAX_QUEUE && used + entry_bytes(entry) <= QUEUE_BYTES
    }

    /// Drops the oldest played entries beyond the limits.
    pub(super) fn bound_played(&mut self) {
        let bytes = |entry: &Entry| entry_bytes(&entry.content);
        drop_oldest(&mut self.played, MAX_PLAYED, PLAYED_BYTES, bytes);
    }

    /// Drops the oldest messages beyond the limits.
    pub(super) fn bound_chat(&mut self) {
        drop_oldest(&mut self.chat, MAX_MESSAGES, MESSAGE_BYTES, message_bytes);
    }
}

/// Keeps the newest of `all`, at most `most` with at most `most_bytes`.
fn drop_oldest<T>(all: &mut Vec<T>, most: usize, most_bytes: usize, bytes: impl Fn(&T) -> usize) {
    let mut sum = 0;
    let fits = |one: &&T| {
        sum += bytes(one);
        sum <= most_bytes
    };
    let kept = all.iter().rev().take(most).take_while(fits).count();
    all.drain(..all.len() - kept);
}

pub(super) fn member_bytes(member: &Member) -> usize {
    MEMBER_BASE + json_bytes(&member.name) + member.invitation.as_deref().map_or(0, json_bytes)
}

fn entry_bytes(entry: &NewEntry) -> usize {
    let optional = |text: &Option<String>| text.as_deref().map_or(0, json_bytes);
    ENTRY_BASE
        + json_bytes(&entry.title)
        + optional(&entry.artist)
        + optional(&entry.poster_url)
        + json_bytes(&entry.hash)
        + optional(&entry.account)
}

fn message_bytes(message: &Message) -> usize {
    MESSAGE_BASE + json_bytes(&message.name) + json_bytes(&message.text)
}

/// Bytes of a text in JSON, without its quotes.
fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let control = text.bytes().filter(|byte| *byte < 0x20).count();
    text.len() + escaped + 5 * control
}
