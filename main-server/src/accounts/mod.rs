//! People: accounts with a role, sessions, and the first operator.
//!
//! [`Accounts`] holds both kinds of records in memory, in sync with the store, so that every main server admits every session and
//! a change of an account ends its sessions everywhere. A session names the epoch of its account; a new epoch ends all of them
//! with one write. Passwords are hashed by the [`Hasher`] that passphrases use; wrong ones are limited by [`lockout`].
//!
//! Whoever signs in, fails to, or changes an account is logged under the target `audit`, without secrets.

mod cookie;
mod feature;
mod lockout;
mod operators;
mod record;
mod routes;
mod rules;
mod sessions;
mod setup;
mod tests;

use std::{net::IpAddr, sync::Arc, time::Duration};

use per_address::Rates;
use protocol::account::{AccountInfo, Role};
use store::{Kv, Replicated, Shared, contention::give_way};
use tokio::{sync::watch, time::Instant};

pub(crate) use self::{feature::feature, rules::name};
use self::{
    lockout::Lockout,
    record::{Account, Session},
};
use crate::{
    api::caller::Person,
    audit,
    auth::{
        self, Hasher, HasherError,
        token::{self, Token},
    },
    clock::Now,
    config::AccountLimits,
};

/// How often a change that met another main server's is tried, with pauses between.
const ATTEMPTS: u32 = 16;
/// Random bytes of an epoch.
const EPOCH_BYTES: usize = 8;

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A name or a new password breaks a rule.
    #[error(transparent)]
    Rule(#[from] rules::Error),
    /// The name or the password is wrong.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// The present password, which a change needs, is wrong.
    #[error("the present password is wrong")]
    WrongOldPassword,
    /// Too many attempts: says after how long to try again.
    #[error("too many attempts to sign in: try again later")]
    LockedOut(Duration),
    /// Another account has the name.
    #[error("an account {0} exists already")]
    NameTaken(String),
    /// No account has the name.
    #[error("there is no account {0}")]
    Unknown(String),
    /// Nobody could manage the server any more.
    #[error("{0} is the last operator: make another account an operator first")]
    LastOperator(String),
    /// [`AccountLimits::accounts`] is reached.
    #[error("the limit of {0} accounts (max_accounts) is reached: remove some")]
    Full(usize),
    /// The token of a setup link is not valid.
    #[error("the setup link was used or is not the newest: restart the main server to get another")]
    SetupRefused,
    /// The password was not hashed.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Random(#[from] token::Error),
    /// The store did not take a change.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// See the [module](self).
pub(crate) struct Accounts {
    kv: Arc<dyn Kv>,
    accounts: Replicated<Account>,
    sessions: Replicated<Session>,
    hasher: Hasher,
    lockout: Lockout,
    limits: AccountLimits,
    /// A hash of no password: checked for unknown names, so that these take as long as wrong passwords.
    decoy: String,
    /// How often an address may sign out of sessions that are not known here: each is looked up in the store.
    lookups: Rates<Option<IpAddr>>,
}

/// What an attempt to sign in brings.
pub(crate) struct Attempt {
    /// As typed.
    pub(crate) name: String,
    /// As typed.
    pub(crate) password: String,
    /// Of the client.
    pub(crate) address: Option<IpAddr>,
}

/// A new account.
pub(crate) struct NewAccount {
    /// As typed.
    pub(crate) name: String,
    /// As typed.
    pub(crate) password: String,
    /// What it may do.
    pub(crate) role: Role,
}

/// A change of an account; what is `None` stays.
#[derive(Default)]
pub(crate) struct Change {
    /// As typed.
    pub(crate) password: Option<String>,
    /// What it may do.
    pub(crate) role: Option<Role>,
}

impl Accounts {
    /// None are known yet: see [`Self::load`].
    ///
    /// # Errors
    /// [`Error::Random`], [`Error::Hasher`].
    pub(crate) fn new(kv: &Arc<dyn Kv>, hasher: Hasher, limits: AccountLimits) -> Result<Self, Error> {
        let idle = limits.session_idle;
        Ok(Self {
            kv: Arc::clone(kv),
            accounts: Replicated::shared(Arc::clone(kv)),
            sessions: Replicated::new(Arc::clone(kv), Shared::default(), move |_| Some(idle)),
            decoy: auth::hash(Token::random()?.reveal())?,
            hasher,
            lockout: Lockout::default(),
            limits,
            lookups: Rates::new(lockout::PER_ADDRESS),
        })
    }

    /// Takes over the accounts and sessions in the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.accounts.load().await?;
        self.sessions.load().await
    }

    /// Whether there is no operator yet.
    pub(crate) fn needs_setup(&self) -> bool {
        self.accounts.with(|replica| replica.iter().all(|(_, account)| account.role != Role::Operator))
    }

    /// A new token for the link that makes the first operator, or `None` if there is one. It replaces the earlier ones.
    ///
    /// # Errors
    /// [`Error::Random`], [`Error::Store`].
    pub(crate) async fn new_setup_token(&self) -> Result<Option<Token>, Error> {
        if !self.needs_setup() {
            setup::discard(&*self.kv).await;
            return Ok(None);
        }
        let token = Token::random()?;
        setup::replace(&*self.kv, &token).await?;
        Ok(Some(token))
    }

    /// Makes the first operator, with a token that is used up, and signs it in.
    ///
    /// # Errors
    /// [`Error::SetupRefused`], those of [`Self::create`] and [`Self::sign_in`].
    pub(crate) async fn set_up(&self, token: &str, attempt: Attempt, now: Now) -> Result<Token, Error> {
        let Attempt { name, password, address } = attempt;
        let name = rules::name(&name)?;
        rules::check_password(&password)?;
        // First: once there is an operator, no request makes this server read the store.
        if !self.needs_setup() {
            return Err(Error::SetupRefused);
        }
        let valid = setup::check(&*self.kv, token).await?.ok_or(Error::SetupRefused)?;
        let password_hash = self.hasher.hash(password, address).await?;
        // Another main server may have made an operator, and this one may not have heard of it.
        self.accounts.load().await?;
        if !self.needs_setup() || !valid.consume(&*self.kv).await? {
            return Err(Error::SetupRefused);
        }
        let account = self.new_account(Role::Operator, password_hash, now)?;
        if let Err(error) = self.add(&name, account.clone()).await {
            valid.restore(&*self.kv).await;
            return Err(error);
        }
        audit::log(&name, address, "made the first operator with the setup link");
        self.open_session(&name, &account, now).await
    }

    /// Signs in; gives the token of the new session.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::LockedOut`], [`Error::Hasher`], [`Error::Store`].
    pub(crate) async fn sign_in(&self, attempt: Attempt, now: Now) -> Result<Token, Error> {
        let (address, is_known) = (attempt.address, rules::name(&attempt.name));
        let checked = self.check(attempt, now).await;
        match checked {
            Ok((name, account)) => {
                audit::log(&name, address, "signed in");
                self.open_session(&name, &account, now).await
            }
            // Not in the audit log: their number is not bounded.
            Err(error @ Error::LockedOut(_)) => Err(error),
            Err(error) => {
                // The text may be a password that was typed into the wrong field: only names of accounts are logged.
                let name = is_known.ok().filter(|name| self.accounts.get(name).is_some());
                let name = name.as_deref().unwrap_or("an unknown name");
                audit::log(name, address, &format!("could not sign in: {error}"));
                Err(error)
            }
        }
    }

    /// The account that the name and the password belong to. Unknown names take as much work as wrong passwords.
    async fn check(&self, attempt: Attempt, now: Now) -> Result<(String, Account), Error> {
        let Attempt { name, password, address } = attempt;
        let name = rules::name(&name).unwrap_or_default();
        self.lockout.attempt(&name, address, Instant::from_std(now.instant)).map_err(Error::LockedOut)?;
        let hash =
            self.accounts.get(&name).map_or_else(|| self.decoy.clone(), |account| account.password_hash);
        if password.chars().count() > rules::MAX_PASSWORD_CHARS {
            return Err(Error::WrongPassword);
        }
        let matches = self.hasher.matches(password, hash.clone(), address).await?;
        // It may have changed meanwhile.
        let account = self.accounts.get(&name).filter(|account| matches && account.password_hash == hash);
        let account = account.ok_or(Error::WrongPassword)?;
        self.lockout.clear(&name, address);
        Ok((name, account))
    }

    /// Every account, by name.
    pub(crate) fn list(&self) -> Vec<AccountInfo> {
        self.accounts.all().into_iter().map(|(name, account)| info(name, &account)).collect()
    }

    /// Whether there is an account of this name.
    fn has(&self, name: &str) -> bool {
        self.accounts.get(&name.to_owned()).is_some()
    }

    /// When the account of this name was made, Unix epoch; `None` if there is none.
    pub(crate) fn since_ms(&self, name: &str) -> Option<u64> {
        self.accounts.get(&name.to_owned()).map(|account| account.created_at_ms)
    }

    /// The person with an account of this name, if there is one.
    pub(crate) fn holder(&self, name: &str) -> Option<Person> {
        let account = self.accounts.get(&name.to_owned())?;
        Some(Person { name: name.to_owned(), role: account.role })
    }

    /// The same if the account was made then, Unix epoch: another person may have the name of an account that was deleted.
    pub(crate) fn holder_since(&self, name: &str, since_ms: u64) -> Option<Person> {
        self.holder(name).filter(|_| self.since_ms(name) == Some(since_ms))
    }

    /// The first names that begin with `beginning`, at most so many.
    pub(crate) fn names(&self, beginning: &str, at_most: usize) -> Vec<String> {
        let mut names: Vec<String> = self.accounts.with(|replica| {
            replica.iter().map(|(name, _)| name).filter(|name| name.starts_with(beginning)).cloned().collect()
        });
        names.sort_unstable();
        names.truncate(at_most);
        names
    }

    /// Takes over what the store knows of an account: it may know it before this server does.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look_up(&self, name: &str) -> Result<(), store::Error> {
        self.accounts.look_up(&name.to_owned()).await
    }

    /// Changes whenever an account does.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.accounts.host().changed()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`Error::Rule`], [`Error::NameTaken`], [`Error::Full`], [`Error::Hasher`], [`Error::Store`].
    pub(crate) async fn create(
        &self,
        new: NewAccount,
        address: Option<IpAddr>,
        now: Now,
    ) -> Result<AccountInfo, Error> {
        let name = rules::name(&new.name)?;
        rules::check_password(&new.password)?;
        // An account that is known here may have been removed at another main server.
        if self.has(&name) && !self.accounts.is_absent(&name).await? {
            return Err(Error::NameTaken(name));
        }
        let password_hash = self.hasher.hash(new.password, address).await?;
        let account = self.new_account(new.role, password_hash, now)?;
        self.add(&name, account.clone()).await?;
        Ok(info(name, &account))
    }

    fn new_account(&self, role: Role, password_hash: String, now: Now) -> Result<Account, Error> {
        Ok(Account { role, password_hash, epoch: new_epoch()?, created_at_ms: now.unix_ms() })
    }

    async fn add(&self, name: &String, account: Account) -> Result<(), Error> {
        if self.accounts.with(|replica| replica.len()) >= self.limits.accounts {
            return Err(Error::Full(self.limits.accounts));
        }
        let makes_operator = account.role == Role::Operator;
        match self.accounts.create(name, account).await {
            Err(store::Error::Conflict) => return Err(Error::NameTaken(name.clone())),
            created => created?,
        }
        if makes_operator {
            setup::discard(&*self.kv).await;
        }
        Ok(())
    }

    /// Changes an account, and ends its sessions everywhere.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::LastOperator`], [`Error::Rule`], [`Error::Hasher`], [`Error::Store`].
    pub(crate) async fn change(
        &self,
        name: &str,
        change: Change,
        address: Option<IpAddr>,
    ) -> Result<AccountInfo, Error> {
        let name = known_name(name)?;
        if let Some(password) = &change.password {
            rules::check_password(password)?;
        }
        // An account that is unknown here may have been made at another main server.
        if !self.has(&name) && self.accounts.is_absent(&name).await? {
            return Err(Error::Unknown(name));
        }
        let password_hash = match change.password {
            Some(password) => Some(self.hasher.hash(password, address).await?),
            None => None,
        };
        let epoch = new_epoch()?;
        let changed = |account: &Account| Account {
            role: change.role.unwrap_or(account.role),
            password_hash: password_hash.clone().unwrap_or_else(|| account.password_hash.clone()),
            epoch: epoch.clone(),
            ..account.clone()
        };
        let account = match change.role {
            Some(Role::Broadcaster) => self.demote(&name, changed).await?,
            Some(Role::Operator) | None => self.update(&name, changed).await?,
        };
        if change.role == Some(Role::Operator) {
            setup::discard(&*self.kv).await;
        }
        Ok(info(name, &account))
    }

    /// Replaces the password of the person who signed in, ends all its sessions, and opens a new one.
    ///
    /// # Errors
    /// [`Error::WrongOldPassword`], and those of [`Self::sign_in`] and [`Self::change`].
    pub(crate) async fn change_own_password(
        &self,
        attempt: Attempt,
        new: String,
        now: Now,
    ) -> Result<Token, Error> {
        let address = attempt.address;
        rules::check_password(&new)?;
        let checked = self.check(attempt, now).await;
        let (name, checked) = checked.map_err(|error| match error {
            Error::WrongPassword => Error::WrongOldPassword,
            error => error,
        })?;
        let password_hash = self.hasher.hash(new, address).await?;
        let account = self.replace_password(&name, &checked.password_hash, password_hash).await?;
        self.open_session(&name, &account, now).await
    }

    /// Replaces a password, as long as it is the one with the hash `old`: an operator may have reset it meanwhile.
    async fn replace_password(&self, name: &str, old: &str, new: String) -> Result<Account, Error> {
        let epoch = new_epoch()?;
        let changed = |account: &Account| Account {
            password_hash: new.clone(),
            epoch: epoch.clone(),
            ..account.clone()
        };
        let is_meant = |account: &Account| account.password_hash == old;
        let account = self.update_if(name, is_meant, changed).await?;
        if account.epoch == epoch { Ok(account) } else { Err(Error::WrongOldPassword) }
    }

    /// Removes an account; its sessions end everywhere. Returns its name as it was stored.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::LastOperator`], [`Error::Store`].
    pub(crate) async fn remove(&self, name: &str) -> Result<String, Error> {
        let name = known_name(name)?;
        for attempt in 1..=ATTEMPTS {
            let account = self.may_leave(&name).await?;
            self.accounts.remove_if(&name, |now| now.epoch == account.epoch).await?;
            if !self.has(&name) {
                return Ok(name);
            }
            give_way(attempt).await;
        }
        Err(store::Error::Busy.into())
    }

    async fn update(&self, name: &str, change: impl Fn(&Account) -> Account) -> Result<Account, Error> {
        self.update_if(name, |_| true, change).await
    }

    /// Changes an account as long as it is one that `is_meant`; another one stays. Returns what it is then.
    async fn update_if(
        &self,
        name: &str,
        is_meant: impl Fn(&Account) -> bool,
        change: impl Fn(&Account) -> Account,
    ) -> Result<Account, Error> {
        let change = |account: &Account| is_meant(account).then(|| change(account));
        let changed = self.accounts.change(&name.to_owned(), change).await?;
        changed.ok_or_else(|| Error::Unknown(name.to_owned()))
    }
}

/// The name in a path: what breaks the rules names no account.
fn known_name(text: &str) -> Result<String, Error> {
    rules::name(text).map_err(|_| Error::Unknown("of this name".to_owned()))
}

fn new_epoch() -> Result<String, token::Error> {
    token::random_id::<EPOCH_BYTES>()
}

fn info(name: String, account: &Account) -> AccountInfo {
    AccountInfo { name, role: account.role, created_at_ms: account.created_at_ms }
}
