//! Time-outs and connection limits of a server.

use std::time::Duration;

use per_address::nine_tenths;

use crate::Proxies;

/// Share of the descriptors that connections which are not kept may have.
const HTTP_SHARE: u64 = 4;
/// The most of them, however many descriptors there are: each may hold a request head in memory.
const MOST_HTTP: u64 = 16_384;
/// Share of the descriptors that is kept for the store's files, other servers and logs, and its bounds.
const KEPT_SHARE: u64 = 8;
const KEPT: (u64, u64) = (48, 1_024);

/// The time-outs and bounds of one port.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a whole request head may take to arrive, counted from the connection's start or the end of its last answer.
    pub head: Duration,
    /// How long a request body may pause.
    pub body_pause: Duration,
    /// Lowest rate of a body, in bytes per second, after a first [`Limits::body_pause`]; a slower request fails.
    pub body_bytes_per_s: u64,
    /// How long a client may leave data unread before its connection is closed; with HTTP/2 only the response ends, if the client
    /// reads others. Keep it longer than a node
    /// waits for a viewer: 20 s to take anything, then 30 s to read why it is disconnected.
    pub unread: Duration,
    /// Most connections of every kind.
    pub connections: usize,
    /// Most connections that the application does not keep: see [`Client`](crate::Client).
    pub http_connections: usize,
    /// Proxies in front of the port. Their connections are those of many clients, so no limit per host applies to them.
    pub proxies: Proxies,
    /// Most connections of one address, or IPv6 /64. A further one takes the place of its oldest idle ones; if it has none, requests
    /// on it are refused with `limit_reached`.
    pub connections_per_address: usize,
}

impl Limits {
    /// Bounds for a process that may open `files` files.
    pub fn for_open_files(files: u64) -> Self {
        let kept = (files / KEPT_SHARE).clamp(KEPT.0, KEPT.1).min(files / 2);
        let http = (files / HTTP_SHARE).clamp(1, MOST_HTTP);
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            head: Duration::from_secs(30),
            body_pause: Duration::from_secs(30),
            body_bytes_per_s: 500,
            unread: Duration::from_secs(60),
            connections: count(files - kept),
            http_connections: count(http),
            proxies: Proxies::default(),
            connections_per_address: nine_tenths(count(files - kept)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_for_everything_else() {
        for (files, connections, http) in [
            (64, 32, 16),
            (1_024, 896, 256),
            (65_536, 64_512, 16_384),
            (1 << 30, (1 << 30) - 1_024, 16_384),
            (1, 1, 1),
        ] {
            let limits = Limits::for_open_files(files);
            assert_eq!((limits.connections, limits.http_connections), (connections, http), "{files}");
        }
    }
}
