//! Whether a folder takes writes. SQLite reports a full disk as "disk I/O error", so the folder itself is tried.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

use crate::private_file;

/// As much as SQLite needs to open a store.
const PROBE_BYTES: usize = 64 * 1024;

/// Whether the disk of `folder` is full, or its owner's share of it used up.
pub(crate) fn is_full(folder: &Path) -> bool {
    probe(folder).is_err_and(|error| is_no_space(&error))
}

/// Whether `error` says that there is no room.
fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Writes a file and removes it again.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("probe.{}.new", std::process::id()));
    let mut file = private_file::options().truncate(true).open(&path)?;
    let written = file.write_all(&[0; PROBE_BYTES]).and_then(|()| file.sync_all());
    fs::remove_file(&path)?;
    written
}
