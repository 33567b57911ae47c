//! Fixed bounds of the library.

/// Open streams of events of the items that a person may change, of one main server.
pub const ITEM_LISTENERS: usize = 10_000;
