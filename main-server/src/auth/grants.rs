//! Grants as the main server hands them out and takes them back.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use protocol::{
    ItemId, StreamId,
    grant::{Action, Claims, Error, ItemClaims, PublicKey, Signer, Verifier},
    stream::Visibility,
};

use crate::clock::Now;

/// How long a grant may live.
pub(crate) const LONGEST_GRANT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a viewer may take to start watching, or to continue at another node; clients renew theirs before that.
const WATCH: Duration = Duration::from_secs(60 * 60);
/// How long a client may read an item before it has to renew its grant.
pub(crate) const PLAY: Duration = Duration::from_secs(6 * 60 * 60);

/// How long after its end a watch grant can be renewed: a computer that slept for a day continues.
const RENEWABLE: Duration = Duration::from_secs(48 * 60 * 60);

/// A time, in seconds, at which no grant has expired.
const BEFORE_EVERY_EXPIRY: u64 = 0;

/// Signs grants, and verifies those that come back. Its keys are [replaced](Self::replace) from time to time.
pub(crate) struct Grants {
    cluster_id: String,
    /// Whether grants name the cluster.
    names_cluster: AtomicBool,
    keys: Mutex<Arc<GrantSigning>>,
}

/// The keys at one moment.
struct GrantSigning {
    signer: Signer,
    verifier: Verifier,
    public_keys: Vec<PublicKey>,
}

impl GrantSigning {
    fn new(cluster_id: &str, signer: Signer, public_keys: Vec<PublicKey>) -> Result<Self, Error> {
        let verifier = Verifier::new(&public_keys)?.of_cluster(cluster_id);
        Ok(Self { signer, verifier, public_keys })
    }
}

impl Grants {
    /// Grants of the cluster `cluster_id`, signed with `signer` and accepted from no other.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(crate) fn new(cluster_id: String, signer: Signer) -> Result<Self, Error> {
        let public_keys = vec![signer.public_key().clone()];
        let keys = GrantSigning::new(&cluster_id, signer, public_keys)?;
        Ok(Self { cluster_id, names_cluster: AtomicBool::new(false), keys: Mutex::new(Arc::new(keys)) })
    }

    /// Signs with `signer` from now on, and accepts what was signed with one of `accepted`.
    ///
    /// # Errors
    /// [`Error::Key`]: nothing changes.
    pub(crate) fn replace(&self, signer: Signer, accepted: Vec<PublicKey>) -> Result<(), Error> {
        let keys = Arc::new(GrantSigning::new(&self.cluster_id, signer, accepted)?);
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Whether grants name the cluster from now on: nodes of older versions refuse those that do.
    pub(crate) fn name_cluster(&self, names: bool) {
        self.names_cluster.store(names, Relaxed);
    }

    fn keys(&self) -> Arc<GrantSigning> {
        Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What nodes verify grants with.
    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        self.keys().public_keys.clone()
    }

    /// The keys for a node that has those of `known`; none if it needs no others.
    pub(crate) fn keys_unless_known(&self, known: &[String]) -> Option<Vec<PublicKey>> {
        let keys = self.keys();
        let is_same = keys.public_keys.len() == known.len()
            && keys.public_keys.iter().all(|key| known.contains(&key.kid));
        (!is_same).then(|| keys.public_keys.clone())
    }

    /// The cluster that grants are for.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Permits `action` on the stream: to send its media and to end it, or to watch or pull it.
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
        self.issue(Claims::new(stream_id, action, visibility, 0), now)
    }

    /// Signs `claims` with the expiry that grants of their action have from `now` on.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub(crate) fn issue(&self, claims: Claims, now: Now) -> Result<String, Error> {
        let cluster_id = self.names_cluster.load(Relaxed).then(|| self.cluster_id.clone());
        let issued_at = Some(now.unix.as_secs());
        let exp = (now + lifetime(claims.action)).unix.as_secs();
        let visibility = claims.visibility.for_nodes();
        self.keys().signer.sign(&Claims { cluster_id, issued_at, exp, visibility, ..claims })
    }

    /// Permits to read the media of an item for some time. Its claims get their expiry and the cluster here.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub(crate) fn permit_item(
        &self,
        claims: ItemClaims,
        lifetime: Duration,
        now: Now,
    ) -> Result<String, Error> {
        let exp = (now + lifetime).unix.as_secs();
        self.keys().signer.sign_item(&ItemClaims { exp, cluster_id: self.cluster_id.clone(), ..claims })
    }

    /// The claims of a grant of the item that has not expired for longer than [`RENEWABLE`].
    pub(crate) fn earlier_item(&self, grant: &str, item_id: ItemId, now: Now) -> Option<ItemClaims> {
        let oldest_s = now.unix.as_secs().saturating_sub(RENEWABLE.as_secs());
        self.keys().verifier.verify_item(grant, item_id, oldest_s).ok()
    }

    /// The claims of a grant of the stream, expired or not, that [proves an admission](proves_admission).
    pub(crate) fn earlier(&self, grant: &str, stream_id: StreamId, was_open: bool) -> Option<Claims> {
        let claims = self.keys().verifier.claims(grant).ok()?;
        (claims.stream_id == stream_id && proves_admission(&claims, was_open)).then_some(claims)
    }

    /// Checks that `grant` is a publish grant of the stream, expired or not: its signature proves that the caller is the
    /// stream's broadcaster, who may have been on the air for longer than a grant lasts. The caller checks that the stream
    /// is not over; nodes check when the grant expires.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Other`].
    pub(crate) fn check_broadcaster(&self, grant: &str, stream_id: StreamId) -> Result<(), Error> {
        self.keys().verifier.verify(grant, stream_id, Action::Publish, BEFORE_EVERY_EXPIRY).map(drop)
    }

    /// The claims of a grant that its holder may have replaced by a fresh one: a publish grant, expired or not, or a watch grant
    /// that expired within [`RENEWABLE`].
    ///
    /// # Errors
    /// [`Error::Invalid`], and [`Error::Other`] for a grant of another stream or of a node.
    pub(crate) fn renewable(&self, grant: &str, stream_id: StreamId, now: Now) -> Result<Claims, Error> {
        let claims = self.keys().verifier.claims(grant)?;
        match claims.action {
            _ if claims.stream_id != stream_id => Err(Error::Other),
            Action::Publish => Ok(claims),
            Action::Watch if claims.exp.saturating_add(RENEWABLE.as_secs()) > now.unix.as_secs() => {
                Ok(claims)
            }
            Action::Watch => Err(Error::Invalid),
            Action::Relay => Err(Error::Other),
        }
    }

    /// Whether this server has the key that `grant` names.
    pub(crate) fn knows_key_of(&self, grant: &str) -> bool {
        self.keys().verifier.knows_key_of(grant)
    }
}

