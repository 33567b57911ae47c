//! Fixed bounds of parties.

use super::{
    limits::{COMMANDS, ENTRIES, JOINS, LOOK_UPS, MAKING, MESSAGES, QUESTIONS, READS},
    party::{MAX_MEMBERS_OF_ACCOUNT, MAX_PEOPLE, MAX_QUEUE, MAX_QUEUE_OF_FORMER, MAX_QUEUE_OF_MEMBER},
};
use crate::invitations::{MOST_OF_PARTIES, MOST_OF_PARTY};

/// Commands of a member: per second, and burst.
pub const PARTY_COMMANDS: (u32, u32) = COMMANDS;
/// Messages of a member: per second, and burst.
pub const PARTY_MESSAGES: (u32, u32) = MESSAGES;
/// Other calls of a member, for the state, events, grants and invitations: per second, and burst.
pub const PARTY_READS: (u32, u32) = READS;
/// Accounts that may join a private party.
pub const PARTY_PEOPLE: usize = MAX_PEOPLE;
/// Entries in the queue of a party.
pub const PARTY_QUEUE: usize = MAX_QUEUE;
/// Entries in the queue per member that does not lead the party.
pub const PARTY_QUEUE_OF_MEMBER: usize = MAX_QUEUE_OF_MEMBER;
/// Entries in the queue of members that have left, apart from those that a leader added or accepted.
pub const PARTY_QUEUE_OF_FORMER: usize = MAX_QUEUE_OF_FORMER;
/// Members of a party per account.
pub const PARTY_MEMBERS_OF_ACCOUNT: usize = MAX_MEMBERS_OF_ACCOUNT;
/// Parties created per address at a main server: per second, and burst.
pub const PARTIES_MADE: (u32, u32) = MAKING;
/// Attempts to join a party per address: per second, and burst.
pub const PARTY_JOINS: (u32, u32) = JOINS;
/// Look-ups in the store per address, of parties that it may not see: per second, and burst.
pub const PARTY_QUESTIONS: (u32, u32) = QUESTIONS;
/// Look-ups in the store for unknown members of a party: per second, and burst.
pub const PARTY_LOOK_UPS: (u32, u32) = LOOK_UPS;
/// Look-ups in the store per member, for unknown entries: per second, and burst.
pub const PARTY_ENTRY_LOOK_UPS: (u32, u32) = ENTRIES;
/// Valid invitations of a party.
pub const PARTY_INVITATIONS: usize = MOST_OF_PARTY;
/// Invitations of all parties.
pub const PARTIES_INVITATIONS: usize = MOST_OF_PARTIES;
