//! `GET /api/parties/{party_id}/events`: the whole party, then its changes, as Server-Sent Events.

use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use bytes::Bytes;
use per_address::Share;
use serving::Forwarded;

use super::{
    super::{Caller, Error, party::Event, presence::Stay, reader::Reader},
    Api,
};
use crate::{
    api::{error::Error as ApiError, extract::Client},
    events::sse,
};

struct Listener {
    reader: Reader,
    /// The member counts as connected while this exists.
    _stay: Stay,
    _share: Share,
}

pub(super) async fn listen(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    caller: Caller,
    forwarded: Forwarded,
) -> Result<impl IntoResponse, ApiError> {
    let Caller { party_id, member, person_id, is_present, .. } = caller;
    let parties = &api.parties;
    parties.limits.read(party_id, person_id)?;
    let share = parties.limits.listener(address)?;
    let stay = parties.presence.enter(party_id, member).ok_or(Error::TooManyStreams)?;
    if !is_present {
        parties.apply_later(party_id, Event::Present { members: vec![member] });
    }
    let reader = Reader::new(&parties.table, party_id, member, forwarded.prefix().clone());
    Ok(sse::answer(Listener { reader, _stay: stay, _share: share }, api.closing.clone()))
}

impl sse::Listener for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        self.reader.next().await
    }
}
