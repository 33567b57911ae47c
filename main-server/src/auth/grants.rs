//! Grants as the main server hands them out and takes them back.

use std::time::Duration;

use protocol::{
    StreamId,
    grant::{Action, Claims, Error, PublicKey, Signer, Verifier},
    stream::Visibility,
};

use super::Seed;
use crate::clock::Now;

/// How long a broadcaster may publish with one grant; it can have it renewed.
const PUBLISH: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a viewer may take to start watching, or a node to start pulling.
const START: Duration = Duration::from_secs(10 * 60);

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
        self.signer.sign(&Claims { stream_id, action, visibility, exp: (now + lasts).unix.as_secs() })
    }

    /// Checks that `grant` permits to publish the stream.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Other`].
    pub(crate) fn check_publish(&self, grant: &str, stream_id: StreamId, now: Now) -> Result<(), Error> {
        self.verifier.verify(grant, stream_id, Action::Publish, now.unix.as_secs()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_grant_holds_for_a_day_and_for_its_stream_only() {
        let grants = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        assert!(grants.check_publish(&grant, id, now + (PUBLISH - Duration::from_secs(1))).is_ok());
        assert!(matches!(grants.check_publish(&grant, id, now + PUBLISH), Err(Error::Invalid)));
        let other = grants.check_publish(&grant, StreamId::new("b", 1), now);
        assert!(matches!(other, Err(Error::Other)));
    }

    #[test]
    fn a_watch_grant_does_not_permit_to_publish() {
        let grants = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Watch, id, Visibility::Private, now).unwrap();
        assert!(matches!(grants.check_publish(&grant, id, now), Err(Error::Other)));
    }

    #[test]
    fn the_newest_key_signs_and_all_verify() {
        let (now, id) = (Now::read(), StreamId::new("a", 1));
        let before = Grants::new(&[Seed([3; 32])]).unwrap().unwrap();
        let after = Grants::new(&[Seed([3; 32]), Seed([4; 32])]).unwrap().unwrap();
        assert_eq!(after.public_keys().len(), 2);
        let old = before.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        let new = after.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        assert!(after.check_publish(&old, id, now).is_ok() && after.check_publish(&new, id, now).is_ok());
        assert!(before.check_publish(&new, id, now).is_err());
        assert!(Grants::new(&[]).unwrap().is_none());
    }
}
