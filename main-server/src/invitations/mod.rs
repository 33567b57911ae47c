//! Invitations: links that admit clients to a private stream, item or party, with an expiry and a number of uses, revocable.
//!
//! An invitation is `ui_`, its id and a random secret. The store has a digest of the secret. A limited use is counted by
//! compare-and-set before the viewer is admitted, so several main servers together never admit more than `uses`. The watch grant
//! names the invitation; a viewer that comes back with it is not counted again. After a revocation nodes disconnect those that it had
//! admitted: they are told with the answers to their heartbeats.

mod error;
mod feature;
mod record;
mod turns;

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    StreamId,
    invitation::{CreateInvitation, InvitationCreated, InvitationInfo, PREFIX},
};
use store::{Kv, Replicated, Shared};
use subtle::ConstantTimeEq;

pub(crate) use self::{
    error::Error,
    feature::feature,
    record::{Key, Refusal},
};
use self::{record::Invitation, turns::Turns};
use crate::{
    auth::token::{self, Token},
    clock::Now,
    subject::Subject,
};

/// Random bytes of an id.
const ID_BYTES: usize = 8;
/// Characters of an id.
const ID_CHARS: usize = 2 * ID_BYTES;
/// How many invitations a stream, item or party may have for each that is valid, with those that were revoked or have expired.
const MOST_OVER: usize = 10;
/// Most invitations of all streams, items and parties.
const MOST: usize = 100_000;
/// Most invitations of all parties, which clients without an account make: the others always have room.
pub(crate) const MOST_OF_PARTIES: usize = MOST / 10;
/// How many valid invitations a party may have.
pub(crate) const MOST_OF_PARTY: usize = 20;
/// Longest time until an invitation expires: 30 days.
pub(crate) const MAX_EXPIRY_S: u64 = 30 * 24 * 60 * 60;
/// How long the store keeps an invitation to a stream or party after its last change, in case no server deletes it with that.
const LEASE: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// How long nodes are told of a revocation: as long as watch grants that were given before are accepted, and a minute.
const ANNOUNCED: Duration = Duration::from_secs(61 * 60);

/// See the [module](self).
pub(crate) struct Invitations {
    invitations: Replicated<Invitation>,
    most: usize,
    /// Of the requests at this server that count a limited use, and of those that make an invitation, under its subject alone.
    turns: Turns,
    /// The revoked invitations that nodes are told of: looked up with every heartbeat.
    told: std::sync::Mutex<HashMap<StreamId, Vec<String>>>,
}

impl Invitations {
    /// None are known yet: see [`Self::load`]. A stream or item may have `most`.
    pub(crate) fn new(kv: &Arc<dyn Kv>, most: usize) -> Self {
        let invitations = Replicated::new(Arc::clone(kv), Shared::default(), |invitation: &Invitation| {
            (!invitation.to_item).then_some(LEASE)
        });
        Self { invitations, most, turns: Turns::default(), told: std::sync::Mutex::default() }
    }

