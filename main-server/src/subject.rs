//! What clients are admitted to with a passphrase or an invitation: a stream, an item of the library, or a party.

use std::{fmt, str::FromStr};

use protocol::{ItemId, PartyId, StreamId};

/// What the name of an item begins with.
const ITEM: &str = "item-";
/// What the name of a party begins with.
const PARTY: &str = "party-";

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// A live stream.
    Stream(StreamId),
    /// An item of the library.
    Item(ItemId),
    /// A party.
    Party(PartyId),
}

impl Subject {
    /// The page that shows it.
    pub(crate) fn page(self) -> String {
        match self {
            Self::Stream(stream_id) => format!("/view/{stream_id}"),
            Self::Item(item_id) => format!("/library/{item_id}"),
            Self::Party(party_id) => format!("/party/{party_id}"),
        }
    }
}

impl From<StreamId> for Subject {
    fn from(stream_id: StreamId) -> Self {
        Self::Stream(stream_id)
    }
}

impl From<ItemId> for Subject {
    fn from(item_id: ItemId) -> Self {
        Self::Item(item_id)
    }
}

impl From<PartyId> for Subject {
    fn from(party_id: PartyId) -> Self {
        Self::Party(party_id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(stream_id) => stream_id.fmt(f),
            Self::Item(item_id) => write!(f, "{ITEM}{item_id}"),
            Self::Party(party_id) => write!(f, "{PARTY}{party_id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = protocol::id::InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(item_id) = text.strip_prefix(ITEM) {
            return item_id.parse().map(Self::Item).map_err(|_| protocol::id::InvalidStreamId);
        }
        match text.strip_prefix(PARTY) {
            Some(party_id) => party_id.parse().map(Self::Party).map_err(|_| protocol::id::InvalidStreamId),
            None => text.parse().map(Self::Stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_was_written() {
        for subject in [
            Subject::from(StreamId::new("a", 1)),
            Subject::from(ItemId::from_bytes([1; 16])),
            Subject::from(PartyId::from_bytes([1; 16])),
        ] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        assert!("item-0".parse::<Subject>().is_err() && "party-0".parse::<Subject>().is_err());
        assert!("".parse::<Subject>().is_err());
    }
}
