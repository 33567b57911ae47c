//! Grants as the main server hands them out and takes them back.

use std::time::Duration;

use protocol::{
    StreamId,
    grant::{Action, Claims, Error, PublicKey, Signer, Verifier},
    stream::Visibility,
};

use super::vault::Seed;
use crate::clock::Now;

/// How long a broadcaster may publish with one grant; it can have it renewed.
const PUBLISH: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a viewer may take to start watching, or a node to start pulling.
const START: Duration = Duration::from_secs(10 * 60);

/// A time, in seconds, at which no grant has expired.
const BEFORE_EVERY_EXPIRY: u64 = 0;

/// Signs grants, and verifies those that come back.
pub(crate) struct Grants {
    signer: Signer,
    verifier: Verifier,
    keys: Vec<PublicKey>,
}

impl Grants {
    /// Grants signed with the key made of the last of `seeds`, and accepted from those of all. None without a seed.
    ///
    /// # Errors
    /// [`Error::Key`] if one of them makes no key.
    pub(crate) fn new(seeds: &[Seed]) -> Result<Option<Self>, Error> {
        let signers = seeds.iter().map(|seed| Signer::from_seed(&seed.0)).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<PublicKey> = signers.iter().map(|signer| signer.public_key().clone()).collect();
        let verifier = Verifier::new(&keys)?;
        Ok(signers.into_iter().next_back().map(|signer| Self { signer, verifier, keys }))
    }

    /// What nodes verify grants with.
    pub(crate) fn public_keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Permits `action` on the stream: to send its media and to end it, or to start watching or pulling it soon.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub(crate) fn permit(
        &self,
        action: Action,
        stream_id: StreamId,
        visibility: Visibility,
        now: Now,
    ) -> Result<String, Error> {
        let lasts = match action {
            Action::Publish => PUBLISH,
            Action::Watch | Action::Relay => START,
        };
        self.signer.sign(&Claims {
            stream_id,
            action,
            visibility: visibility.for_nodes(),
            exp: (now + lasts).unix.as_secs(),
        })
    }

    /// Checks that `grant` is a publish grant of the stream, expired or not: its signature proves that the caller is the
    /// stream's broadcaster, who may have been on the air for longer than a grant lasts. The caller checks that the stream
    /// is not over; nodes check when the grant expires.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Other`].
    pub(crate) fn check_broadcaster(&self, grant: &str, stream_id: StreamId) -> Result<(), Error> {
        self.verifier.verify(grant, stream_id, Action::Publish, BEFORE_EVERY_EXPIRY).map(drop)
    }

    /// Whether `grant` is one of the stream, expired or not: its holder was admitted once, or publishes the stream.
    pub(crate) fn was_let_in(&self, grant: &str, stream_id: StreamId) -> bool {
        let is = |action| self.verifier.verify(grant, stream_id, action, BEFORE_EVERY_EXPIRY).is_ok();
        [Action::Watch, Action::Publish, Action::Relay].into_iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_grant_permits_to_publish_for_a_day() {
        let grants = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        let at = |time: Now| grants.verifier.verify(&grant, id, Action::Publish, time.unix.as_secs());
        assert!(at(now + (PUBLISH - Duration::from_secs(1))).is_ok());
        assert!(matches!(at(now + PUBLISH), Err(Error::Invalid)));
    }

    #[test]
    fn an_expired_publish_grant_still_proves_whose_stream_it_is_and_no_other() {
        let grants = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let (long_ago, id) = (Now { unix: Duration::from_secs(1), ..Now::read() }, StreamId::new("a", 1));
        let grant = grants.permit(Action::Publish, id, Visibility::Public, long_ago).unwrap();
        assert!(grants.check_broadcaster(&grant, id).is_ok());
        assert!(matches!(grants.check_broadcaster(&grant, StreamId::new("b", 1)), Err(Error::Other)));
        let stranger = Grants::new(&[Seed([4; 32])]).unwrap().unwrap();
        assert!(matches!(stranger.check_broadcaster(&grant, id), Err(Error::Invalid)));
    }

    #[test]
    fn a_watch_grant_does_not_permit_to_publish() {
        let grants = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Watch, id, Visibility::Private, now).unwrap();
        assert!(matches!(grants.check_broadcaster(&grant, id), Err(Error::Other)));
    }

    #[test]
    fn the_newest_key_signs_and_all_verify() {
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let before = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let after = Grants::new(&[Seed([3; 32]), Seed([4; 32])]).unwrap().unwrap();
        assert_eq!(after.public_keys().len(), 2);
        let old = before.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        let new = after.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        assert!(after.check_broadcaster(&old, id).is_ok() && after.check_broadcaster(&new, id).is_ok());
        assert!(before.check_broadcaster(&new, id).is_err());
        assert!(Grants::new(&[]).unwrap().is_none());
    }
}
