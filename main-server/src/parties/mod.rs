//! Parties: people hear or see the same moment, led by a host or decided by vote.
//!
//! A party is one record ([`party`], pure), which every main server has in memory and changes by compare-and-set, so that there is
//! one order of events for all. [`writer`] combines the events that arrive while a write is under way. [`table`] makes the events
//! for the members that listen here from what changed, whichever server changed it. [`presence`] and [`reports`] are in memory only.
//! [`upkeep`] is the background work.

pub(crate) mod bounds;
mod channel;
mod error;
mod feature;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod limits;
mod party;
mod presence;
mod reader;
mod reports;
mod resolve;
mod routes;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod upkeep;
mod writer;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use protocol::{
    PartyId,
    party::{Access, Command, PartyCommand, TOKEN_PREFIX},
};
use store::Replicated;
use tokio::time::Instant;

pub(crate) use self::{error::Error, feature::feature};
use self::{
    limits::Limits,
    party::{Event, MemberId, PersonId, Record, Request, TokenDigest, Visitor},
    presence::Presence,
    reports::Reports,
    resolve::{Media, Resolver},
    table::Table,
    writer::{Done, Writer},
};
use crate::{
    accounts::Accounts, api::caller::Person, auth::token, clock::Now, cluster::gossip::Outbox,
    feature::Context, invitations::Invitations, library::Library, streams::Streams,
};

/// Longest token that is accepted.
const MOST_TOKEN_BYTES: usize = 64;

/// All parties of the cluster, as one main server knows them.
pub(crate) struct Parties {
    records: Arc<Replicated<Record, Arc<Table>>>,
    table: Arc<Table>,
    writer: Arc<Writer>,
    presence: Arc<Presence>,
    reports: Reports,
    resolver: Resolver,
    accounts: Arc<Accounts>,
    invitations: Arc<Invitations>,
    outbox: Arc<Outbox>,
    limits: Limits,
}

/// Dependencies of parties.
pub(crate) struct Parts<'a> {
    /// The dependencies of every feature.
    pub(crate) context: &'a Context,
    /// The accounts: they may own private items, and some are operators.
    pub(crate) accounts: &'a Arc<Accounts>,
    /// Invitations to private parties.
    pub(crate) invitations: &'a Arc<Invitations>,
    /// The items that parties play.
    pub(crate) library: &'a Arc<Library>,
    /// The streams that parties watch.
    pub(crate) streams: &'a Arc<Streams>,
}

/// A calling member, identified by its token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    party_id: PartyId,
    member: MemberId,
    /// Of whom it is a member, for limits.
    person_id: PersonId,
    /// Its account, if it has one.
    person: Option<Person>,
    /// Whether it is the host; false for an acting host.
    is_host: bool,
    /// Whether it is present according to the record.
    is_present: bool,
}

impl Caller {
    fn is_operator(&self) -> bool {
        self.person.as_ref().is_some_and(Person::is_operator)
    }

    /// Whether it has the host's exclusive rights.
    fn is_host_or_operator(&self) -> bool {
        self.is_host || self.is_operator()
    }
}

