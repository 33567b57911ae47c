//! `/api/library/{item_id}/invitations`: created, listed and revoked by those who may change the item.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::invitation::{CreateInvitation, InvitationCreated, InvitationInfo};
use serving::Forwarded;

use super::{super::text, Api, extract::Editor};
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
    editor: Editor,
    forwarded: Forwarded,
    OptionalJson(request): OptionalJson<CreateInvitation>,
) -> Result<(StatusCode, Answer<InvitationCreated>), Error> {
    api.library.get(editor.item_id).await?;
    let name = request.name.as_deref().map(|name| text::required("name", name)).transpose()?;
    let request = CreateInvitation { name, ..request };
    let created = api.invitations.create(editor.item_id.into(), request, Now::read()).await?;
    let url = forwarded.prefix().path(&created.url);
    editor.log(address, "made an invitation to");
    Ok((StatusCode::CREATED, Answer(InvitationCreated { url, ..created })))
}

pub(super) async fn list(State(api): State<Arc<Api>>, editor: Editor) -> Answer<Vec<InvitationInfo>> {
    Answer(api.invitations.list(editor.item_id.into()))
}

pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
    InvitationPath(invitation_id): InvitationPath,
) -> Result<StatusCode, Error> {
    api.invitations.revoke(editor.item_id.into(), &invitation_id, Now::read()).await?;
    editor.log(address, "revoked an invitation to");
    Ok(StatusCode::NO_CONTENT)
}
