//! Ids within a party: numbers of its record, short on the wire and in the store, never reused.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::auth::token;

/// The text is not such an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a party is a letter and a number")]
pub(crate) struct Invalid;

/// An id that is written as a letter and a number.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(super) u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let id = text.strip_prefix($letter).and_then(|number| number.parse().ok()).map(Self);
                // Each id has exactly one text: no signs, no leading zeros.
                id.filter(|id| id.to_string() == text).ok_or(Invalid)
            }
        }
    };
}

number_id! {
    /// The id of a member.
    MemberId, 'm'
}

number_id! {
    /// The id of an entry.
    EntryId, 'e'
}

number_id! {
    /// The id of a chat message.
    MessageId, 'c'
}

/// Bytes of a [`TokenDigest`].
const DIGEST_BYTES: usize = 16;

/// The stored part of a token's digest: 128 bits, because a record has up to 2,000 of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenDigest(String);

impl TokenDigest {
    /// Of the token `token`.
    pub(crate) fn of(token: &str) -> Self {
        let bytes = HEXLOWER.decode(token::digest(token).as_bytes()).unwrap_or_default();
        Self(BASE64URL_NOPAD.encode(bytes.get(..DIGEST_BYTES).unwrap_or_default()))
    }
}

/// The same for all memberships of a person, as far as a party can tell: of its account, or of the token with which a
/// guest joins again. A part of a digest, because a record has hundreds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PersonId(u64);

impl PersonId {
    /// Of a member: with an account, by its `name` and when it was created; of a guest, by its token.
    pub(super) fn of(name: &str, account_since_ms: Option<u64>, TokenDigest(digest): &TokenDigest) -> Self {
        Self(number_of(&match account_since_ms {
            Some(since_ms) => format!("account/{since_ms}/{name}"),
            None => format!("guest/{digest}"),
        }))
    }

    /// Its number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// The first 64 bits of the digest of `text`.
pub(super) fn number_of(text: &str) -> u64 {
    let digest: [u8; 16] = Md5::digest(text).into();
    digest.into_iter().take(8).fold(0, |number, byte| number << 8 | u64::from(byte))
}

/// Hides the digest, so that it appears in no log.
impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_in_no_other_form() {
        assert_eq!(MemberId(17).to_string().parse(), Ok(MemberId(17)));
        for wrong in ["", "17", "m", "m+1", "m01", "e1", "m-1", "m18446744073709551616"] {
            assert_eq!(wrong.parse::<MemberId>(), Err(Invalid), "{wrong:?}");
        }
    }

    #[test]
    fn digests_differ_and_have_22_characters() {
        assert_ne!(TokenDigest::of("a"), TokenDigest::of("b"));
        assert_eq!(TokenDigest::of("a").0.len(), 22);
    }
}
