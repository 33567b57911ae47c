//! `GET /api/parties/{party_id}`: the whole state, as far as the caller may see it.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::{header, request::Parts},
    response::IntoResponse,
};
use protocol::{PartyId, party::TOKEN_PREFIX};
use serving::Forwarded;

use super::{
    super::{Caller, Error, Parties, party::Viewer},
    Api,
    extract::PartyPath,
};
use crate::{
    api::{caller::bearer, error::Error as ApiError, extract::Client},
    events::Text,
};

/// The caller's view of a party.
pub(super) struct Seen {
    party_id: PartyId,
    viewer: Viewer,
}

impl FromRequestParts<Arc<Api>> for Seen {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let PartyPath(party_id) = PartyPath::from_request_parts(parts, api).await?;
        let Client(address) = Client::of(&parts.extensions);
        let token = bearer(&parts.headers).filter(|token| token.starts_with(TOKEN_PREFIX));
        if token.is_some() {
            let caller: Caller = api.parties.caller(party_id, token, address).await?;
            api.parties.limits.read(party_id, caller.person_id)?;
            let viewer = Viewer::Member { id: caller.member, is_operator: caller.is_operator() };
            return Ok(Self { party_id, viewer });
        }
        let person = api.credentials.person(parts)?;
        let visitor = api.parties.visitor(person.as_ref());
        let is_shown =
            || api.parties.table.read(party_id, |record| record.is_shown_to(visitor)).unwrap_or(false);
        if !is_shown() {
            api.parties.ask(party_id, address).await?;
        }
        is_shown().then_some(Self { party_id, viewer: Viewer::Onlooker }).ok_or_else(|| Error::Unknown.into())
    }
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    seen: Seen,
    forwarded: Forwarded,
) -> Result<impl IntoResponse, ApiError> {
    let text = api.parties.state(seen)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text.below(forwarded.prefix())))
}

impl Parties {
    /// The state in JSON.
    fn state(&self, Seen { party_id, viewer }: Seen) -> Result<Text, Error> {
        let state = self.table.read(party_id, |record| record.view(viewer)).ok_or(Error::Unknown)?;
        serde_json::to_string(&state).map(Text::from).map_err(|_| Error::Failed)
    }
}
