//! How many parties there may be, and how often clients may ask for something.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use per_address::{Pace, Rates, Share, Shares};
use protocol::{PartyId, party::Command};
use tokio::time::Instant;

use super::{
    Error,
    party::{MemberId, PersonId},
};
use crate::config::{Config, PartyLimits};

/// Commands of a person: a second, and at once.
pub(super) const COMMANDS: (u32, u32) = (10, 40);
/// Messages of a person: a second, and at once.
pub(super) const MESSAGES: (u32, u32) = (1, 8);
/// Other calls of a person, for the state, events, grants and invitations: a second, and at once.
pub(super) const READS: (u32, u32) = (20, 200);
/// Reports of a member: a second, and at once.
const REPORTS: (u32, u32) = (2, 10);
/// Parties that an address makes: a second, and at once. Load tests make thousands.
pub(super) const MAKING: (u32, u32) = (10, 3_000);
/// Attempts of an address to join a party: a second, and at once. A crowd may be behind one address.
pub(super) const JOINS: (u32, u32) = (20, 1_500);
/// Reads of the store for parties that an address may not see: a second, and at once.
pub(super) const QUESTIONS: (u32, u32) = (20, 200);
/// Reads of the store for members of a party that are not known here: a second, and at once.
pub(super) const LOOK_UPS: (u32, u32) = (20, 40);
/// Reads of the store for entries that are not known here, of a person: a second, and at once.
pub(super) const ENTRIES: (u32, u32) = (2, 10);

/// See the [module](self). What a person may do does not begin anew when it joins again.
pub(super) struct Limits {
    limits: PartyLimits,
    commands: Rates<(PartyId, PersonId)>,
    messages: Rates<(PartyId, PersonId)>,
    reads: Rates<(PartyId, PersonId)>,
    reports: Rates<(PartyId, MemberId)>,
    making: Rates<Option<IpAddr>>,
    joins: Rates<(PartyId, Option<IpAddr>)>,
    questions: Rates<Option<IpAddr>>,
    look_ups: Rates<PartyId>,
    entries: Rates<(PartyId, PersonId)>,
    /// Places of parties that were made here.
    parties: Arc<Shares>,
    made: Mutex<HashMap<PartyId, Share>>,
    /// One per open event stream.
    listeners: Arc<Shares>,
}

fn rates<K: Copy + Eq + std::hash::Hash>((per_second, burst): (u32, u32)) -> Rates<K> {
    Rates::new(Pace::per_second(per_second, burst))
}

impl Limits {
    pub(super) fn new(config: &Config) -> Self {
        let limits = config.parties;
        Self {
            commands: rates(COMMANDS),
            messages: rates(MESSAGES),
            reads: rates(READS),
            reports: rates(REPORTS),
            making: rates(MAKING),
            joins: rates(JOINS),
            questions: rates(QUESTIONS),
            look_ups: rates(LOOK_UPS),
            entries: rates(ENTRIES),
            parties: Shares::new(limits.parties, Some(limits.per_address)),
            made: Mutex::default(),
            listeners: Shares::new(limits.listeners, None),
            limits,
        }
    }

    /// How long a party without a present member is kept.
    pub(super) fn idle(&self) -> Duration {
        self.limits.idle
    }

    /// Most members of a party.
    pub(super) fn members(&self) -> usize {
        self.limits.members
    }

    /// Keeps a place for another party of `address`, while there are `known` ones.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooFast`].
    pub(super) fn party(&self, address: Option<IpAddr>, known: usize) -> Result<Share, Error> {
        step(&self.making, address)?;
        let room = self.limits.parties.saturating_sub(known);
        self.parties.take_of(address, room).ok_or(Error::Full)
    }

    /// The party was made: it has its place until it is [forgotten](Self::keep).
    pub(super) fn made(&self, party_id: PartyId, share: Share) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(party_id, share);
    }

    /// Frees the places of deleted parties.
    pub(super) fn keep(&self, is_there: impl Fn(&PartyId) -> bool) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).retain(|party_id, _| is_there(party_id));
    }

    /// A place for an event stream of `address`.
    ///
    /// # Errors
    /// [`Error::NoListener`].
    pub(super) fn listener(&self, address: Option<IpAddr>) -> Result<Share, Error> {
        self.listeners.take(address).ok_or(Error::NoListener)
    }

    /// Counts a command of a member.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn command(
        &self,
        party_id: PartyId,
        person: PersonId,
        command: &Command,
    ) -> Result<(), Error> {
        step(&self.commands, (party_id, person))?;
        match command {
            Command::Chat { .. } => step(&self.messages, (party_id, person)),
            _ => Ok(()),
        }
    }

    /// Counts another call of a member.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn read(&self, party_id: PartyId, person: PersonId) -> Result<(), Error> {
        step(&self.reads, (party_id, person))
    }

    /// Counts a report of a member.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn report(&self, party_id: PartyId, member: MemberId) -> Result<(), Error> {
        step(&self.reports, (party_id, member))
    }

    /// Counts an attempt to join.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn join(&self, party_id: PartyId, address: Option<IpAddr>) -> Result<(), Error> {
        step(&self.joins, (party_id, address))
    }

    /// Counts a question to the store for a party that `address` may not see.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn ask(&self, address: Option<IpAddr>) -> Result<(), Error> {
        step(&self.questions, address)
    }

    /// Counts a question to the store for a member that is not known here.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn look_up(&self, party_id: PartyId) -> Result<(), Error> {
        step(&self.look_ups, party_id)
    }

    /// Counts a question of a member to the store for an entry that is not known here.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    pub(super) fn look_up_entry(&self, party_id: PartyId, person: PersonId) -> Result<(), Error> {
        step(&self.entries, (party_id, person))
    }
}

fn step<K: Copy + Eq + std::hash::Hash>(rates: &Rates<K>, key: K) -> Result<(), Error> {
    rates.step(key, Instant::now()).map(drop).map_err(Error::TooFast)
}
