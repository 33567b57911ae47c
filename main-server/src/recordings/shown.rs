//! What an item has from its stream, and how it follows edits of the stream. Pure.

use protocol::stream::Visibility;
use serde::{Deserialize, Serialize};

use crate::library;

/// What an item has from its stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// The title.
    pub(super) title: String,
    /// Who may see it.
    pub(super) visibility: Visibility,
    /// Of the passphrase of a private stream, in PHC string form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) passphrase_hash: Option<String>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { title, visibility, passphrase_hash: _ } = self;
        formatter
            .debug_struct("Shown")
            .field("title", title)
            .field("visibility", visibility)
            .finish_non_exhaustive()
    }
}

impl Shown {
    /// Applies to the item what was edited in the stream since `before`. What was edited in the item stays, but for one thing:
    /// a stream that becomes visible to fewer viewers restricts its item as well.
    pub(super) fn apply(&self, before: &Self, item: &mut library::Record) {
        if self.title != before.title && item.text.title == before.title {
            item.text.title.clone_from(&self.title);
        }
        let admits = |shown: &Self| (shown.visibility, shown.passphrase_hash.clone());
        let is_edited =
            (item.visibility, &item.passphrase_hash) != (before.visibility, &before.passphrase_hash);
        let restricts = restriction(self.visibility) > restriction(item.visibility);
        if admits(self) != admits(before) && (restricts || !is_edited) {
            item.admit_by(Some(self.visibility), Some(&self.passphrase_hash));
        }
    }
}

/// The larger, the fewer viewers find it.
fn restriction(visibility: Visibility) -> u8 {
    match visibility {
        Visibility::Public => 0,
        Visibility::Unlisted => 1,
        Visibility::Private => 2,
    }
}

#[cfg(test)]
mod tests {
    use Visibility::{Private, Public, Unlisted};
    use protocol::{
        ItemId,
        item::{Kind, State},
    };

    use super::*;

    fn shown(title: &str, visibility: Visibility, passphrase_hash: Option<&str>) -> Shown {
        Shown { title: title.into(), visibility, passphrase_hash: passphrase_hash.map(Into::into) }
    }

    fn item(shown: &Shown) -> library::Record {
        let new = library::NewItem {
            item_id: ItemId::from_bytes([1; 16]),
            kind: Kind::Recording,
            state: State::Growing,
            text: library::Text { title: shown.title.clone(), ..library::Text::default() },
            visibility: shown.visibility,
            passphrase_hash: shown.passphrase_hash.clone(),
            owner: None,
            stream_id: None,
        };
        library::Record::new(new, 0)
    }

    fn of(item: &library::Record) -> Shown {
        shown(&item.text.title, item.visibility, item.passphrase_hash.as_deref())
    }

    /// The item `edited`, whose stream changed.
    fn after(edited: &Shown, before: &Shown, now: &Shown) -> Shown {
        let mut item = item(edited);
        now.apply(before, &mut item);
        let once = of(&item);
        now.apply(before, &mut item);
        assert_eq!(of(&item), once, "another server does it again");
        once
    }

    #[test]
    fn an_item_follows_every_edit_of_its_stream() {
        let before = shown("a", Public, None);
        for now in [shown("b", Public, None), shown("a", Unlisted, None), shown("b", Private, Some("p"))] {
            assert_eq!(after(&before, &before, &now), now);
            assert_eq!(after(&now, &now, &before), before);
        }
        let (old, new) = (shown("a", Private, Some("p")), shown("a", Private, Some("q")));
        let mut item = item(&old);
        new.apply(&old, &mut item);
        assert_eq!((of(&item), item.rule), (new, 1), "earlier grants do not count");
    }

    #[test]
    fn what_was_edited_in_the_item_is_kept() {
        let (before, renamed) = (shown("a", Public, None), shown("b", Public, None));
        let closed = shown("a", Private, Some("p"));
        assert_eq!(after(&closed, &before, &renamed), shown("b", Private, Some("p")));
        assert_eq!(after(&closed, &before, &shown("a", Unlisted, None)), closed);
        assert_eq!(after(&closed, &before, &shown("a", Private, Some("q"))), closed);
        assert_eq!(after(&shown("c", Public, None), &before, &renamed), shown("c", Public, None));
    }

    #[test]
    fn a_stream_that_becomes_private_closes_an_item_that_was_edited() {
        let (before, now) = (shown("a", Public, None), shown("a", Private, Some("p")));
        assert_eq!(after(&shown("a", Unlisted, None), &before, &now), now);
    }
}
