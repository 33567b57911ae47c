//! The orders of items, and places in them.
//!
//! A place is the sort key of an item, derived from the item alone. So a page that begins after a place has
//! the right items whatever was added or removed meanwhile, even the item of the place itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::ItemId;
use serde::{Deserialize, Serialize};

use super::fold::folded;
use crate::library::Record;

/// Characters of a title that count in its order.
const TITLE_CHARS: usize = 64;

/// An order of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
    /// By title, without case and accents.
    Title,
    /// The shortest first.
    Duration,
    /// The best match first; of equal ones the newest.
    Relevance,
}

/// The place of an item in an order; smaller ones come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    first: u64,
    second: u64,
    text: Box<str>,
    /// The item.
    pub(super) item_id: ItemId,
}

impl Place {
    /// The place of an item. `cost` tells how well it matches the query; lower is better.
    pub(super) fn of(sort: Sort, item_id: ItemId, record: &Record, cost: u32) -> Self {
        let newest = u64::MAX - record.created_at_ms;
        let (first, second) = match sort {
            Sort::Newest => (newest, 0),
            Sort::Oldest => (record.created_at_ms, 0),
            Sort::Title => (0, 0),
            Sort::Duration => (record.duration_ms, 0),
            Sort::Relevance => (cost.into(), newest),
        };
        let title = || folded(&record.text.title).chars().take(TITLE_CHARS).collect::<String>();
        let text = if sort == Sort::Title { title().into() } else { Box::default() };
        Self { first, second, text, item_id }
    }
}

/// Where a page begins: after a place in an order. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    sort: Sort,
    after: Place,
}

impl Cursor {
    pub(super) fn new(sort: Sort, after: Place) -> Self {
        Self { sort, after }
    }

    /// The place, if the cursor belongs to this order.
    pub(crate) fn place(&self, sort: Sort) -> Option<&Place> {
        (self.sort == sort).then_some(&self.after)
    }

    /// The cursor's text for clients.
    pub(crate) fn text(&self) -> String {
        let json = serde_json::to_vec(self).expect("numbers and texts are always JSON");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Parses a client's cursor.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}
