//! `POST /api/parties`, `…/join` and `…/leave`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json as Answer,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use protocol::{
    PartyId,
    party::{Access, CreateParty, JoinParty, Membership, PartyCreated},
};
use serving::Forwarded;

use super::{
    super::{
        Caller, Error, Parties, new_token,
        party::{Applied, Created, Event, Join, MemberId, NewParty, Record, Refusal, TokenDigest},
        text,
    },
    Api,
    extract::PartyPath,
};
use crate::{
    api::{
        caller::Person,
        error::Error as ApiError,
        extract::{Client, Json},
    },
    auth::token,
    clock::Now,
    invitations::{Error as InvitationError, Key as InvitationKey, Refusal as InvitationRefusal},
    subject::Subject,
};

/// A client, signed in or not. If it is signed in, the request comes from a page of this site.
pub(super) struct Newcomer(Option<Person>);

impl FromRequestParts<Arc<Api>> for Newcomer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        api.credentials.person(parts).map(Self)
    }
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Newcomer(person): Newcomer,
    forwarded: Forwarded,
    Json(request): Json<CreateParty>,
) -> Result<(StatusCode, Answer<PartyCreated>), ApiError> {
    let mut create = text::new_party(request)?;
    if let Some(person) = &person {
        create.name.clone_from(&person.name);
    }
    let parties = &api.parties;
    let share = parties.limits.party(address, parties.table.all(store::Replica::len))?;
    let account_since_ms = person.as_ref().and_then(|person| parties.accounts.since_ms(&person.name));
    let default = match create.settings.as_ref().and_then(|settings| settings.default_item_id) {
        Some(item_id) => Some(parties.resolver.item(item_id, person.as_ref()).await?),
        None => None,
    };
    let party_id = new_id()?;
    let (token, digest) = new_token().map_err(Error::from)?;
    let new = NewParty { party_id, create, default, digest, account_since_ms };
    let record = Record::new(new, Now::read().unix_ms());
    let maker = record.members.first().map(|member| member.id.to_string()).unwrap_or_default();
    parties.records.create(&party_id, record).await?;
    parties.limits.made(party_id, share);
    api.created.inc();
    tracing::info!("party {party_id} was created");
    let url = forwarded.prefix().path(&Subject::from(party_id).page());
    let member = Membership { member_id: maker, token };
    Ok((StatusCode::CREATED, Answer(PartyCreated { party_id, url, member })))
}

fn new_id() -> Result<PartyId, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(token::Error::from)?;
    Ok(PartyId::from_bytes(bytes))
}

pub(super) async fn join(
    State(api): State<Arc<Api>>,
    PartyPath(party_id): PartyPath,
    Client(address): Client,
    Newcomer(person): Newcomer,
    Json(JoinParty { name, invitation, token }): Json<JoinParty>,
) -> Result<Answer<Membership>, ApiError> {
    let parties = &api.parties;
    // Checked before any look-up, so that an invalid request does not reveal whether a private party exists.
    let name = text::name(&name)?;
    let given = token
        .as_deref()
        .map(text::token)
        .transpose()?
        .map(|token| (token.to_owned(), TokenDigest::of(token)));
    parties.limits.join(party_id, address)?;
    let is_repeatable = given.is_some();
    let (token, digest) = given.map_or_else(new_token, Ok).map_err(Error::from)?;
    let name = person.as_ref().map_or(name, |person| person.name.clone());
    let account_since_ms = person.as_ref().and_then(|person| parties.accounts.since_ms(&person.name));
    let is_operator = person.as_ref().is_some_and(Person::is_operator);
    let most_members = parties.limits.members();
    let join = Join { digest, name, account_since_ms, invitation: None, is_operator, most_members };
    let newcomer = Joining { party_id, address, join, shown: invitation, is_repeatable };
    let member = parties.join(newcomer).await?;
    Ok(Answer(Membership { member_id: member.to_string(), token }))
}

/// A client that is joining.
struct Joining {
    party_id: PartyId,
    address: Option<IpAddr>,
    join: Join,
    /// The invitation that it sent.
    shown: Option<String>,
    /// Whether the client made the token, so that this may repeat an earlier call.
    is_repeatable: bool,
}

