//! The keys of manifests in the store.

use protocol::ItemId;
use store::Namespace;

/// The namespace of manifests; see the [folder](super).
pub(crate) const NAMESPACE: Namespace = Namespace::new("library-manifests");
/// The suffix of the key of an item's pictures.
const PREVIEWS: &str = "previews";

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The head of a take.
    Head(u64),
    /// A part of a take.
    Part(u64, u64),
    /// The pictures for the time line.
    Previews,
}

impl Key {
    /// The prefix of all keys of an item.
    pub(super) fn prefix(item_id: ItemId) -> String {
        format!("{item_id}/")
    }

    /// The key in the store.
    pub(super) fn of(self, item_id: ItemId) -> String {
        match self {
            Self::Head(take) => format!("{item_id}/{take:08}"),
            Self::Part(take, part) => format!("{item_id}/{take:08}/{part:06}"),
            Self::Previews => format!("{item_id}/{PREVIEWS}"),
        }
    }

    /// Parses a key, with its item; `None` for a key of a newer version.
    pub(crate) fn parse(text: &str) -> Option<(ItemId, Self)> {
        let (item_id, rest) = text.split_once('/')?;
        let key = match rest.split_once('/') {
            None if rest == PREVIEWS => Self::Previews,
            None => Self::Head(rest.parse().ok()?),
            Some((take, part)) => Self::Part(take.parse().ok()?, part.parse().ok()?),
        };
        Some((item_id.parse().ok()?, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let item_id = ItemId::from_bytes([7; 16]);
        for key in [Key::Head(0), Key::Head(u64::MAX), Key::Part(3, 12), Key::Previews] {
            assert_eq!(Key::parse(&key.of(item_id)), Some((item_id, key)));
            assert!(key.of(item_id).starts_with(&Key::prefix(item_id)));
        }
        for text in ["", "previews", "0a/1", &format!("{item_id}/x"), &format!("{item_id}/1/x")] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
