//! `/api/streams/{stream_id}/invitations`: made, listed and revoked by the broadcaster, the owner, and operators.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use protocol::{
    ErrorCode,
    invitation::{CreateInvitation, InvitationCreated, InvitationInfo},
    title,
};
use serving::Forwarded;

use super::{api::Api, extract::Manager};
use crate::{
    api::{
        error::Error,
        extract::{Client, OptionalJson},
    },
    clock::Now,
};

/// The invitation that the path names, known or not.
pub(super) struct InvitationPath(String);

impl FromRequestParts<Arc<Api>> for InvitationPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let texts = Path::<(String, String)>::from_request_parts(parts, api).await;
        let unknown = |_| Error::new(ErrorCode::UnknownInvitation, "the stream has no such invitation");
        texts.map(|Path((_, invitation_id))| Self(invitation_id)).map_err(unknown)
    }
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    manager: Manager,
    forwarded: Forwarded,
    OptionalJson(request): OptionalJson<CreateInvitation>,
) -> Result<(StatusCode, Answer<InvitationCreated>), Error> {
    let now = Now::read();
    let stream_id = api.streams.find(manager.stream_id, now)?.info.stream_id;
    let name = request.name.as_deref().map(title::clean).transpose();
    let name = name.map_err(|error| Error::invalid(format!("name: {error}")))?;
    let created = api.invitations.create(stream_id.into(), CreateInvitation { name, ..request }, now).await?;
    let url = forwarded.prefix().path(&created.url);
    manager.log(address, "made an invitation to");
    Ok((StatusCode::CREATED, Answer(InvitationCreated { url, ..created })))
}

pub(super) async fn list(State(api): State<Arc<Api>>, manager: Manager) -> Answer<Vec<InvitationInfo>> {
    Answer(api.invitations.list(manager.stream_id.into()))
}

pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    manager: Manager,
    InvitationPath(invitation_id): InvitationPath,
) -> Result<StatusCode, Error> {
    api.invitations.revoke(manager.stream_id.into(), &invitation_id, Now::read()).await?;
    manager.log(address, "revoked an invitation to");
    Ok(StatusCode::NO_CONTENT)
}
