//! Bounds of the library, and how long it keeps items.

use std::time::Duration;

use clap::Args;
use main_server::LibraryLimits;

use super::units::Bytes;

/// Seconds of an hour.
const HOUR_S: u64 = 60 * 60;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Library")]
pub(crate) struct LibraryOptions {
    /// Most items of the library
    #[arg(long, value_name = "COUNT", default_value_t = LibraryLimits::default().items)]
    library_items: usize,
    /// Most bytes of all items together; beyond it uploads are refused and the oldest recordings deleted
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(LibraryLimits::default().quota_bytes))]
    library_quota_bytes: Bytes,
    /// Most bytes of the items of one account; as many as there is room for if not set
    #[arg(long, value_name = "SIZE")]
    library_account_quota_bytes: Option<Bytes>,
    /// Days after their end for which recordings are kept; 0 for ever. Uploads stay until they are deleted
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=36_500))]
    library_keep_days: u64,
    /// Hours for which a deleted item can be restored
    #[arg(long, value_name = "HOURS", default_value_t = LibraryLimits::default().undo.as_secs() / HOUR_S, value_parser = clap::value_parser!(u64).range(..=876_000))]
    library_undo_hours: u64,
}

impl LibraryOptions {
    /// The bounds that the options give.
    pub(crate) fn limits(&self) -> LibraryLimits {
        LibraryLimits {
            items: self.library_items,
            quota_bytes: self.library_quota_bytes.0,
            account_quota_bytes: self.library_account_quota_bytes.map(|bytes| bytes.0),
            keep: (self.library_keep_days > 0)
                .then(|| Duration::from_secs(self.library_keep_days * 24 * HOUR_S)),
            undo: Duration::from_secs(self.library_undo_hours * HOUR_S),
        }
    }
}
