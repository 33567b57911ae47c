//! Time-outs and connection limits of a server.

use std::time::Duration;

use per_address::nine_tenths;

use crate::Proxies;

/// Share of the descriptors that connections which are not kept may have.
const HTTP_SHARE: u64 = 4;
/// The most of them, however many descriptors there are: each may hold a request head in memory.
const MOST_HTTP: u64 = 16_384;
/// Share of the descriptors that connections leave free, and its bounds. Half of it is for files that are sent, the rest for the store's files,
/// other servers and logs.
const KEPT_SHARE: u64 = 4;
const KEPT: (u64, u64) = (96, 5_120);

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
        let kept = kept(files);
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

/// Most files that may be open to be sent, in a process that may open `files` files.
pub fn files_to_send(files: u64) -> u32 {
    u32::try_from(kept(files) / 2).unwrap_or(u32::MAX)
}

/// The descriptors that connections leave free.
fn kept(files: u64) -> u64 {
    (files / KEPT_SHARE).clamp(KEPT.0, KEPT.1).min(files / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_for_everything_else() {
        for (files, connections, http, sent) in [
            (64, 32, 16, 16),
            (1_024, 768, 256, 128),
            (65_536, 60_416, 16_384, 2_560),
            (1 << 30, (1 << 30) - 5_120, 16_384, 2_560),
            (1, 1, 1, 0),
        ] {
            let limits = Limits::for_open_files(files);
            let derived = (limits.connections, limits.http_connections, files_to_send(files));
            assert_eq!(derived, (connections, http, sent), "{files}");
        }
    }
}
