//! `/api/streams/{stream_id}/invitations`: made, listed and revoked by the broadcaster, the owner, and operators.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::{
    invitation::{CreateInvitation, InvitationCreated, InvitationInfo},
    title,
};
use serving::Forwarded;

use super::{api::Api, extract::Manager};
use crate::{
    api::{
        error::Error,
        extract::{Client, InvitationPath, OptionalJson},
    },
    clock::Now,
};

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
