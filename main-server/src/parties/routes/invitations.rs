//! `/api/parties/{party_id}/invitations`: created, listed and revoked by the host and operators.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::invitation::{CreateInvitation, InvitationCreated, InvitationInfo};
use serving::Forwarded;

use super::{
    super::{party::Event, text},
    Api,
    extract::Leader,
};
use crate::{
    api::{
        error::Error,
        extract::{InvitationPath, OptionalJson},
    },
    clock::Now,
    invitations::Error as InvitationError,
};

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Leader(caller): Leader,
    forwarded: Forwarded,
    OptionalJson(request): OptionalJson<CreateInvitation>,
) -> Result<(StatusCode, Answer<InvitationCreated>), Error> {
    let name = request.name.as_deref().map(text::title).transpose()?;
    let request = CreateInvitation { name, ..request };
    let created = api.parties.invitations.create(caller.party_id.into(), request, Now::read()).await?;
    let url = forwarded.prefix().path(&created.url);
    Ok((StatusCode::CREATED, Answer(InvitationCreated { url, ..created })))
}

pub(super) async fn list(State(api): State<Arc<Api>>, Leader(caller): Leader) -> Answer<Vec<InvitationInfo>> {
    let (parties, party_id) = (&api.parties, caller.party_id);
    let mut invitations = parties.invitations.list(party_id.into());
    parties.table.read(party_id, |record| {
        invitations.retain(|invitation| !record.bans_invitation(&invitation.invitation_id));
    });
    Answer(invitations)
}

pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Leader(caller): Leader,
    InvitationPath(invitation): InvitationPath,
) -> Result<StatusCode, Error> {
    let (parties, subject) = (&api.parties, caller.party_id.into());
    if !parties.invitations.exists(subject, &invitation).await? {
        return Err(InvitationError::Unknown.into());
    }
    // First removes the members that it admitted, including those that another server is admitting now. If
    // that fails, the invitation is still listed, so that the call is repeated.
    let revoked = Event::InvitationRevoked { invitation: invitation.clone() };
    parties.writer.apply(caller.party_id, revoked).await?;
    match parties.invitations.revoke(subject, &invitation, Now::read()).await {
        // It was already revoked.
        Ok(()) | Err(InvitationError::Unknown) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}
