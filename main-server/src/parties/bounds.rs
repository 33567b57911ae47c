//! Fixed bounds of parties.

use super::{
    limits::{COMMANDS, ENTRIES, JOINS, LOOK_UPS, MAKING, MESSAGES, QUESTIONS},
    party::{MAX_MEMBERS_OF_ACCOUNT, MAX_PEOPLE, MAX_QUEUE, MAX_QUEUE_OF_MEMBER},
};
use crate::invitations::{MOST_OF_PARTIES, MOST_OF_PARTY};

/// Commands of a member: a second, and at once.
pub const PARTY_COMMANDS: (u32, u32) = COMMANDS;
/// Messages of a member: a second, and at once.
pub const PARTY_MESSAGES: (u32, u32) = MESSAGES;
/// Accounts that may join a private party.
pub const PARTY_PEOPLE: usize = MAX_PEOPLE;
/// Entries in the queue of a party.
pub const PARTY_QUEUE: usize = MAX_QUEUE;
/// Entries in the queue of a party of a member that does not lead it.
pub const PARTY_QUEUE_OF_MEMBER: usize = MAX_QUEUE_OF_MEMBER;
/// Members of a party of one account.
pub const PARTY_MEMBERS_OF_ACCOUNT: usize = MAX_MEMBERS_OF_ACCOUNT;
/// Parties that an address makes at a main server: a second, and at once.
pub const PARTIES_MADE: (u32, u32) = MAKING;
/// Attempts of an address to join a party: a second, and at once.
pub const PARTY_JOINS: (u32, u32) = JOINS;
/// Questions of an address to the store for parties that it may not see: a second, and at once.
pub const PARTY_QUESTIONS: (u32, u32) = QUESTIONS;
/// Questions to the store for members of a party that a main server does not know: a second, and at once.
pub const PARTY_LOOK_UPS: (u32, u32) = LOOK_UPS;
/// Questions to the store for entries that a main server does not know, of a member: a second, and at once.
pub const PARTY_ENTRY_LOOK_UPS: (u32, u32) = ENTRIES;
/// Valid invitations of a party.
pub const PARTY_INVITATIONS: usize = MOST_OF_PARTY;
/// Invitations of all parties.
pub const PARTIES_INVITATIONS: usize = MOST_OF_PARTIES;
