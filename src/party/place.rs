//! The name of a fragment.

/// Names a fragment of what a party plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) entry_id: String,
    pub(super) take: usize,
    pub(super) fragment: usize,
}
