//! Who may create streams, and whose they are: all clients, holders of a stream key, or holders of an account (`broadcast`).

mod routes;

use std::sync::Arc;

use protocol::{ErrorCode, account::Broadcast, item::RecordPolicy, stream_key::PREFIX};

use crate::{
    accounts::Accounts,
    api::{caller::Person, error::Error as ApiError},
    clock::Now,
    feature::{Context, Feature},
    state::catalogue::record::Owner,
    stream_keys::StreamKeys,
};

/// Why a client may not create streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The stream key that it shows is none, or was revoked.
    #[error("the stream key is wrong or was revoked")]
    WrongKey,
    /// It shows neither a key nor a session, and needs one.
    #[error("to broadcast here, sign in or use a stream key")]
    NotAllowed,
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::new(ErrorCode::BroadcastNotAllowed, error.to_string())
    }
}

/// See the [module](self).
pub(crate) struct Broadcasters {
    broadcast: Broadcast,
    record: RecordPolicy,
    accounts: Arc<Accounts>,
    keys: Arc<StreamKeys>,
}

impl Broadcasters {
    /// Broadcasters as the operator set.
    pub(crate) fn new(context: &Context, accounts: &Arc<Accounts>, keys: &Arc<StreamKeys>) -> Self {
        let (accounts, keys) = (Arc::clone(accounts), Arc::clone(keys));
        let (broadcast, record) = (context.config.broadcast, context.config.record);
        Self { broadcast, record, accounts, keys }
    }

    /// The account that a new stream of a client belongs to, if it belongs to one. `bearer` is the token that the client shows,
    /// `person` who signed in there.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub(crate) fn admit(
        &self,
        bearer: Option<&str>,
        person: Option<&Person>,
        now: Now,
    ) -> Result<Option<Owner>, Error> {
        if let Some(key) = bearer.filter(|token| token.starts_with(PREFIX)) {
            let shown = self.keys.check(key, now).ok_or(Error::WrongKey)?;
            let owner = self.owner(&shown.owner);
            return Ok(owner.map(|owner| Owner { key_id: Some(shown.key_id), ..owner }));
        }
        match person {
            Some(person) => Ok(self.owner(&person.name)),
            None if self.broadcast == Broadcast::Open => Ok(None),
            None => Err(Error::NotAllowed),
        }
    }

    /// Whether the person is an operator or `owner`.
    pub(crate) fn may_manage(&self, person: &Person, owner: Option<&Owner>) -> bool {
        let owns = |owner: &Owner| {
            owner.account == person.name
                && self.accounts.since_ms(&owner.account) == Some(owner.account_since_ms)
        };
        person.is_operator() || owner.is_some_and(owns)
    }

    /// What belongs to an account names it so; `None` if there is no such account.
    pub(crate) fn owner(&self, account: &str) -> Option<Owner> {
        let account_since_ms = self.accounts.since_ms(account)?;
        Some(Owner { account: account.to_owned(), account_since_ms, key_id: None })
    }
}

/// The route by which clients learn what they may do.
pub(crate) fn feature(context: &Context, broadcasters: &Arc<Broadcasters>) -> Feature {
    Feature::new(routes::router(context, Arc::clone(broadcasters)))
}
