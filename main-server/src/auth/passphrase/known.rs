//! Right passphrases as keyed digests (BLAKE2b, RFC 7693), in memory only, under a key that this process made.
//!
//! The store holds Argon2 hashes alone. A digest is kept only of a passphrase that such a hash was made of or matched.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use blake2::{
    Blake2bMac512,
    digest::{CtOutput, KeyInit, Mac},
};

/// Most digests kept; one more replaces any other.
const MOST: usize = 16 * 1024;

/// Compared in constant time.
type Digest = CtOutput<Blake2bMac512>;

/// See the [module](self).
pub(super) struct Known {
    key: [u8; 32],
    /// By the hash that the store keeps, which is unique by its salt.
    digests: Mutex<HashMap<String, Digest>>,
}

impl Known {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key, digests: Mutex::default() })
    }

    /// Remembers the passphrase that `hash` was made of.
    pub(super) fn remember(&self, hash: &str, passphrase: &str) {
        let digest = self.digest(passphrase);
        let mut digests = self.digests();
        if digests.len() >= MOST
            && let Some(any) = digests.keys().next().cloned()
        {
            digests.remove(&any);
        }
        digests.insert(hash.to_owned(), digest);
    }

    /// Whether `passphrase` is the one that `hash` was made of, if that is known.
    pub(super) fn verdict(&self, hash: &str, passphrase: &str) -> Option<bool> {
        let digest = self.digest(passphrase);
        self.digests().get(hash).map(|known| *known == digest)
    }

    fn digest(&self, passphrase: &str) -> Digest {
        let keyed = Blake2bMac512::new_from_slice(&self.key).expect("a key of 32 bytes is one");
        keyed.chain_update(passphrase).finalize()
    }

    fn digests(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_right_once_is_told_from_everything_else() {
        let known = Known::new().unwrap();
        assert_eq!(known.verdict("hash", "right"), None);
        known.remember("hash", "right");
        assert_eq!(known.verdict("hash", "right"), Some(true));
        assert_eq!(known.verdict("hash", "wrong"), Some(false));
        assert_eq!(known.verdict("other", "right"), None);
    }

    #[test]
    fn their_number_is_bounded() {
        let known = Known::new().unwrap();
        for number in 0..MOST + 10 {
            known.remember(&number.to_string(), "right");
        }
        assert_eq!(known.digests().len(), MOST);
    }
}
