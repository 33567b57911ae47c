//! Grants: Ed25519-signed JWTs (RFC 7519, RFC 8037) that permit to publish or watch one stream until a deadline.
//!
//! The main server signs with a private key that never leaves it; nodes verify with the public keys that registration and
//! heartbeats give them, without a request. A stolen node therefore cannot create grants. Keys are replaced from time to time:
//! a grant's header names its key, and several keys are accepted at once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ItemId, StreamId, stream::Visibility};

/// What a grant permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send the stream's media, end it.
    Publish,
    /// Receive it.
    Watch,
    /// Receive it in order to serve it onwards: nodes alone get such a grant.
    Relay,
}

/// The content of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Which stream.
    #[serde(rename = "sub")]
    pub stream_id: StreamId,
    /// What it permits.
    pub action: Action,
    /// Whether the stream may be watched without a grant.
    pub visibility: Visibility,
    /// When the permission ends, seconds since the Unix epoch.
    pub exp: u64,
    /// Id of the cluster it is for; none in grants of older versions.
    #[serde(rename = "aud", default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// When it was signed, seconds since the Unix epoch; none in grants of older versions.
    #[serde(rename = "iat", default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<u64>,
    /// Id of the invitation that admitted the viewer, if one did.
    #[serde(rename = "inv", default, skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<String>,
    /// Whether the viewer has shown what the stream asks viewers for: false in grants that were given while it asked for nothing.
    #[serde(rename = "asked", default, skip_serializing_if = "std::ops::Not::not")]
    pub was_asked: bool,
    /// The take that begins where a broadcaster leaves it out and the node does not have the stream: one that no node had before. None
    /// for a stream that has not started.
    #[serde(rename = "take", default, skip_serializing_if = "Option::is_none")]
    pub unused_take: Option<u64>,
    /// What a broadcaster's stream is recorded into, so that a node that takes it over while no main server answers records it. None if it
    /// is not recorded.
    #[serde(rename = "rec", default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordedInto>,
}

/// The item that a stream is recorded into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInto {
    /// Which item.
    #[serde(rename = "item")]
    pub item_id: ItemId,
    /// Whether recording was switched on while the stream was live: nothing before that is recorded.
    #[serde(rename = "now", default, skip_serializing_if = "std::ops::Not::not")]
    pub from_now: bool,
}

impl Claims {
    /// Claims without those that are optional.
    pub fn new(stream_id: StreamId, action: Action, visibility: Visibility, exp: u64) -> Self {
        Self {
            stream_id,
            action,
            visibility,
            exp,
            cluster_id: None,
            issued_at: None,
            invitation_id: None,
            was_asked: false,
            unused_take: None,
            recording: None,
        }
    }

    /// Whether it says that the viewer showed what the stream asks viewers for.
    pub fn says_asked(&self) -> bool {
        self.was_asked || self.invitation_id.is_some()
    }
}

/// The content of a grant that permits to read the media of one item of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemClaims {
    /// Which item.
    #[serde(rename = "sub")]
    pub item_id: ItemId,
    /// Sets it apart from grants for streams.
    pub action: ItemAction,
    /// When the permission ends, seconds since the Unix epoch.
    pub exp: u64,
    /// Id of the cluster it is for.
    #[serde(rename = "aud")]
    pub cluster_id: String,
    /// Id of the invitation that admitted the client, if one did. For main servers.
    #[serde(rename = "inv", default, skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<String>,
    /// Which of the rules that the item had for its clients the client met: the item counts them. For main servers.
    #[serde(rename = "rule", default)]
    pub rule: u64,
}

impl ItemClaims {
    /// Claims to play an item, without those that are optional.
    pub fn play(item_id: ItemId, exp: u64, cluster_id: impl Into<String>) -> Self {
        let cluster_id = cluster_id.into();
        Self { item_id, action: ItemAction::Play, exp, cluster_id, invitation_id: None, rule: 0 }
    }
}

/// What a grant for an item permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemAction {
    /// Read its manifest and its fragments.
    Play,
}

/// A key grants are verified with: an Ed25519 public key in JSON Web Key form (RFC 8037, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Which key a grant's header names.
    pub kid: String,
    /// Key type, always `OKP`.
    pub kty: String,
    /// Curve, always `Ed25519`.
    pub crv: String,
    /// The 32 bytes of the key, base64url without padding.
    pub x: String,
}

/// Why a grant was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Signing failed, with the reason.
    #[error("grant could not be signed: {0}")]
    Sign(jsonwebtoken::errors::Error),
    /// The key material is not an Ed25519 key.
    #[error("not an Ed25519 key")]
    Key,
    /// Malformed, expired, for another cluster, or signed by none of the known keys.
    #[error("grant is malformed, expired or not signed by this cluster")]
    Invalid,
    /// Valid, but for another stream or another action.
    #[error("grant is for another stream or action")]
    Other,
}

/// Makes grants.
pub struct Signer {
    key: EncodingKey,
    header: Header,
    public: PublicKey,
}