/// Whether a grant proves that its holder publishes the stream, or showed what it asks viewers for. If the stream `was_open` at any
/// time, a watch grant has to say so; otherwise every viewer was asked.
pub(crate) fn proves_admission(claims: &Claims, was_open: bool) -> bool {
    let is_viewer = claims.action == Action::Watch;
    !is_viewer || !was_open || claims.says_asked()
}

/// How long a grant for `action` lives. A relay grant lasts as long as the longest: while no main server answers, its node
/// continues at another source with it.
pub(crate) fn lifetime(action: Action) -> Duration {
    match action {
        Action::Publish | Action::Relay => LONGEST_GRANT,
        Action::Watch => WATCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed(&[seed; 32]).unwrap()
    }

    fn grants(seed: u8) -> Grants {
        Grants::new("here".into(), signer(seed)).unwrap()
    }

    #[test]
    fn a_publish_grant_permits_to_publish_for_a_day() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        let at = |time: Now| grants.keys().verifier.verify(&grant, id, Action::Publish, time.unix.as_secs());
        assert!(at(now + (LONGEST_GRANT - Duration::from_secs(1))).is_ok());
        assert!(matches!(at(now + LONGEST_GRANT), Err(Error::Invalid)));
    }

    #[test]
    fn an_expired_publish_grant_still_proves_whose_stream_it_is_and_no_other() {
        let (grants, id) = (grants(3), StreamId::new("a", 1));
        let long_ago = Now { unix: Duration::from_secs(1), ..Now::read() };
        let grant = grants.permit(Action::Publish, id, Visibility::Public, long_ago).unwrap();
        assert!(grants.check_broadcaster(&grant, id).is_ok());
        assert!(matches!(grants.check_broadcaster(&grant, StreamId::new("b", 1)), Err(Error::Other)));
        assert!(matches!(self::grants(4).check_broadcaster(&grant, id), Err(Error::Invalid)));
    }

    #[test]
    fn a_watch_grant_does_not_permit_to_publish() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let grant = grants.permit(Action::Watch, id, Visibility::Private, now).unwrap();
        assert!(matches!(grants.check_broadcaster(&grant, id), Err(Error::Other)));
    }

    #[test]
    fn the_newest_key_signs_and_all_verify() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let old = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        let accepted = [3, 4].map(|seed| signer(seed).public_key().clone());
        grants.replace(signer(4), accepted.to_vec()).unwrap();
        let new = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        assert!(grants.check_broadcaster(&old, id).is_ok() && grants.check_broadcaster(&new, id).is_ok());
        assert!(self::grants(3).check_broadcaster(&new, id).is_err());
        grants.replace(signer(4), accepted[1..].to_vec()).unwrap();
        assert!(grants.check_broadcaster(&old, id).is_err() && !grants.knows_key_of(&old));
    }

    #[test]
    fn a_watch_grant_says_whether_its_holder_was_asked_once_the_stream_was_open() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let watch = || Claims::new(id, Action::Watch, Visibility::Private, 0);
        let is_earlier = |claims, was_open| {
            let grant = grants.issue(claims, now).unwrap();
            grants.earlier(&grant, id, was_open).is_some()
        };
        assert!(is_earlier(watch(), false), "older versions gave such grants");
        assert!(!is_earlier(watch(), true));
        assert!(is_earlier(Claims { was_asked: true, ..watch() }, true));
        assert!(is_earlier(Claims { invitation_id: Some("i".into()), ..watch() }, true));
        assert!(is_earlier(Claims { action: Action::Publish, ..watch() }, true));
    }

    #[test]
    fn a_grant_names_its_cluster_and_when_it_was_signed() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let claims = |grants: &Grants| {
            let grant = grants.permit(Action::Watch, id, Visibility::Public, now).unwrap();
            grants.keys().verifier.claims(&grant).unwrap()
        };
        assert_eq!(claims(&grants).cluster_id, None, "nodes of older versions refuse others");
        grants.name_cluster(true);
        assert_eq!(claims(&grants).cluster_id.as_deref(), Some("here"));
        assert_eq!(claims(&grants).issued_at, Some(now.unix.as_secs()));
        let elsewhere = Grants::new("elsewhere".into(), signer(3)).unwrap();
        let grant = grants.permit(Action::Publish, id, Visibility::Public, now).unwrap();
        assert!(matches!(elsewhere.check_broadcaster(&grant, id), Err(Error::Invalid)));
    }

    #[test]
    fn a_recent_watch_grant_and_every_publish_grant_of_the_stream_may_be_renewed() {
        let (grants, now, id) = (grants(3), Now::read(), StreamId::new("a", 1));
        let grant = |action| grants.permit(action, id, Visibility::Private, now).unwrap();
        let later = now + Duration::from_secs(30 * 60 * 60);
        assert!(grants.renewable(&grant(Action::Publish), id, later).is_ok());
        let end = WATCH + RENEWABLE;
        assert!(grants.renewable(&grant(Action::Watch), id, now + (end - Duration::from_secs(1))).is_ok());
        assert!(matches!(grants.renewable(&grant(Action::Watch), id, now + end), Err(Error::Invalid)));
        assert!(matches!(grants.renewable(&grant(Action::Relay), id, now), Err(Error::Other)));
        let other = StreamId::new("b", 1);
        assert!(matches!(grants.renewable(&grant(Action::Publish), other, now), Err(Error::Other)));
        let invited = Claims {
            invitation_id: Some("i".into()),
            ..Claims::new(id, Action::Watch, Visibility::Private, 0)
        };
        let claims = grants.renewable(&grants.issue(invited, now).unwrap(), id, now).unwrap();
        let renewed = grants.renewable(&grants.issue(claims, now).unwrap(), id, now).unwrap();
        assert_eq!(
            renewed.invitation_id.as_deref(),
            Some("i"),
            "what admitted the viewer stays in its grant"
        );
    }

    #[test]
    fn a_node_gets_keys_when_it_has_others() {
        let grants = grants(3);
        let kid = signer(3).public_key().kid.clone();
        assert_eq!(grants.keys_unless_known(std::slice::from_ref(&kid)), None);
        for known in [vec![], vec!["x".into()], vec![kid, "x".into()]] {
            assert_eq!(grants.keys_unless_known(&known), Some(grants.public_keys()), "{known:?}");
        }
    }
}
