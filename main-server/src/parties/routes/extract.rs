//! The extractors of callers: members of the party in the path.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use protocol::PartyId;

use super::{
    super::{Caller, Error},
    Api,
};
use crate::api::{caller::bearer, error::Error as ApiError, extract::Client};

/// The party in the path, known or not.
pub(super) struct PartyPath(pub(super) PartyId);

impl<S: Send + Sync> FromRequestParts<S> for PartyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let texts = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let first = texts.ok().and_then(|Path(texts)| texts.into_iter().next());
        let party_id = first.and_then(|(_, text)| text.parse().ok());
        party_id.map(Self).ok_or_else(|| Error::Unknown.into())
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let PartyPath(party_id) = PartyPath::from_request_parts(parts, api).await?;
        let Client(address) = Client::of(&parts.extensions);
        Ok(api.parties.caller(party_id, bearer(&parts.headers), address).await?)
    }
}

/// The host or an operator.
pub(super) struct Leader(pub(super) Caller);

impl FromRequestParts<Arc<Api>> for Leader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let refused = || ApiError::new(protocol::ErrorCode::NotAllowed, "only the host may do this");
        let caller = Caller::from_request_parts(parts, api).await?;
        api.parties.limits.read(caller.party_id, caller.person_id)?;
        caller.is_host_or_operator().then_some(()).ok_or_else(refused)?;
        // Another main server may have made another member the host just now, or removed this one.
        api.parties.records.look_up(&caller.party_id).await.map_err(Error::from)?;
        let caller = Caller::from_request_parts(parts, api).await?;
        caller.is_host_or_operator().then_some(Self(caller)).ok_or_else(refused)
    }
}
