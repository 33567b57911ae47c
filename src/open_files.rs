//! The limit of open files. A viewer is a socket and a socket is an open file, so Linux's default of 1024 is too low.

/// Raises the soft limit of open files to the hard one; logs a warning if it cannot.
pub(crate) fn raise_limit() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => tracing::debug!(limit, "open files limited"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}

/// The number of files that this process may have open.
pub(crate) fn limit() -> u64 {
    rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(1024, |(soft, _)| soft)
}
