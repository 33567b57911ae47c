//! One operator always stays, whichever main servers remove or demote operators at the same time.
//!
//! An operator leaves in two steps. First, one entry of the store names its account and the account's epoch as departing,
//! written on the condition that the entry has not changed since it was read. Then the account changes, on the condition that
//! it still has that epoch. A main server that lets another operator leave reads the entry before it looks for one that stays,
//! and does not count an account that departs. So of two operators that depart at the same moment, the second write fails.
//!
//! Every change of an account gives it a new epoch, so a departure that never happened ends with the next change.

use std::collections::BTreeMap;

use protocol::account::Role;
use serde::{Deserialize, Serialize};
use store::{Expect, Kv, Namespace, contention::give_way};

use super::{ATTEMPTS, Account, Accounts, Error};

/// Where departures are kept.
const OPERATORS: Namespace = Namespace::new("operators");
/// The one key there.
const KEY: &str = "departing";

impl Accounts {
    /// Changes an account to one that is no operator.
    pub(super) async fn demote(
        &self,
        name: &str,
        change: impl Fn(&Account) -> Account,
    ) -> Result<Account, Error> {
        for attempt in 1..=ATTEMPTS {
            let Account { epoch, .. } = self.may_leave(name).await?;
            let account = self.update_if(name, |now| now.epoch == epoch, &change).await?;
            if account.role != Role::Operator {
                return Ok(account);
            }
            give_way(attempt).await;
        }
        Err(store::Error::Busy.into())
    }

    /// Checks that an operator stays if the account of this name is one no more; see the [module](self). Returns the account: it
    /// may leave as long as it has this epoch.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::LastOperator`], [`Error::Store`].
    pub(super) async fn may_leave(&self, name: &str) -> Result<Account, Error> {
        for attempt in 1..=ATTEMPTS {
            // Before all accounts: what they are afterwards is what this version of the departures is about.
            let mut departures = Departures::read(&*self.kv).await?;
            let account = self.newest(name).await?.ok_or_else(|| Error::Unknown(name.to_owned()))?;
            if account.role != Role::Operator {
                return Ok(account);
            }
            for other in departures.names() {
                let stored = self.newest(&other).await?;
                if stored.is_none_or(|stored| !departures.has(&other, &stored.epoch)) {
                    departures.forget(&other);
                }
            }
            if !self.has_operator_besides(name, &departures).await? {
                return Err(Error::LastOperator(name.to_owned()));
            }
            if departures.add(&*self.kv, name, &account.epoch).await? {
                return Ok(account);
            }
            give_way(attempt).await;
        }
        Err(store::Error::Busy.into())
    }

    /// Whether the store has another operator than `name`, and one that does not depart.
    async fn has_operator_besides(&self, name: &str, departures: &Departures) -> Result<bool, Error> {
        self.accounts.load().await?;
        let stays = |account: &Account, other: &str| {
            account.role == Role::Operator && !departures.has(other, &account.epoch)
        };
        for (other, known) in self.accounts.all() {
            let may_stay = other != name && stays(&known, &other);
            // What is known may be of the past: another main server may have removed it.
            if may_stay && self.newest(&other).await?.is_some_and(|newest| stays(&newest, &other)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An account as the store has it now.
    async fn newest(&self, name: &str) -> Result<Option<Account>, Error> {
        self.look_up(name).await?;
        Ok(self.accounts.get(&name.to_owned()))
    }
}

/// What the entry holds: the epochs of accounts that may be about to leave, by name.
#[derive(Default, Serialize, Deserialize)]
struct Departing(BTreeMap<String, String>);

/// The departures as they were read, and what a new version is written on.
pub(super) struct Departures {
    departing: Departing,
    expect: Expect,
}

impl Departures {
    /// Reads the entry.
    ///
    /// # Errors
    /// The store's; [`store::Error::Invalid`] for an entry that this version cannot read.
    pub(super) async fn read(kv: &dyn Kv) -> Result<Self, store::Error> {
        let Some(entry) = kv.get(OPERATORS, KEY).await? else {
            return Ok(Self { departing: Departing::default(), expect: Expect::Absent });
        };
        let departing = serde_json::from_slice(&entry.value);
        let departing =
            departing.map_err(|_| store::Error::Invalid(format!("{OPERATORS}: cannot read {KEY:?}")))?;
        Ok(Self { departing, expect: Expect::Revision(entry.revision) })
    }

    /// The names of the accounts.
    pub(super) fn names(&self) -> Vec<String> {
        self.departing.0.keys().cloned().collect()
    }

    /// Whether the account of this name departs as of `epoch`.
    fn has(&self, name: &str, epoch: &str) -> bool {
        self.departing.0.get(name).is_some_and(|departing| departing == epoch)
    }

    /// Forgets a departure that has happened, or cannot happen any more.
    fn forget(&mut self, name: &str) {
        self.departing.0.remove(name);
    }

    /// Adds a departure, and writes the entry. False if it has changed since it was read.
    ///
    /// # Errors
    /// The store's.
    async fn add(mut self, kv: &dyn Kv, name: &str, epoch: &str) -> Result<bool, store::Error> {
        self.departing.0.insert(name.to_owned(), epoch.to_owned());
        let value =
            serde_json::to_vec(&self.departing).map_err(|error| store::Error::Invalid(error.to_string()))?;
        match kv.compare_and_set(OPERATORS, KEY, value.into(), None, self.expect).await {
            Ok(_) => Ok(true),
            Err(store::Error::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
