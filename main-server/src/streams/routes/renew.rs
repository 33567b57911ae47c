//! `POST /api/streams/{stream_id}/renew`: a fresh grant for a broadcaster or viewer that has one, so that neither is ever without.
//!
//! It counts nothing and chooses no node: the client stays where it is. A main server that is cut off renews too, because only
//! running sessions ask.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::HeaderMap};
use protocol::{
    grant::{self, Action, Claims},
    stream::RenewedGrant,
};

use super::{
    api::Api,
    extract::{StreamPath, judged},
};
use crate::{
    api::{caller::bearer, error::Error},
    auth::{lifetime, proves_admission},
    clock::Now,
    invitations::{self, Refusal},
};

pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    StreamPath(stream_id): StreamPath,
    headers: HeaderMap,
) -> Result<Answer<RenewedGrant>, Error> {
    let now = Now::read();
    api.streams.look_up(stream_id).await?;
    let found = api.streams.find(stream_id, now)?;
    let grant = bearer(&headers).ok_or_else(Error::no_grant)?;
    let claims = judged(&api, grant, api.grants.renewable(grant, stream_id, now))?;
    if found.asks.is_some() && !proves_admission(&claims, found.was_open) {
        return Err(grant::Error::Invalid.into());
    }
    if let Some(invitation_id) = &claims.invitation_id
        && api.invitations.is_revoked(stream_id.into(), invitation_id).await?
    {
        return Err(invitations::Error::Refused(Refusal::Revoked).into());
    }
    let expires_in_s = lifetime(claims.action).as_secs();
    let claims = match claims.action {
        Action::Publish => found.to_publish(claims, now),
        Action::Watch | Action::Relay => Claims { visibility: found.visibility, ..claims },
    };
    let grant = api.grants.issue(claims, now)?;
    Ok(Answer(RenewedGrant { grant, expires_in_s }))
}