impl Signer {
    /// A signer whose private key is `seed` (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`Error::Key`] if the key cannot be encoded.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = SigningKey::from_bytes(seed);
        let der = key.to_pkcs8_der().map_err(|_| Error::Key)?;
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let kid = x[..8].to_owned();
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let public = PublicKey { kid, kty: "OKP".into(), crv: "Ed25519".into(), x };
        Ok(Self { key: EncodingKey::from_ed_der(der.as_bytes()), header, public })
    }

    /// The key that verifies what this signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `claims`.
    ///
    /// # Errors
    /// [`Error::Sign`] if the claims cannot be encoded.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(Error::Sign)
    }

    /// Signs claims to an item.
    ///
    /// # Errors
    /// [`Error::Sign`] if the claims cannot be encoded.
    pub fn sign_item(&self, claims: &ItemClaims) -> Result<String, Error> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(Error::Sign)
    }
}

/// Verifies grants.
#[derive(Clone, Default)]
pub struct Verifier {
    keys: Vec<(String, DecodingKey)>,
    cluster_id: Option<String>,
}

impl Verifier {
    /// A verifier that accepts grants signed with any of `keys`.
    ///
    /// # Errors
    /// [`Error::Key`] if one of them is not an Ed25519 public key.
    pub fn new(keys: &[PublicKey]) -> Result<Self, Error> {
        let decode = |key: &PublicKey| {
            let decoded = DecodingKey::from_ed_components(&key.x).map_err(|_| Error::Key)?;
            Ok((key.kid.clone(), decoded))
        };
        Ok(Self { keys: keys.iter().map(decode).collect::<Result<_, _>>()?, cluster_id: None })
    }

    /// Refuses grants that name another cluster than this one.
    #[must_use]
    pub fn of_cluster(self, cluster_id: impl Into<String>) -> Self {
        Self { cluster_id: Some(cluster_id.into()), ..self }
    }

