//! Ids. A stream is keyed by the MD5 of its title and creation time; an item of the library and a party by random bytes; a node by what
//! the main server gave it.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An id of 16 bytes, written as 32 lower-case hex digits.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $invalid:ident, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        /// The text was not 32 lower-case hex digits.
        #[derive(Debug, thiserror::Error, PartialEq, Eq)]
        #[error($message)]
        pub struct $invalid;

        impl FromStr for $name {
            type Err = $invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                decoded(text).map(Self).ok_or($invalid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                HEXLOWER.encode_display(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_id! {
    /// Identifies a stream: an MD5 digest, written as 32 lower-case hex digits.
    ///
    /// MD5 is a name here, not a secret: knowing an id gives no right to publish to it.
    StreamId, InvalidStreamId, "a stream id is 32 lower-case hex digits"
}

hex_id! {
    /// Identifies an item of the library: 16 random bytes, written as 32 lower-case hex digits.
    ItemId, InvalidItemId, "an item id is 32 lower-case hex digits"
}

hex_id! {
    /// Identifies a party: 16 random bytes, written as 32 lower-case hex digits.
    PartyId, InvalidPartyId, "a party id is 32 lower-case hex digits"
}

hex_id! {
    /// Identifies a job: a digest of its kind, input and parameters, written as 32 lower-case hex digits.
    JobId, InvalidJobId, "a job id is 32 lower-case hex digits"
}

impl StreamId {
    /// The id of the stream called `title`, created `created_at_ns` nanoseconds after the Unix epoch:
    /// MD5 of the title's UTF-8 bytes followed by that number in decimal.
    pub fn new(title: &str, created_at_ns: u128) -> Self {
        let mut digest = Md5::new();
        digest.update(title.as_bytes());
        digest.update(created_at_ns.to_string().as_bytes());
        Self(digest.finalize().into())
    }
}

impl From<StreamId> for ItemId {
    /// The window of a stream is described as an item with the digits of its id.
    fn from(StreamId(bytes): StreamId) -> Self {
        Self(bytes)
    }
}

impl ItemId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl PartyId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl JobId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

fn decoded(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut id = [0; 16];
    HEXLOWER.decode_mut(digits, &mut id).ok()?;
    Some(id)
}

/// Identifies a node for as long as it is registered; opaque to all but the main server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_id_is_the_md5_of_title_and_nanoseconds() {
        // printf 'My screen1700000000000000000' | md5sum
        let id = StreamId::new("My screen", 1_700_000_000_000_000_000);
        assert_eq!(id.to_string(), "8811d3bae631e8b5e26212edaf3e41eb");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn anything_but_32_lower_case_hex_digits_is_refused() {
        for text in ["", "abc", &"A".repeat(32), &"g".repeat(32), &"0".repeat(33), &"é".repeat(16)] {
            assert_eq!(text.parse::<StreamId>(), Err(InvalidStreamId), "{text}");
        }
    }
}
