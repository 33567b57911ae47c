//! What stays free on the disk of a folder.
//!
//! The main server's store is often on the same disk. If uploads filled that disk, the store could not write, and sign-ins and new streams
//! would fail.

use std::path::Path;

use crate::Error;

/// What stays free of a disk, but of a small one not more than this share.
const RESERVE_BYTES: u64 = 256 << 20;
const MOST_SHARE: u64 = 20;

/// Fails if the disk of the folder has no room for so many bytes besides the reserve.
///
/// # Errors
/// [`Error::Unavailable`], because there may be room later.
pub(crate) async fn check(folder: &Path, bytes: u64) -> Result<(), Error> {
    let path = folder.to_owned();
    let size = tokio::task::spawn_blocking(move || size(&path)).await;
    // A file system that does not tell its size says itself when it is full.
    let Some(Size { all, free }) = size.ok().flatten() else { return Ok(()) };
    let reserve = RESERVE_BYTES.min(all / MOST_SHARE);
    if free < bytes.saturating_add(reserve) {
        let message =
            format!("the disk of {} is full: {free} bytes are free, {reserve} stay free", folder.display());
        return Err(Error::Unavailable(message));
    }
    Ok(())
}

/// The bytes of a file system.
struct Size {
    all: u64,
    /// For users without privileges.
    free: u64,
}

#[cfg(target_os = "linux")]
fn size(folder: &Path) -> Option<Size> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Size { all: bytes(found.f_blocks), free: bytes(found.f_bavail) }).filter(|size| size.all > 0)
}

#[cfg(not(target_os = "linux"))]
fn size(_: &Path) -> Option<Size> {
    None
}
