//! `/api/library/{item_id}/invitations`: made, listed and revoked by those who may change the item.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use protocol::{
    ErrorCode,
    invitation::{CreateInvitation, InvitationCreated, InvitationInfo},
};
use serving::Forwarded;

use super::{super::text, Api, extract::Editor};
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
        let unknown = |_| Error::new(ErrorCode::UnknownInvitation, "there is no such invitation");
        texts.map(|Path((_, invitation_id))| Self(invitation_id)).map_err(unknown)
    }
}

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
