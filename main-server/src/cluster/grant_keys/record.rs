//! A key that signs grants, as the store keeps it.

use std::fmt;

use protocol::grant::{Error, Signer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use store::Namespace;

use crate::auth::Seed;

/// Keys are numbered in the order in which they were added; the next one has the next number. So of two main servers that add a
/// key at once, the store accepts one.
pub(super) type Number = u32;

/// See the [module](self). Its `Debug` form does not reveal the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantKey {
    /// What the private key is made of, as 64 hex digits.
    #[serde(serialize_with = "write_seed", deserialize_with = "read_seed")]
    pub(crate) secret: Seed,
    /// Unix epoch.
    pub(crate) created_at_ms: u64,
    /// Since when main servers sign with it, Unix epoch. None while nodes are still learning it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) active_since_ms: Option<u64>,
}

impl GrantKey {
    /// What signs with it.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(crate) fn signer(&self) -> Result<Signer, Error> {
        Signer::from_seed(&self.secret.0)
    }
}

impl store::Record for GrantKey {
    type Key = Number;
    const NAMESPACE: Namespace = Namespace::new("grant-keys");
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created_at_ms, active_since_ms, .. } = self;
        write!(f, "GrantKey {{ created_at_ms: {created_at_ms}, active_since_ms: {active_since_ms:?}, .. }}")
    }
}

fn write_seed<S: Serializer>(seed: &Seed, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&seed.to_hex())
}

fn read_seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The text is not part of the error: it may be most of a secret.
    Seed::from_hex(&text).ok_or_else(|| de::Error::custom("the secret is not 64 hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_and_never_shown() {
        let key = GrantKey { secret: Seed([7; 32]), created_at_ms: 5, active_since_ms: Some(6) };
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<GrantKey>(&json).unwrap(), key);
        assert!(!format!("{key:?}").contains("07"));
        let error = serde_json::from_str::<GrantKey>(r#"{"secret":"0707zz","created_at_ms":1}"#).unwrap_err();
        assert!(!error.to_string().contains("0707"), "{error}");
    }
}