    /// Takes over the invitations in the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn load(&self) -> Result<(), store::Error> {
        self.invitations.load().await
    }

    /// Makes an invitation to a stream or item.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Full`], [`Error::Random`], [`Error::Store`].
    pub(crate) async fn create(
        &self,
        subject: Subject,
        new: CreateInvitation,
        now: Now,
    ) -> Result<InvitationCreated, Error> {
        let CreateInvitation { uses, expires_in_s, name } = new;
        if uses == Some(0) {
            return Err(Error::Invalid("uses must be at least 1"));
        }
        if !expires_in_s.is_none_or(|seconds| (1..=MAX_EXPIRY_S).contains(&seconds)) {
            return Err(Error::Invalid("expires_in_s must be from 1 to 2592000"));
        }
        // One after the other, so that calls at the same time do not pass the limit together.
        let key = Key { subject, invitation_id: String::new() };
        let new = CreateInvitation { uses, expires_in_s, name };
        self.turns.take(&key, self.create_in_turn(subject, new, now)).await
    }

    async fn create_in_turn(
        &self,
        subject: Subject,
        CreateInvitation { uses, expires_in_s, name }: CreateInvitation,
        now: Now,
    ) -> Result<InvitationCreated, Error> {
        let known = self.of(subject);
        let valid = known.iter().filter(|(_, record)| record.is_valid(now.unix_ms())).count();
        let most = self.most_of(subject);
        if valid >= most || known.len() >= most.saturating_mul(MOST_OVER) {
            return Err(Error::Full(most));
        }
        self.check_all(subject)?;
        let (invitation_id, secret) = (token::random_id::<ID_BYTES>()?, Token::random()?);
        let record = Invitation {
            digest: secret.digest(),
            name,
            uses,
            used: 0,
            admitted: Vec::new(),
            created_at_ms: now.unix_ms(),
            expires_at_ms: expires_in_s.map(|seconds| (now + Duration::from_secs(seconds)).unix_ms()),
            revoked_at_ms: None,
            to_item: matches!(subject, Subject::Item(_)),
        };
        let key = Key { subject, invitation_id: invitation_id.clone() };
        self.invitations.create(&key, record).await?;
        let invitation = format!("{PREFIX}{invitation_id}{}", secret.reveal());
        let url = format!("{}#invitation={invitation}", subject.page());
        Ok(InvitationCreated { url, invitation_id, invitation })
    }

    /// How many valid invitations `subject` may have.
    fn most_of(&self, subject: Subject) -> usize {
        if matches!(subject, Subject::Party(_)) { self.most.min(MOST_OF_PARTY) } else { self.most }
    }

    /// Checks that there is room for another invitation to `subject` beside those to all others.
    fn check_all(&self, subject: Subject) -> Result<(), Error> {
        let is_party = |subject: Subject| matches!(subject, Subject::Party(_));
        let (all, to_parties) = self
            .invitations
            .with(|records| (records.len(), records.iter().filter(|(key, _)| is_party(key.subject)).count()));
        let most = if is_party(subject) { MOST_OF_PARTIES } else { MOST };
        has_room(is_party(subject), all, to_parties).then_some(()).ok_or(Error::Full(most))
    }

    /// The invitations to a stream or item that were not revoked, oldest first.
    pub(crate) fn list(&self, subject: Subject) -> Vec<InvitationInfo> {
        let valid = self.of(subject).into_iter().filter(|(_, record)| record.revoked_at_ms.is_none());
        let mut list: Vec<_> = valid
            .map(|(invitation_id, record)| InvitationInfo {
                invitation_id,
                name: record.name,
                uses: record.uses,
                used: record.used,
                created_at_ms: record.created_at_ms,
                expires_at_ms: record.expires_at_ms,
            })
            .collect();
        list.sort_by_key(|invitation| invitation.created_at_ms);
        list
    }

    /// Revokes an invitation to a stream or item. When this returns, no main server that sees the store admits anyone with it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub(crate) async fn revoke(&self, subject: Subject, invitation_id: &str, now: Now) -> Result<(), Error> {
        let key = Key { subject, invitation_id: invitation_id.to_owned() };
        let known = if is_id(invitation_id) { self.find(&key).await? } else { None };
        known.filter(|record| record.revoked_at_ms.is_none()).ok_or(Error::Unknown)?;
        let changed = self.invitations.change(&key, |record| record.revoke(now.unix_ms())).await?;
        changed.map(drop).ok_or(Error::Unknown)
    }

    /// Whether an invitation to a stream, item or party was made, even if it was revoked.
    ///
    /// # Errors
    /// The store's, if the invitation is not known here.
    pub(crate) async fn exists(&self, subject: Subject, invitation_id: &str) -> Result<bool, store::Error> {
        let key = Key { subject, invitation_id: invitation_id.to_owned() };
        Ok(is_id(invitation_id) && self.find(&key).await?.is_some())
    }

    /// Checks that the invitation that a viewer shows admits it; returns which it is. Nothing is counted yet. `person` is who shows
    /// it, if that is known.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Store`] if it is not known here and the store does not answer.
    pub(crate) async fn check(
        &self,
        subject: Subject,
        shown: &str,
        person: Option<u64>,
        now: Now,
    ) -> Result<Key, Error> {
        let unknown = || Error::Refused(Refusal::Unknown);
        let parts = shown.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(ID_CHARS));
        let (invitation_id, secret) = parts.filter(|(id, _)| is_id(id)).ok_or_else(unknown)?;
        let key = Key { subject, invitation_id: invitation_id.to_owned() };
        let known = self.find(&key).await?.ok_or_else(unknown)?;
        let is_right: bool = token::digest(secret).as_bytes().ct_eq(known.digest.as_bytes()).into();
        is_right.then_some(()).ok_or_else(unknown)?;
        known.admit(person, now.unix_ms()).map_err(Error::Refused)?;
        Ok(key)
    }

    /// Counts a viewer that an invitation admits, a `person` once. The viewer is admitted only after this.
    ///
    /// # Errors
    /// [`Error::Refused`] if it admits no more meanwhile. [`Error::Store`]: then a use may have been counted, but no viewer was
    /// admitted.
    pub(crate) async fn count(&self, key: &Key, person: Option<u64>, now: Now) -> Result<(), Error> {
        if self.is_limited(key) {
            return self.turns.take(key, self.count_limited(key, person, now)).await;
        }
        // Nothing depends on the number, so it is saved in the background.
        let admit =
            |record: &mut Invitation| record.admit(person, now.unix_ms()).map(|admitted| *record = admitted);
        let mut outcome = Err(Refusal::Unknown);
        self.invitations.with(|records| records.update(key, |record| outcome = admit(record)));
        outcome.map_err(Error::Refused)
    }

    /// Whether an invitation admits a number of clients alone.
    pub(crate) fn is_limited(&self, key: &Key) -> bool {
        self.invitations.get(key).is_some_and(|record| record.uses.is_some())
    }

    async fn count_limited(&self, key: &Key, person: Option<u64>, now: Now) -> Result<(), Error> {
        let outcome = std::sync::Mutex::new(Err(Refusal::Unknown));
        let admit = |record: &Invitation| {
            let admitted = record.admit(person, now.unix_ms());
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) =
                admitted.as_ref().map(|_| ()).map_err(|refusal| *refusal);
            admitted.ok().filter(|after| after != record)
        };
        // No server undoes a refusal.
        self.invitations.change_known(key, admit).await?;
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner).map_err(Error::Refused)
    }

    /// Whether an invitation to a stream or item was revoked.
    ///
    /// # Errors
    /// The store's, if the invitation is not known here.
    pub(crate) async fn is_revoked(
        &self,
        subject: Subject,
        invitation_id: &str,
    ) -> Result<bool, store::Error> {
        let key = Key { subject, invitation_id: invitation_id.to_owned() };
        let known = self.find(&key).await?;
        Ok(known.is_none_or(|record| record.revoked_at_ms.is_some()))
    }

    /// An invitation. The store is asked for one that is not known here: another main server may have made it just now.
    async fn find(&self, key: &Key) -> Result<Option<Invitation>, store::Error> {
        if self.invitations.get(key).is_none() {
            self.invitations.look_up(key).await?;
        }
        Ok(self.invitations.get(key))
    }

    /// The revoked invitations of a stream that nodes have to be told of.
    pub(crate) fn revoked(&self, stream_id: StreamId) -> Vec<String> {
        self.told().get(&stream_id).cloned().unwrap_or_default()
    }

    /// Whether nodes have to be told of any revocation.
    pub(crate) fn has_revoked(&self) -> bool {
        !self.told().is_empty()
    }

    fn note_revoked(&self, now: Now) {
        let now_ms = now.unix_ms();
        let mut revoked: HashMap<StreamId, Vec<String>> = HashMap::new();
        self.invitations.with(|records| {
            let told = records.iter().filter(|(_, record)| record.was_revoked_within(ANNOUNCED, now_ms));
            for (key, _) in told {
                // Grants of items are revoked when they are renewed.
                if let Subject::Stream(stream_id) = key.subject {
                    revoked.entry(stream_id).or_default().push(key.invitation_id.clone());
                }
            }
        });
        *self.told() = revoked;
    }

    /// Removes an invitation to what is over.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn remove(&self, key: &Key) -> Result<(), store::Error> {
        self.invitations.remove(key).await
    }

    /// All invitations.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.invitations.with(|records| records.iter().map(|(key, _)| key.clone()).collect())
    }

    fn told(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<String>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, subject: Subject) -> Vec<(String, Invitation)> {
        self.invitations.with(|records| {
            let of_subject = records.iter().filter(|(key, _)| key.subject == subject);
            of_subject.map(|(key, record)| (key.invitation_id.clone(), record.clone())).collect()
        })
    }
}

/// Whether one more invitation has room, to a party or to something else, beside `all`, of which some are `to_parties`.
fn has_room(is_to_party: bool, all: usize, to_parties: usize) -> bool {
    all < MOST && (!is_to_party || to_parties < MOST_OF_PARTIES)
}

/// Whether `text` may be the id of an invitation.
fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invitations_to_parties_leave_room_for_the_others() {
        assert!(has_room(true, MOST_OF_PARTIES - 1, MOST_OF_PARTIES - 1));
        assert!(!has_room(true, MOST_OF_PARTIES, MOST_OF_PARTIES));
        assert!(has_room(false, MOST_OF_PARTIES, MOST_OF_PARTIES));
        assert!(!has_room(false, MOST, 0));
    }
}