    /// The ids of its keys.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kid, _)| kid.as_str())
    }

    /// Whether it has the key that `grant` names. A main server that does not may have missed a new key.
    pub fn knows_key_of(&self, grant: &str) -> bool {
        let kid = jsonwebtoken::decode_header(grant).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| self.key_ids().any(|known| known == kid))
    }

    /// The claims of `grant`, if it permits `action` on `stream_id` at `now_s` (seconds, Unix epoch).
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Other`].
    pub fn verify(
        &self,
        grant: &str,
        stream_id: StreamId,
        action: Action,
        now_s: u64,
    ) -> Result<Claims, Error> {
        let claims = self.claims(grant)?;
        if claims.exp <= now_s {
            return Err(Error::Invalid);
        }
        if claims.stream_id != stream_id || claims.action != action {
            return Err(Error::Other);
        }
        Ok(claims)
    }

    /// The claims of `grant`, if it permits to play `item_id` at `now_s` (seconds, Unix epoch).
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Other`].
    pub fn verify_item(&self, grant: &str, item_id: ItemId, now_s: u64) -> Result<ItemClaims, Error> {
        let claims: ItemClaims = self.decoded(grant)?;
        if claims.exp <= now_s || !self.is_for_this_cluster(Some(&claims.cluster_id)) {
            return Err(Error::Invalid);
        }
        if claims.item_id == item_id { Ok(claims) } else { Err(Error::Other) }
    }

    /// The claims of `grant`, whatever it permits and whether or not it has expired.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn claims(&self, grant: &str) -> Result<Claims, Error> {
        let claims: Claims = self.decoded(grant)?;
        // A grant that names no cluster is of an older version and accepted.
        if self.is_for_this_cluster(claims.cluster_id.as_deref()) { Ok(claims) } else { Err(Error::Invalid) }
    }

    fn is_for_this_cluster(&self, named: Option<&str>) -> bool {
        !matches!((self.cluster_id.as_deref(), named), (Some(own), Some(named)) if own != named)
    }

    /// What `grant` says, signed with one of the keys; its expiry and its cluster are not checked.
    fn decoded<T: DeserializeOwned>(&self, grant: &str) -> Result<T, Error> {
        let header = jsonwebtoken::decode_header(grant).map_err(|_| Error::Invalid)?;
        let kid = header.kid.ok_or(Error::Invalid)?;
        let (_, key) = self.keys.iter().find(|(known, _)| *known == kid).ok_or(Error::Invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // The time and the cluster are parameters of the callers.
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<T>(grant, key, &validation)
            .map(|token| token.claims)
            .map_err(|_| Error::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn stream(title: &str) -> StreamId {
        StreamId::new(title, 1)
    }

    fn claims(action: Action) -> Claims {
        Claims::new(stream("a"), action, Visibility::Public, NOW_S + 60)
    }

    fn pair() -> (Signer, Verifier) {
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let verifier = Verifier::new(std::slice::from_ref(signer.public_key())).unwrap();
        (signer, verifier)
    }

    #[test]
    fn a_signed_grant_gives_back_its_claims() {
        let (signer, verifier) = pair();
        let grant = signer.sign(&claims(Action::Publish)).unwrap();
        let seen = verifier.verify(&grant, stream("a"), Action::Publish, NOW_S).unwrap();
        assert_eq!(seen, claims(Action::Publish));
    }

    #[test]
    fn an_expired_grant_is_invalid() {
        let (signer, verifier) = pair();
        let grant = signer.sign(&claims(Action::Watch)).unwrap();
        let seen = verifier.verify(&grant, stream("a"), Action::Watch, NOW_S + 60);
        assert!(matches!(seen, Err(Error::Invalid)));
    }

    #[test]
    fn a_grant_for_another_stream_or_action_is_refused() {
        let (signer, verifier) = pair();
        let grant = signer.sign(&claims(Action::Watch)).unwrap();
        for (id, action) in [(stream("b"), Action::Watch), (stream("a"), Action::Publish)] {
            assert!(matches!(verifier.verify(&grant, id, action, NOW_S), Err(Error::Other)));
        }
    }

    #[test]
    fn a_grant_of_another_cluster_is_invalid_and_one_that_names_none_is_accepted() {
        let (signer, verifier) = pair();
        let verify = |claims: &Claims, verifier: &Verifier| {
            let grant = signer.sign(claims).unwrap();
            verifier.verify(&grant, stream("a"), Action::Watch, NOW_S)
        };
        let named = Claims { cluster_id: Some("here".into()), ..claims(Action::Watch) };
        let (here, elsewhere) =
            (verifier.clone().of_cluster("here"), verifier.clone().of_cluster("elsewhere"));
        assert_eq!(verify(&named, &here).unwrap(), named);
        assert_eq!(verify(&named, &verifier).unwrap(), named, "a node that does not know its cluster yet");
        assert!(matches!(verify(&named, &elsewhere), Err(Error::Invalid)));
        assert!(verify(&claims(Action::Watch), &here).is_ok(), "a grant of an older version");
    }

    #[test]
    fn all_claims_survive_the_way() {
        let (signer, verifier) = pair();
        let claims = Claims {
            cluster_id: Some("here".into()),
            issued_at: Some(NOW_S),
            invitation_id: Some("i".into()),
            recording: Some(RecordedInto { item_id: ItemId::from_bytes([1; 16]), from_now: true }),
            ..claims(Action::Watch)
        };
        let grant = signer.sign(&claims).unwrap();
        assert_eq!(verifier.claims(&grant).unwrap(), claims);
        assert!(verifier.knows_key_of(&grant));
        assert!(!Verifier::default().knows_key_of(&grant) && !verifier.knows_key_of("a.b.c"));
    }

    #[test]
    fn a_grant_for_an_item_is_none_for_a_stream_of_the_same_id_and_the_other_way_round() {
        let (signer, verifier) = pair();
        let item_id: ItemId = stream("a").to_string().parse().unwrap();
        let play = ItemClaims::play(item_id, NOW_S + 60, "here");
        let grant = signer.sign_item(&play).unwrap();
        assert_eq!(verifier.verify_item(&grant, item_id, NOW_S).unwrap(), play);
        assert!(matches!(verifier.verify_item(&grant, item_id, NOW_S + 60), Err(Error::Invalid)), "expired");
        let other = ItemId::from_bytes([1; 16]);
        assert!(matches!(verifier.verify_item(&grant, other, NOW_S), Err(Error::Other)));
        let elsewhere = verifier.clone().of_cluster("elsewhere");
        assert!(matches!(elsewhere.verify_item(&grant, item_id, NOW_S), Err(Error::Invalid)));
        assert!(matches!(verifier.verify(&grant, stream("a"), Action::Watch, NOW_S), Err(Error::Invalid)));
        let watch =
            signer.sign(&Claims { cluster_id: Some("here".into()), ..claims(Action::Watch) }).unwrap();
        assert!(matches!(verifier.verify_item(&watch, item_id, NOW_S), Err(Error::Invalid)));
    }

    #[test]
    fn a_grant_signed_by_somebody_else_is_invalid() {
        let (_, verifier) = pair();
        let stranger = Signer::from_seed(&[8; 32]).unwrap();
        let grant = stranger.sign(&claims(Action::Watch)).unwrap();
        assert!(matches!(verifier.verify(&grant, stream("a"), Action::Watch, NOW_S), Err(Error::Invalid)));
    }

    #[test]
    fn a_tampered_or_unsigned_grant_is_invalid() {
        let (signer, verifier) = pair();
        let grant = signer.sign(&claims(Action::Watch)).unwrap();
        let (head, signature) = grant.rsplit_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{}"}}"#, signer.public_key().kid));
        let payload = head.split_once('.').unwrap().1;
        for text in ["", "a.b.c", head, &format!("{head}x.{signature}"), &format!("{none}.{payload}.")] {
            let seen = verifier.verify(text, stream("a"), Action::Watch, NOW_S);
            assert!(matches!(seen, Err(Error::Invalid)), "{text}");
        }
    }
}