impl Parties {
    /// Knows no parties before [`Self::load`].
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let Parts { context, accounts, invitations, library, streams } = parts;
        let table = Arc::new(Table::default());
        let kv = Arc::clone(&context.store.kv);
        let records = Arc::new(Replicated::new(kv, Arc::clone(&table), |_| None));
        let writes = context.metrics.counter("undead_party_writes", "Writes of parties to the store");
        Self {
            writer: Writer::new(Arc::clone(&records), writes),
            records,
            table,
            presence: Presence::new(context.outbox.sender()),
            reports: Reports::default(),
            resolver: Resolver { library: Arc::clone(library), streams: Arc::clone(streams) },
            accounts: Arc::clone(accounts),
            invitations: Arc::clone(invitations),
            outbox: Arc::clone(&context.outbox),
            limits: Limits::new(&context.config),
        }
    }

    /// Loads the parties from the store.
    ///
    /// # Errors
    /// Those of the store.
    async fn load(&self) -> Result<(), store::Error> {
        self.records.load().await
    }

    /// Looks up a party in the store that a client at `address` may not see, as far as this server knows,
    /// because another main server may have just created it. Known private parties are looked up too, so that
    /// the answer takes as long as for an id that does not exist.
    ///
    /// # Errors
    /// [`Error::TooFast`] if the address exceeds its rate; [`Error::Store`].
    async fn ask(&self, party_id: PartyId, address: Option<IpAddr>) -> Result<(), Error> {
        self.limits.ask(address)?;
        Ok(self.records.look_up(&party_id).await?)
    }

    /// The member with this token. Looks up an unknown token in the store, because another main server may
    /// have just admitted the member.
    ///
    /// # Errors
    /// [`Error::Unknown`] also for a party that only its members may see, [`Error::UnknownMember`]: the store
    /// was asked. [`Error::TooFast`] if the look-up exceeds its rate; [`Error::Store`].
    async fn caller(
        &self,
        party_id: PartyId,
        token: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Caller, Error> {
        let is_token = |token: &&str| token.starts_with(TOKEN_PREFIX) && token.len() <= MOST_TOKEN_BYTES;
        match token.filter(is_token).map(TokenDigest::of) {
            None if self.is_hidden(party_id) => self.ask(party_id, address).await?,
            None => {}
            Some(digest) => {
                if let Some(caller) = self.holder(party_id, &digest) {
                    return Ok(caller);
                }
                // Counted for unknown parties too, so that the limit does not distinguish a private party
                // from a nonexistent one.
                self.limits.look_up(party_id)?;
                self.look_up(party_id, &digest, address).await?;
                if let Some(caller) = self.holder(party_id, &digest) {
                    return Ok(caller);
                }
            }
        }
        Err(if self.is_hidden(party_id) { Error::Unknown } else { Error::UnknownMember })
    }

    /// Looks up a party, and the account of the member with this token, in the store.
    async fn look_up(
        &self,
        party_id: PartyId,
        digest: &TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        match self.is_hidden(party_id) {
            true => self.ask(party_id, address).await?,
            false => self.records.look_up(&party_id).await?,
        }
        let account = |record: &Record| record.holder(digest)?.account().map(str::to_owned);
        if let Some(name) = self.table.read(party_id, account).flatten() {
            self.accounts.look_up(&name).await?;
        }
        Ok(())
    }

    /// Whether non-members must not learn that the party exists.
    fn is_hidden(&self, party_id: PartyId) -> bool {
        self.table.read(party_id, |record| record.access == Access::Private).unwrap_or(true)
    }

    /// What a party knows of a client; `person` signed in there.
    fn visitor<'a>(&self, person: Option<&'a Person>) -> Visitor<'a> {
        let account =
            |person: &'a Person| Some((person.name.as_str(), self.accounts.since_ms(&person.name)?));
        Visitor {
            account: person.and_then(account),
            invitation: None,
            is_operator: person.is_some_and(Person::is_operator),
        }
    }

    fn is_member(&self, party_id: PartyId, member: MemberId) -> bool {
        self.table.read(party_id, |record| record.member(member).is_some()).unwrap_or(false)
    }

    /// The member with this token. It calls, so it is present for a while. A member whose account was deleted does not count.
    fn holder(&self, party_id: PartyId, digest: &TokenDigest) -> Option<Caller> {
        let caller = self.table.read(party_id, |record| {
            let member = record.holder(digest)?;
            let person = match member.account_since_ms {
                Some(since_ms) => Some(self.accounts.holder_since(&member.name, since_ms)?),
                None => None,
            };
            let (is_host, is_present) = (record.host == Some(member.id), member.is_present());
            let person_id = member.person();
            Some(Caller { party_id, member: member.id, person_id, person, is_host, is_present })
        })??;
        self.presence.call(party_id, caller.member, Instant::now());
        Some(caller)
    }

    /// Does what a member asks for. Its texts are clean. When this returns, no failure undoes it.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::TooFast`], those of [`Resolver::added_by`] and [`Writer::apply`].
    async fn command(&self, caller: &Caller, command: PartyCommand) -> Result<Done, Error> {
        let Caller { party_id, member, person_id, .. } = *caller;
        self.limits.command(party_id, person_id, &command.command)?;
        let seen_round = self.table.read(party_id, Record::round);
        let known = |target: &_| self.table.read(party_id, |record| Media::known(record, target))?;
        let default = self.table.read(party_id, |record| record.settings.default_item_id).flatten();
        let entry = self.resolver.added_by(&command.command, known, default, caller.person.as_ref()).await?;
        let accounts = self.listed(&command.command);
        let removed = removed_by(&command.command);
        let request =
            Request { member, is_operator: caller.is_operator(), command, entry, accounts, seen_round };
        let done = self.writer.apply(party_id, Event::Request(Box::new(request))).await?;
        if let Some(removed) = removed {
            self.end_invitation_of(party_id, removed).await;
        }
        Ok(done)
    }

    /// When the accounts were made that a command puts on the list of people, of those that exist.
    fn listed(&self, command: &Command) -> BTreeMap<String, u64> {
        let Command::Set(change) = command else { return BTreeMap::new() };
        let since = |name: &String| Some((name.clone(), self.accounts.since_ms(name)?));
        change.people.iter().flatten().filter_map(since).collect()
    }

    /// Revokes the invitation of a removed member, so that the list of invitations shows it. The party itself
    /// refuses the invitation even if that fails.
    async fn end_invitation_of(&self, party_id: PartyId, member: MemberId) {
        let invitation = |record: &Record| record.invitation_of_removed(member).map(str::to_owned);
        let Some(invitation) = self.table.read(party_id, invitation).flatten() else { return };
        if let Err(error) = self.invitations.revoke(party_id.into(), &invitation, Now::read()).await {
            tracing::debug!("the invitation {invitation} was not revoked: {error}");
        }
    }
}

/// The member that a command removes.
fn removed_by(command: &Command) -> Option<MemberId> {
    match command {
        Command::Kick { member_id } => member_id.parse().ok(),
        _ => None,
    }
}

/// A new token of a member, and its digest for the record.
fn new_token() -> Result<(String, TokenDigest), token::Error> {
    let token = format!("{TOKEN_PREFIX}{}", token::Token::random()?.reveal());
    let digest = TokenDigest::of(&token);
    Ok((token, digest))
}
