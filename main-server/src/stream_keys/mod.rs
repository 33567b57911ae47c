//! Stream keys: what lets a client create streams for an account. A key is shown once, listed by its name, and revoked.
//!
//! A key is `uk_`, its id and a random secret. The store has a digest of the secret. A key is valid as long as its record and
//! its account exist; [`revocation`] ends the streams of keys and accounts that are gone.

mod error;
mod feature;
mod revocation;
mod routes;

use std::{sync::Arc, time::Duration};

use protocol::stream_key::{PREFIX, StreamKeyCreated, StreamKeyInfo};
use serde::{Deserialize, Serialize};
use store::{Namespace, Replicated};
use subtle::ConstantTimeEq;

pub(crate) use self::{error::Error, feature::feature};
use crate::{
    accounts::Accounts,
    auth::token::{self, Token},
    clock::Now,
    feature::Context,
};

/// Random bytes of an id.
const ID_BYTES: usize = 8;
/// Characters of an id.
const ID_CHARS: usize = 2 * ID_BYTES;
/// How exact the time of the last use is.
const USE_PRECISION: Duration = Duration::from_secs(60);

/// A stream key, by its id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamKey {
    /// As shown.
    name: String,
    /// Name of the account.
    owner: String,
    /// When the account was made: another one of the same name does not have the key. Unix epoch.
    owner_since_ms: u64,
    /// Of the secret.
    digest: String,
    /// Unix epoch.
    created_at_ms: u64,
    /// Unix epoch, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at_ms: Option<u64>,
}

impl store::Record for StreamKey {
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("stream-keys");

    /// The latest use counts; nothing else changes.
    fn merge(&mut self, other: &Self) {
        self.used_at_ms = self.used_at_ms.max(other.used_at_ms);
    }
}

/// A key that was shown.
pub(crate) struct Shown {
    /// Its id.
    pub(crate) key_id: String,
    /// Name of its account.
    pub(crate) owner: String,
}

/// See the [module](self).
pub(crate) struct StreamKeys {
    keys: Replicated<StreamKey>,
    accounts: Arc<Accounts>,
    most: usize,
}

impl StreamKeys {
    /// None are known yet: see [`Self::load`].
    pub(crate) fn new(context: &Context, accounts: &Arc<Accounts>) -> Self {
        Self {
            keys: Replicated::shared(Arc::clone(&context.store.kv)),
            accounts: Arc::clone(accounts),
            most: context.config.limits.stream_keys,
        }
    }

    /// Takes over the keys in the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.keys.load().await
    }

    /// Makes a key for an account.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Full`], [`Error::Random`], [`Error::Store`].
    pub(crate) async fn create(
        &self,
        name: String,
        owner: &str,
        now: Now,
    ) -> Result<StreamKeyCreated, Error> {
        let owner_since_ms = self.accounts.since_ms(owner).ok_or(Error::NoAccount)?;
        let count = |(_, key): &(&String, &StreamKey)| key.owner == owner;
        if self.keys.with(|keys| keys.iter().filter(count).count()) >= self.most {
            return Err(Error::Full(self.most));
        }
        let (key_id, secret) = (token::random_id::<ID_BYTES>()?, Token::random()?);
        let record = StreamKey {
            name: name.clone(),
            owner: owner.to_owned(),
            owner_since_ms,
            digest: secret.digest(),
            created_at_ms: now.unix_ms(),
            used_at_ms: None,
        };
        self.keys.create(&key_id, record).await?;
        let key = format!("{PREFIX}{key_id}{}", secret.reveal());
        Ok(StreamKeyCreated { key_id, name, key })
    }

    /// The keys of an account, or of all, oldest first.
    pub(crate) fn list(&self, owner: Option<&str>) -> Vec<StreamKeyInfo> {
        let keys =
            self.keys.all().into_iter().filter(|(_, key)| owner.is_none_or(|owner| key.owner == owner));
        let mut list: Vec<_> = keys
            .map(|(key_id, key)| StreamKeyInfo {
                key_id,
                name: key.name,
                owner: key.owner,
                created_at_ms: key.created_at_ms,
                last_used_at_ms: key.used_at_ms,
            })
            .collect();
        list.sort_by_key(|key| key.created_at_ms);
        list
    }

    /// Revokes a key, of that account if one is named; and its streams soon after.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn revoke(&self, key_id: &str, owner: Option<&str>) -> Result<(), Error> {
        let key_id = key_id.to_owned();
        let known = || self.keys.get(&key_id).filter(|key| owner.is_none_or(|owner| key.owner == owner));
        if known().is_none() && is_id(&key_id) {
            self.keys.look_up(&key_id).await?;
        }
        known().ok_or(Error::Unknown)?;
        Ok(self.keys.remove(&key_id).await?)
    }

    /// The key that a client shows, if it is valid; notes that it was used.
    pub(crate) fn check(&self, shown: &str, now: Now) -> Option<Shown> {
        let (key_id, secret) = shown.strip_prefix(PREFIX)?.split_at_checked(ID_CHARS)?;
        let key_id = key_id.to_owned();
        let key = self.keys.get(&key_id)?;
        let is_right: bool = token::digest(secret).as_bytes().ct_eq(key.digest.as_bytes()).into();
        let is_valid = is_right && self.accounts.since_ms(&key.owner) == Some(key.owner_since_ms);
        is_valid.then_some(())?;
        let now_ms = now.unix_ms();
        let age = Duration::from_millis(now_ms.saturating_sub(key.used_at_ms.unwrap_or_default()));
        if age >= USE_PRECISION {
            self.keys.with(|keys| keys.update(&key_id, |key| key.used_at_ms = Some(now_ms)));
        }
        Some(Shown { key_id, owner: key.owner })
    }
}

/// Whether `text` may be the id of a key.
fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
