//! Space for results: export files count towards the library's space, like items.

use protocol::{
    export,
    job::{Kind, Params},
};

use super::{Jobs, job::Record};
use crate::{
    library::{Error as LibraryError, Record as Item},
    state::catalogue::record::Owner,
};

/// Bytes of sound for each millisecond, at most: 48 kHz, two channels of 16 bits.
const SOUND_BYTES: u64 = 192;

impl Jobs {
    /// Checks that the library, and the account's share of it, have space for so many bytes besides the
    /// export files.
    ///
    /// # Errors
    /// [`LibraryError::Full`], which names the option.
    pub(super) fn room_for(&self, account: Option<&Owner>, bytes: u64) -> Result<(), LibraryError> {
        let is_own = |record: &Record| {
            account.zip(record.account()).is_some_and(|(account, other)| account.is_same_account(other))
        };
        let (all, own) = self.records.with(|records| {
            let files = records.iter().filter_map(|(_, record)| Some((record, record.file.as_ref()?.bytes)));
            files.fold((bytes, bytes), |(all, own), (record, bytes): (_, u64)| {
                (all.saturating_add(bytes), if is_own(record) { own.saturating_add(bytes) } else { own })
            })
        });
        self.library.room_for_bytes(None, all)?;
        match account {
            Some(account) => self.library.room_for_bytes(Some(&account.account), own),
            None => Ok(()),
        }
    }
}

/// Approximate size of a job's file, in bytes; 0 if it has none.
pub(super) fn file_bytes(kind: Kind, params: &Params, item: &Item) -> u64 {
    let Some(format) = params.format.filter(|_| kind == Kind::Export) else { return 0 };
    let whole = item.duration_ms.max(1);
    let clip_ms = params.to_ms.unwrap_or(whole).min(whole).saturating_sub(params.from_ms.unwrap_or(0));
    let share = u128::from(item.bytes) * u128::from(clip_ms) / u128::from(whole);
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    if export::is_sound(format) { share.min(clip_ms.saturating_mul(SOUND_BYTES)) } else { share }
}
