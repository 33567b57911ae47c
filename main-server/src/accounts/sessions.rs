//! Sessions begin when a person signs in, and end when it signs out, when its account changes, or after their time.

use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::{
    Accounts, Error, new_epoch,
    record::{Account, Session},
};
use crate::{
    api::caller::{People, Person},
    audit,
    auth::token::{self, Token},
    clock::Now,
};

/// How exact the time of a session's last use is.
const USE_PRECISION: Duration = Duration::from_secs(60);
/// What signing out brings.
pub(crate) struct SignOut {
    /// Of the session.
    pub(crate) token: String,
    /// All sessions of the account end.
    pub(crate) everywhere: bool,
    /// Of the client.
    pub(crate) address: Option<IpAddr>,
}

impl Accounts {
    pub(super) async fn open_session(&self, name: &str, account: &Account, now: Now) -> Result<Token, Error> {
        let token = Token::random()?;
        let now_ms = now.unix_ms();
        let session = Session {
            account: name.to_owned(),
            epoch: account.epoch.clone(),
            created_at_ms: now_ms,
            used_at_ms: now_ms,
        };
        let others = self.surplus(name, &account.epoch);
        self.sessions.create(&token.digest(), session).await?;
        for key in others {
            self.sessions.remove(&key).await?;
        }
        Ok(token)
    }

    /// The sessions of an account that leave no room for another one, least recently used first. Those of an earlier epoch have ended: they are
    /// deleted in the background.
    fn surplus(&self, name: &str, epoch: &str) -> Vec<String> {
        self.sessions.with(|replica| {
            let of_account = replica.iter().filter(|(_, session)| session.account == name);
            let (mut valid, mut ended) = (Vec::new(), Vec::new());
            for (key, session) in of_account {
                if session.epoch == epoch {
                    valid.push((session.used_at_ms, key.clone()));
                } else {
                    ended.push(key.clone());
                }
            }
            ended.iter().for_each(|key| replica.discard(key));
            valid.sort_unstable();
            valid.truncate((valid.len() + 1).saturating_sub(self.limits.sessions));
            valid.into_iter().map(|(_, key)| key).collect()
        })
    }

    /// Ends a session, if there is one with this token, or all sessions of its account, on every main server. When this returns,
    /// no failure brings it back.
    ///
    /// # Errors
    /// [`Error::LockedOut`], [`Error::Store`].
    pub(crate) async fn sign_out(
        &self,
        SignOut { token, everywhere, address }: SignOut,
        now: Now,
    ) -> Result<(), Error> {
        self.find(&token, address, now).await?;
        if everywhere && let Some(Person { name, .. }) = self.person(&token) {
            let epoch = new_epoch()?;
            self.update(&name, |account| Account { epoch: epoch.clone(), ..account.clone() }).await?;
            audit::log(&name, address, "signed out everywhere");
        }
        let key = token::digest(&token);
        if self.sessions.get(&key).is_some() {
            self.sessions.remove(&key).await?;
        }
        Ok(())
    }

    /// A session that has not ended, and whose it is.
    fn session(&self, key: &String, now_ms: u64) -> Option<(Session, Person)> {
        let session = self.sessions.get(key)?;
        if age(session.created_at_ms, now_ms) >= self.limits.session_max
            || age(session.used_at_ms, now_ms) >= self.limits.session_idle
        {
            return None;
        }
        let account = self.accounts.get(&session.account).filter(|account| account.epoch == session.epoch)?;
        let person = Person { name: session.account.clone(), role: account.role };
        Some((session, person))
    }

    /// Looks for a session and its account in the store, if this server does not know them: it may not have heard of them yet.
    async fn find(&self, token: &str, address: Option<IpAddr>, now: Now) -> Result<(), Error> {
        if self.person(token).is_some() {
            return Ok(());
        }
        self.lookups.step(address, Instant::from_std(now.instant)).map_err(Error::LockedOut)?;
        let key = token::digest(token);
        self.sessions.look_up(&key).await?;
        if let Some(session) = self.sessions.get(&key) {
            self.look_up(&session.account).await?;
        }
        Ok(())
    }
}

impl People for Accounts {
    fn holder(&self, token: &str) -> Option<Person> {
        self.session(&token::digest(token), Now::read().unix_ms()).map(|(_, person)| person)
    }

    fn person(&self, token: &str) -> Option<Person> {
        let (key, now_ms) = (token::digest(token), Now::read().unix_ms());
        let (session, person) = self.session(&key, now_ms)?;
        if age(session.used_at_ms, now_ms) >= USE_PRECISION {
            self.sessions.with(|replica| replica.update(&key, |session| session.used_at_ms = now_ms));
        }
        Some(person)
    }
}

fn age(since_ms: u64, now_ms: u64) -> Duration {
    Duration::from_millis(now_ms.saturating_sub(since_ms))
}
