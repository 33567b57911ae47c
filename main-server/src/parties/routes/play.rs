//! `POST /api/parties/{party_id}/play`: a short-lived grant for a member to play a current or queued entry.

use std::{sync::Arc, time::Duration};

use axum::{Json as Answer, extract::State};
use protocol::{
    ItemId, PartyId, StreamId,
    grant::{Action, Claims, ItemClaims},
    item::Playable,
    party::{PlayInParty, Target},
    stream::{AskForNodes, Assignment, Visibility},
};
use serde::Serialize;
use serving::Forwarded;

use super::{
    super::{
        Caller, Error, Parties,
        party::{Record, Refusal},
    },
    Api,
};
use crate::{
    api::{caller::Person, error::Error as ApiError, extract::Json},
    clock::Now,
    library::check_state,
    state::catalogue,
    streams::{Error as StreamError, to_watch},
};

/// Lifetime of a grant for an item, short because a removed member keeps it until then.
const GRANT: Duration = Duration::from_secs(5 * 60);

/// The answer: how a member plays the entry.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Permission {
    Item(Playable),
    Stream(Assignment),
}

/// The content of an entry.
enum Media {
    /// With the account that added it.
    Item(ItemId, Option<Person>),
    Stream(StreamId),
}

pub(super) async fn play(
    State(api): State<Arc<Api>>,
    caller: Caller,
    forwarded: Forwarded,
    Json(PlayInParty { target }): Json<PlayInParty>,
) -> Result<Answer<Permission>, ApiError> {
    api.parties.limits.read(caller.party_id, caller.person_id)?;
    let now = Now::read();
    api.partition.admits_newcomers(now)?;
    let permission = match api.parties.media(&caller, &target).await? {
        Media::Item(item_id, adder) => {
            let record = api.parties.resolver.may_play(item_id, adder.as_ref()).await?;
            check_state(&record)?;
            let nodes = api.nodes.of(item_id, forwarded.prefix(), now)?;
            let claims = ItemClaims {
                invitation_id: Some(admission(caller.party_id)),
                rule: record.rule,
                ..ItemClaims::play(item_id, 0, String::new())
            };
            let grant = api.grants.permit_item(claims, GRANT, now)?;
            Permission::Item(Playable { grant, expires_in_s: GRANT.as_secs(), nodes })
        }
        Media::Stream(stream_id) => Permission::Stream(watch(&api, stream_id, &forwarded, now).await?),
    };
    Ok(Answer(permission))
}

/// The admitting party's id within a grant. It is no invitation, so the library does not renew such a grant:
/// only the party issues another one.
fn admission(party_id: PartyId) -> String {
    format!("party-{party_id}")
}

async fn watch(
    api: &Api,
    stream_id: StreamId,
    forwarded: &Forwarded,
    now: Now,
) -> Result<Assignment, ApiError> {
    let streams = &api.parties.resolver.streams;
    streams.look_up(stream_id).await?;
    let found = streams.find(stream_id, now)?;
    if found.visibility == Visibility::Private {
        return Err(StreamError::Catalogue(catalogue::Error::UnknownStream(stream_id)).into());
    }
    let nodes = streams.watch(stream_id, &AskForNodes::default(), now)?;
    let grant = api.grants.issue(Claims::new(stream_id, Action::Watch, found.visibility, 0), now)?;
    Ok(to_watch(grant, nodes, found.info, forwarded.prefix()))
}

impl Parties {
    /// The content of a current or queued entry. Looks up an unknown entry in the store, because another main
    /// server may have just announced it to the member.
    async fn media(&self, caller: &Caller, target: &Target) -> Result<Media, Error> {
        if let Some(media) = self.known_media(caller, target)? {
            return Ok(media);
        }
        self.limits.look_up_entry(caller.party_id, caller.person_id)?;
        self.records.look_up(&caller.party_id).await?;
        self.known_media(caller, target)?.ok_or_else(|| Refusal::UnknownEntry.into())
    }

    fn known_media(&self, caller: &Caller, target: &Target) -> Result<Option<Media>, Error> {
        let found = self.table.read(caller.party_id, |record: &Record| {
            let entry = record.entry(target)?;
            let is_current = record.playing.iter().chain(&record.queue).any(|current| current.id == entry.id);
            let adder = || entry.content.account.as_deref().and_then(|name| self.accounts.holder(name));
            match (entry.content.item_id, entry.content.stream_id) {
                _ if !is_current => None,
                (Some(item_id), _) => Some(Media::Item(item_id, adder())),
                (None, Some(stream_id)) => Some(Media::Stream(stream_id)),
                (None, None) => None,
            }
        });
        found.ok_or(Error::Unknown)
    }
}
