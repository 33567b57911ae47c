//! Fixed bounds of parties.

use super::{
    limits::{COMMANDS, MESSAGES},
    party::{MAX_PEOPLE, MAX_QUEUE},
};

/// Commands of a member: a second, and at once.
pub const PARTY_COMMANDS: (u32, u32) = COMMANDS;
/// Messages of a member: a second, and at once.
pub const PARTY_MESSAGES: (u32, u32) = MESSAGES;
/// Accounts that may join a private party.
pub const PARTY_PEOPLE: usize = MAX_PEOPLE;
/// Entries in the queue of a party.
pub const PARTY_QUEUE: usize = MAX_QUEUE;
