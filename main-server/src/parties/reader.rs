//! One event stream of a member.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    PartyId,
    party::{EndReason, PartyEnded},
};
use serving::Prefix;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    channel::{Frame, Snapshot},
    party::MemberId,
    table::Table,
};
use crate::events::Event;

/// The event stream of one member.
pub(super) struct Reader {
    table: Arc<Table>,
    party_id: PartyId,
    member: MemberId,
    prefix: Prefix,
    state: State,
}

enum State {
    /// The snapshot is next, then frames.
    Snapshot(Arc<Snapshot>, Receiver<Frame>),
    Frames(Receiver<Frame>),
    Over(EndReason),
    Closed,
}

impl Reader {
    /// The events of a party for a member who reaches the site below `prefix`, beginning with the whole party.
    pub(super) fn new(table: &Arc<Table>, party_id: PartyId, member: MemberId, prefix: Prefix) -> Self {
        let state = State::of(table, party_id, member);
        Self { table: Arc::clone(table), party_id, member, prefix, state }
    }

    /// The next bytes of the stream; none at its end. Cancel-safe: dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let State::Frames(frames) = &mut self.state {
                match frames.recv().await {
                    Ok(frame) => match frame.ends_for(self.member) {
                        Some(reason) => self.state = State::Over(reason),
                        None => return Some(frame.events.below(&self.prefix)),
                    },
                    Err(RecvError::Lagged(_)) => {
                        self.state = State::of(&self.table, self.party_id, self.member);
                    }
                    Err(RecvError::Closed) => self.state = State::Closed,
                }
                continue;
            }
            return match std::mem::replace(&mut self.state, State::Closed) {
                State::Snapshot(snapshot, frames) => {
                    self.state = State::Frames(frames);
                    Some(snapshot.text().below(&self.prefix))
                }
                State::Over(reason) => {
                    let mut text = String::new();
                    Event::new("ended", &PartyEnded { reason }).write(&mut text);
                    Some(text.into())
                }
                State::Frames(_) | State::Closed => None,
            };
        }
    }
}

impl State {
    fn of(table: &Table, party_id: PartyId, member: MemberId) -> Self {
        match table.subscribe(party_id, member) {
            Ok((snapshot, frames)) => Self::Snapshot(snapshot, frames),
            Err(reason) => Self::Over(reason),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if matches!(self.state, State::Snapshot(..) | State::Frames(_)) {
            self.table.unsubscribe(self.party_id);
        }
    }
}
