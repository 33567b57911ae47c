//! `POST /api/library/{item_id}/play`: a grant, and the nodes to use it at.
//!
//! To a client that is not admitted, a private item does not exist, whatever passphrase it sends. Only the
//! holder of an invitation learns why it is no longer accepted.

use std::{net::IpAddr, sync::Arc};

use axum::{Json as Answer, extract::State};
use protocol::{
    ItemId,
    grant::ItemClaims,
    item::{PlayItem, Playable},
    stream::Visibility,
};
use serving::Forwarded;

use super::{
    super::{Error as LibraryError, Record, check_state},
    Api,
    extract::{ItemPath, Shown},
};
use crate::{
    api::{
        error::Error,
        extract::{Client, OptionalJson},
    },
    auth::{Attempt, PASSPHRASE_CHARS, PLAY},
    clock::Now,
    invitations::{Error as InvitationError, Key as InvitationKey, Refusal},
};

/// How a client was admitted.
#[derive(Default)]
struct Admitted {
    /// The client's invitation, from this request or an earlier one.
    invitation_id: Option<String>,
    /// The invitation of which this request consumes one use.
    uses: Option<InvitationKey>,
}

pub(super) async fn play(
    State(api): State<Arc<Api>>,
    ItemPath(item_id): ItemPath,
    Client(address): Client,
    shown: Shown,
    forwarded: Forwarded,
    OptionalJson(request): OptionalJson<PlayItem>,
) -> Result<Answer<Playable>, Error> {
    let now = Now::read();
    api.partition.admits_newcomers(now)?;
    let record = api.library.find(item_id).await?.ok_or(LibraryError::Unknown)?;
    let admitted = admit(&api, item_id, &record, &shown, request, address).await?;
    check_state(&record)?;
    let nodes = api.nodes.of(item_id, forwarded.prefix(), now)?;
    if let Some(invitation) = admitted.uses {
        // Counted last, so that a client that no node serves consumes no use.
        api.invitations.count(&invitation, None, now).await?;
    }
    let grant = grant(&api, item_id, &record, admitted.invitation_id, now)?;
    Ok(Answer(Playable { grant, expires_in_s: PLAY.as_secs(), nodes }))
}

/// Admits a client to an item, by its role, an earlier grant, or the request's credentials.
async fn admit(
    api: &Api,
    item_id: ItemId,
    record: &Record,
    shown: &Shown,
    request: PlayItem,
    address: Option<IpAddr>,
) -> Result<Admitted, Error> {
    if shown.may_edit(api, record) {
        return Ok(Admitted::default());
    }
    if record.is_deleted() {
        return Err(LibraryError::Unknown.into());
    }
    if record.visibility != Visibility::Private || shown.is_node {
        return Ok(Admitted::default());
    }
    if let Some(claims) = shown.earlier(api, item_id, record).await? {
        return Ok(Admitted { invitation_id: claims.invitation_id, uses: None });
    }
    if let Some(invitation) = request.invitation {
        api.passphrases.turn(item_id.into(), address).await?;
        let key = match api.invitations.check(item_id.into(), &invitation, None, Now::read()).await {
            Err(InvitationError::Refused(Refusal::Unknown)) => return Err(LibraryError::Unknown.into()),
            checked => checked?,
        };
        return Ok(Admitted { invitation_id: Some(key.invitation_id.clone()), uses: Some(key) });
    }
    let (Some(hash), Some(passphrase)) = (record.passphrase_hash.clone(), request.passphrase) else {
        return Err(LibraryError::Unknown.into());
    };
    let may_match = (1..=PASSPHRASE_CHARS).contains(&passphrase.chars().count());
    let attempt = Attempt { subject: item_id.into(), address, passphrase, hash };
    let is_right = may_match && api.passphrases.matches(attempt).await?;
    is_right.then(Admitted::default).ok_or_else(|| LibraryError::Unknown.into())
}

/// A grant for an admitted client, with the invitation that admitted it.
pub(super) fn grant(
    api: &Api,
    item_id: ItemId,
    record: &Record,
    invitation_id: Option<String>,
    now: Now,
) -> Result<String, Error> {
    let claims =
        ItemClaims { invitation_id, rule: record.rule, ..ItemClaims::play(item_id, 0, String::new()) };
    let grant = api.grants.permit_item(claims, PLAY, now)?;
    api.play_grants.inc();
    Ok(grant)
}
