//! What a node holds and accepts. With `up`, each of the nodes has these limits.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use cdn::Limits;
use clap::Args;

use super::{
    Contradiction,
    units::{Bytes, Millis},
    values,
};
use crate::open_files;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Nodes")]
pub(crate) struct NodeOptions {
    /// Location of the nodes; viewers who ask for this region are sent here first
    #[arg(long, value_name = "NAME", value_parser = values::name)]
    pub(crate) region: Option<String>,
    /// Most bytes that a node sends per second, or a size with a unit such as 1Gbit, 500Mbit, 80MB; estimated from its load if not set
    #[arg(long, value_name = "RATE")]
    pub(crate) egress_limit: Option<Bytes>,
    /// Percent of the processors in use beyond which a node admits no new viewers; 100 never refuses
    #[arg(long, value_name = "PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) max_cpu: u8,
    /// Most viewers of a node
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().viewers)]
    pub(crate) max_viewers: u32,
    /// Most viewers of one address (or IPv6 /64); nine tenths of max_viewers if not set
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_viewers_per_address: Option<u32>,
    /// Most streams of a node, its own and those it relays
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().streams)]
    pub(crate) max_streams: u32,
    /// Most connections of a node's viewers, broadcasters and relays, over all transports
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().sockets)]
    pub(crate) max_media_connections: u32,
    /// Most of those connections from one address (or IPv6 /64); nine times as many as are free if not set
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_media_connections_per_address: Option<u32>,
    /// Most streams that one connection watches, and most that it publishes
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().streams_per_socket)]
    pub(crate) max_streams_per_connection: usize,
    /// Most other nodes that pull one stream from a node
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().relays)]
    pub(crate) max_relays: u32,
    /// Milliseconds of each stream that a node keeps, so that viewers can resume
    #[arg(long, value_name = "MS", default_value_t = Millis(Limits::default().window))]
    pub(crate) window_ms: Millis,
    /// Most bytes of all streams' windows together
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().ring_bytes))]
    pub(crate) window_bytes: Bytes,
    /// Most bytes of one group of pictures; a longer one loses its start
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().group_bytes))]
    pub(crate) group_bytes: Bytes,
    /// Most bytes of one segment, up to 16MiB
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().segment_bytes as u64), value_parser = segment_bytes)]
    pub(crate) segment_bytes: Bytes,
    /// Most bytes a second of one stream, on average; four times that in a burst
    #[arg(long, value_name = "RATE", default_value_t = Bytes(Limits::default().stream_bytes_per_s))]
    pub(crate) ingest_limit: Bytes,
    /// Most segments a second of one stream, on average; four times that in a burst
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().stream_segments_per_s, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) max_segments_per_second: u64,
    /// Milliseconds that a viewer may fall behind the live edge before it skips to the newest group
    #[arg(long, value_name = "MS", default_value_t = Millis(Limits::default().max_lag))]
    pub(crate) max_lag_ms: Millis,
    /// Milliseconds for which a relayed stream is kept after its last viewer here left
    #[arg(long, value_name = "MS", default_value_t = Millis(Limits::default().linger))]
    pub(crate) linger_ms: Millis,
    /// Most bytes of the library's media that a node keeps in memory; a quarter of it is for windows of live streams
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().library_cache_bytes))]
    pub(crate) library_cache_bytes: Bytes,
    /// Most bytes of them that it keeps on disk, where the object store is another machine; 0 for none
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().library_disk_cache_bytes))]
    pub(crate) library_disk_cache_bytes: Bytes,
    /// Most answers with media of the library that a node sends at once; an address gets at most nine times as many as are free
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().library_responses, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_library_responses: u32,
    /// Most requests a second of one address to a node's library, health and metrics, on average; ten times that at once
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().requests_per_address, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) library_requests_per_address: u32,
    /// Folder in which recordings wait until the object store has them, with a folder for each node; spool in the data folder if not
    /// set, data/spool for a node
    #[arg(long, value_name = "FOLDER")]
    pub(crate) spool_dir: Option<PathBuf>,
    /// Most bytes of one node's recordings that wait there; beyond that the oldest are lost
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().spool_bytes))]
    pub(crate) recording_spool_bytes: Bytes,
}

/// Largest configurable segment, in bytes: a chunk holds a segment's frames, and [`MAX_CHUNK_BYTES`](protocol::message::MAX_CHUNK_BYTES)
/// has room for that much beside the largest MP4 fragment.
const MOST_SEGMENT_BYTES: Bytes = Bytes(16 << 20);

fn segment_bytes(text: &str) -> Result<Bytes, String> {
    match text.parse()? {
        bytes if bytes <= MOST_SEGMENT_BYTES => Ok(bytes),
        _ => Err(format!("a segment has at most {MOST_SEGMENT_BYTES}")),
    }
}

impl NodeOptions {
    /// Checks the rules between options.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        Contradiction::unless(
            self.group_bytes.0 <= self.window_bytes.0,
            &["group_bytes", "window_bytes"],
            "group_bytes must not be more than window_bytes",
        )
    }

    /// The bounds of one node, with the grace period of the server that it is part of.
    pub(crate) fn limits(&self, grace: Duration) -> Limits {
        Limits {
            window: self.window_ms.0,
            ring_bytes: self.window_bytes.0,
            group_bytes: self.group_bytes.0,
            streams: self.max_streams,
            viewers: self.max_viewers,
            viewers_per_address: self.max_viewers_per_address,
            egress_bytes_per_s: self.egress_limit.map(|limit| limit.0),
            cpu_permille: u16::from(self.max_cpu) * 10,
            relays: self.max_relays,
            streams_per_socket: self.max_streams_per_connection,
            sockets: self.max_media_connections,
            sockets_per_address: self.max_media_connections_per_address,
            segment_bytes: self.segment_bytes.len(),
            stream_bytes_per_s: self.ingest_limit.0,
            stream_segments_per_s: self.max_segments_per_second,
            max_lag: self.max_lag_ms.0,
            grace,
            linger: self.linger_ms.0,
            library_cache_bytes: self.library_cache_bytes.0,
            library_disk_cache_bytes: self.library_disk_cache_bytes.0,
            library_responses: self.max_library_responses,
            library_open_files: serving::files_to_send(open_files::limit()),
            requests_per_address: self.library_requests_per_address,
            spool_bytes: self.recording_spool_bytes.0,
        }
    }

    /// Where the recordings of the node called `hostname` wait: in `spool_dir`, or else in the folder `default`.
    pub(crate) fn spool_folder(&self, default: &Path, hostname: &str) -> PathBuf {
        self.spool_dir().unwrap_or(default).join(folder_name(hostname))
    }

    /// The folder of all nodes' recordings; an empty name counts as not given.
    pub(crate) fn spool_dir(&self) -> Option<&Path> {
        self.spool_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty())
    }

    /// Where the nodes stand; an empty name counts as not given.
    pub(crate) fn region(&self) -> Option<String> {
        self.region.clone().filter(|region| !region.is_empty())
    }
}

/// The name of a node as that of a folder.
pub(crate) fn folder_name(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let plain: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    if plain.starts_with('.') || plain.is_empty() { format!("_{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_node_is_in_the_spool_whatever_its_name() {
        for (name, folder) in [("cdn-a", "cdn-a"), ("..", "_.."), ("../a", "_.._a"), ("a/b:ü", "a_b__")] {
            assert_eq!(folder_name(name), folder);
        }
    }
}
