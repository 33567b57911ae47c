//! Files that only their owner may read: secrets, and the store with its passphrase hashes.

use std::fs::OpenOptions;

/// Opens a file for writing; one that is made on the way is readable by its owner only.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
