//! What tells messages apart.

/// What a message is about. A number keeps its meaning for ever, because main servers of several versions may run side by side;
/// 3 was used by earlier versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    /// An entry is in the store.
    pub(super) const WRITTEN: Self = Self(4);
}
