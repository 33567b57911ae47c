//! A viewer is a socket, and a socket is an open file: Linux's default of 1024 would be the first limit to be met.

/// Raises the soft limit of open files to the hard one. What cannot be raised stays as it is, with a warning.
pub(crate) fn raise_limit() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => tracing::debug!(limit, "open files limited"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}

/// How many files this process may have open.
pub(crate) fn limit() -> u64 {
    rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(1024, |(soft, _)| soft)
}
