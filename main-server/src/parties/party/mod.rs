//! A party as a pure state machine: [`Record::apply`] takes an event and the time, and nothing else. It has no clock, no
//! input or output, and no randomness but digests of what the record has, so every server that applies the same events to
//! the same record gets the same one.
//!
//! ```text
//! record (what the store keeps) <- bounds, ballot <- playback <- membership <- command <- apply
//!                               <- view <- changes
//! ```
//!
//! One event costs time in proportion to the members and the queue. A record with 1,000 members and 30 entries has about 90 KB.

mod apply;
mod ballot;
mod bounds;
mod changes;
mod command;
mod event;
mod id;
mod membership;
mod playback;
mod record;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use self::{
    bounds::{MAX_MEMBERS_OF_ACCOUNT, MAX_PEOPLE, MAX_QUEUE, MAX_QUEUE_OF_FORMER, MAX_QUEUE_OF_MEMBER},
    changes::changes,
    event::{Applied, Created, Event, Join, Refusal, Request},
    id::{EntryId, MemberId, PersonId, TokenDigest},
    membership::Visitor,
    record::{Member, NewEntry, NewParty, Record},
    view::Viewer,
};
