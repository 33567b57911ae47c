//! JSON bodies about the upkeep of the library: what operators' commands ask of a main server, and its answers.

use serde::{Deserialize, Serialize};

use crate::ItemId;

/// What a garbage collection did: the last line of the answer to `POST /api/library/gc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Blobs that items name, or that are too young to tell.
    pub kept: u64,
    /// Their bytes, each blob counted once.
    pub kept_bytes: u64,
    /// Blobs that no item names and that were put into the trash.
    pub discarded: u64,
    /// Their bytes.
    pub discarded_bytes: u64,
    /// Blobs that were in the trash and that an item names.
    pub restored: u64,
    /// Blobs that were deleted for good.
    pub purged: u64,
}

/// Body of `POST /api/library/verify`. It may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Whether to replace what is damaged or missing, where another copy is known.
    #[serde(default)]
    pub repair: bool,
}

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Its bytes are others.
    Damaged,
    /// It is not there.
    Missing,
}

/// A blob that is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadBlob {
    /// Its name.
    pub hash: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// Items that name it: all of them, or the first of many.
    pub items: Vec<ItemId>,
    /// How many more items name it. Items of the same format share their init segment.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_items: u64,
    /// Whether it is whole now.
    pub repaired: bool,
}

// Serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a verification found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Blobs that were read, each once.
    pub checked: u64,
    /// Bytes of those that were whole.
    pub bytes: u64,
    /// Blobs that were damaged or missing.
    pub bad: u64,
    /// Those of them that are whole now.
    pub repaired: u64,
}

/// A line of the answer to `POST /api/library/gc` and `POST /api/library/verify`, which are JSON, one object a line. The last line
/// is `collected`, `verified` or `failed`; an answer without one was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A blob is damaged or missing.
    Bad(BadBlob),
    /// The garbage collection is done.
    Collected(Collected),
    /// Everything was verified.
    Verified(Verified),
    /// It could not be finished, for this reason.
    Failed(String),
}
