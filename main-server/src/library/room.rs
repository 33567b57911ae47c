//! The free space of the library.

use super::{Error, Library};
use crate::config::LibraryLimits;

impl Library {
    /// Checks that there is space for `bytes` more, for items of the account `owner` if given.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn room_for(&self, owner: Option<&str>, bytes: u64) -> Result<(), Error> {
        self.room_for_bytes(owner, bytes)?;
        let items = self.limits.items;
        let is_full = self.items.with(|records| records.len()) >= items;
        let message =
            || Error::Full(format!("the library has {items} items (library_items): delete some first"));
        if is_full { Err(message()) } else { Ok(()) }
    }

    /// As [`Self::room_for`], for an existing item.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub(crate) fn room_for_bytes(&self, owner: Option<&str>, bytes: u64) -> Result<(), Error> {
        let LibraryLimits { quota_bytes, account_quota_bytes, .. } = self.limits;
        let (all, of_owner) = self.table.index(|index, _| index.bytes(owner));
        if all.saturating_add(bytes) > quota_bytes {
            return Err(Error::Full("the library is full (library_quota_bytes): delete items first".into()));
        }
        let is_owned = owner.is_some();
        if account_quota_bytes.is_some_and(|quota| is_owned && of_owner.saturating_add(bytes) > quota) {
            let message =
                "your share of the library is full (library_account_quota_bytes): delete items first";
            return Err(Error::Full(message.into()));
        }
        Ok(())
    }
}
