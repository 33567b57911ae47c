//! The machine that this process runs on.

/// Its host name, or `otherwise` where it has none.
pub(crate) fn name(otherwise: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if host.is_empty() { otherwise.to_owned() } else { host.to_owned() }
}
