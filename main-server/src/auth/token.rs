//! Random secrets that clients hold: session cookies, the setup link, stream keys, invitations.
//!
//! The store has digests only. A fast hash is enough for 256 random bits: they cannot be guessed.

use blake2::{Blake2b512, Digest};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

/// Random bytes of a token.
const BYTES: usize = 32;
/// Bytes of a digest that are kept.
const DIGEST_BYTES: usize = 32;

/// The system gave no random bytes; says why.
#[derive(Debug, thiserror::Error)]
#[error("the system's random generator failed: {0}")]
pub(crate) struct Error(#[from] getrandom::Error);

/// A new secret. It has no `Debug` form.
pub(crate) struct Token(String);

impl Token {
    /// 256 random bits as 43 characters that need no escape in a URL.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// The secret itself, for its holder.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    pub(crate) fn digest(&self) -> String {
        digest(&self.0)
    }
}

/// What the store keeps of the token `text`: 64 hex digits.
pub(crate) fn digest(text: &str) -> String {
    HEXLOWER.encode(&Blake2b512::digest(text)[..DIGEST_BYTES])
}

/// An id that is not a secret: `bytes` random bytes as hex digits.
///
/// # Errors
/// See [`Error`].
pub(crate) fn random_id<const BYTES: usize>() -> Result<String, Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_new_and_its_digest_does_not_reveal_it() {
        let (a, b) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), 43);
        assert_eq!(a.digest(), digest(a.reveal()));
        assert_eq!(a.digest().len(), 64);
    }
}