pub(super) async fn leave(State(api): State<Arc<Api>>, caller: Caller) -> Result<StatusCode, ApiError> {
    api.parties.writer.apply(caller.party_id, Event::Leave { member: caller.member }).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Parties {
    /// Adds a member, unless an earlier call has done so.
    async fn join(&self, joining: Joining) -> Result<MemberId, Error> {
        let Joining { party_id, address, join, shown, is_repeatable } = joining;
        if let Some(member) = self.joined(party_id, &join) {
            return Ok(member);
        }
        let mut admitted = self.admit(party_id, join.clone(), shown.clone()).await;
        if matches!(admitted, Err(Error::Unknown)) {
            self.ask(party_id, address).await?;
            admitted = self.admit(party_id, join.clone(), shown).await;
        }
        let counts = match &admitted {
            Ok((_, Some(invitation))) => self.invitations.is_limited(invitation),
            Err(Error::Invitation(_)) => true,
            _ => false,
        };
        // The earlier call may have used up the invitation, at another main server.
        if is_repeatable && counts {
            self.records.look_up(&party_id).await?;
            if let Some(member) = self.joined(party_id, &join) {
                return Ok(member);
            }
        }
        let (join, invitation) = admitted?;
        let person = Some(join.person().number());
        let (limited, unlimited) = match invitation {
            Some(invitation) if self.invitations.is_limited(&invitation) => (Some(invitation), None),
            invitation => (None, invitation),
        };
        if let Some(invitation) = limited {
            self.invitations.count(&invitation, person, Now::read()).await?;
        }
        let (member, is_new) = self.enter(party_id, join).await?;
        // Nothing depends on this number: it must only not count a repeated call.
        if let Some(invitation) = unlimited.filter(|_| is_new) {
            drop(self.invitations.count(&invitation, person, Now::read()).await);
        }
        Ok(member)
    }

    /// The member that an earlier call with the same token added.
    fn joined(&self, party_id: PartyId, join: &Join) -> Option<MemberId> {
        self.table.read(party_id, |record| record.holder(&join.digest).map(|member| member.id))?
    }

    /// Checks that a client may join, with the invitation `shown` if it needs one. Returns the invitation
    /// whose use to count.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a party that the client must not learn of, [`Error::Refused`],
    /// [`Error::NeedsAccount`], [`Error::Invitation`] for one that is no longer valid.
    async fn admit(
        &self,
        party_id: PartyId,
        join: Join,
        shown: Option<String>,
    ) -> Result<(Join, Option<InvitationKey>), Error> {
        let admits = |join: &Join| {
            let admits = self.table.read(party_id, |record| record.admits(join));
            admits.unwrap_or(Err(Refusal::UnknownParty))
        };
        let needs_account =
            |record: &Record| record.settings.needs_account && record.access != Access::Private;
        let is_guest = join.account_since_ms.is_none();
        if is_guest && self.table.read(party_id, needs_account).unwrap_or(false) {
            return Err(Error::NeedsAccount);
        }
        match (admits(&join), shown) {
            // Checked for a nonexistent party as well, so that the answer takes as long.
            (Err(Refusal::UnknownParty), Some(shown)) => {
                let person = Some(join.person().number());
                let key = match self.invitations.check(party_id.into(), &shown, person, Now::read()).await {
                    Err(InvitationError::Refused(InvitationRefusal::Unknown)) => return Err(Error::Unknown),
                    checked => checked?,
                };
                let needs_account = |record: &Record| record.settings.needs_account;
                if is_guest && self.table.read(party_id, needs_account).unwrap_or(false) {
                    return Err(Error::NeedsAccount);
                }
                let ends = |record: &Record| record.bans_invitation(&key.invitation_id);
                if self.table.read(party_id, ends).unwrap_or(false) {
                    return Err(InvitationError::Refused(InvitationRefusal::Revoked).into());
                }
                let join = Join { invitation: Some(key.invitation_id.clone()), ..join };
                admits(&join)?;
                Ok((join, Some(key)))
            }
            (admitted, _) => admitted.map(|()| (join, None)).map_err(Error::from),
        }
    }

    /// Adds a member. Says whether it is a new one: an earlier call may have added it.
    async fn enter(&self, party_id: PartyId, join: Join) -> Result<(MemberId, bool), Error> {
        let Applied { changed, created } = self.writer.apply(party_id, Event::Join(join)).await?.applied;
        match created {
            Some(Created::Member(member)) => Ok((member, changed)),
            _ => Err(Error::Failed),
        }
    }
}
