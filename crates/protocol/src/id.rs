//! Ids. A stream is keyed by the MD5 of its title and creation time; a node by what the main server gave it.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Identifies a stream: an MD5 digest, written as 32 lower-case hex digits.
///
/// MD5 is a name here, not a secret: knowing an id gives no right to publish to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId([u8; 16]);

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

/// The text was not 32 lower-case hex digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a stream id is 32 lower-case hex digits")]
pub struct InvalidStreamId;

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| InvalidStreamId)?;
        let mut id = [0; 16];
        HEXLOWER.decode_mut(digits, &mut id).map_err(|_| InvalidStreamId)?;
        Ok(Self(id))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
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
