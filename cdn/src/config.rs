//! What a node is configured with. Every limit has a default that suits one machine of moderate size.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cluster_client::ClusterSecret;
use objects::{Location, MainServers, Objects};
use protocol::grant::PublicKey;

use crate::clock::whole_ms;

/// One node's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's name, unique among live nodes.
    pub hostname: String,
    /// Where clients reach it: an absolute URL, or a path on the main server's own origin. `{public_url}/socket.io/` and
    /// `{public_url}/ws/` are where they connect.
    pub public_url: String,
    /// Where other nodes reach it, if not at its public URL.
    pub peer_url: Option<String>,
    /// Base URLs of the main servers, tried in turn. Without any, the node serves all clients with a grant of `grant_keys`.
    pub main_servers: Vec<String>,
    /// What the node shows to join the cluster.
    pub cluster_secret: ClusterSecret,
    /// Which certificates of main servers and other nodes it accepts.
    pub trust: tls::Trust,
    /// Grows at each start of the node's process.
    pub generation: u64,
    /// The operator's name for its region; the main server prefers it for viewers that ask for that region.
    pub region: Option<String>,
    /// Keys that grants are verified with until a main server gives others.
    pub grant_keys: Vec<PublicKey>,
    /// Where recordings wait until the object store has them; a node without a folder does not record. One process at a time uses
    /// it.
    pub spool_dir: Option<PathBuf>,
    /// Where the media of the library is kept; its main servers have it if there is no location.
    pub objects: Option<Location>,
    /// A folder of the node's own for the library's media on disk, where `objects` is another machine; none is kept there without one.
    pub library_cache_dir: Option<PathBuf>,
    /// Bounds of everything that clients can make grow.
    pub limits: Limits,
}

impl Config {
    /// A node called `hostname`, reached at `public_url`, that belongs to no cluster yet.
    #[allow(clippy::disallowed_methods, reason = "the generation of a process that has no node yet")]
    pub fn new(hostname: impl Into<String>, public_url: impl Into<String>) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            hostname: hostname.into(),
            public_url: public_url.into(),
            peer_url: None,
            main_servers: Vec::new(),
            cluster_secret: ClusterSecret::default(),
            trust: tls::Trust::default(),
            generation: whole_ms(since_epoch),
            region: None,
            grant_keys: Vec::new(),
            spool_dir: None,
            objects: None,
            library_cache_dir: None,
            limits: Limits::default(),
        }
    }

    /// Opens the location of the library's media; none in a node without a location and without main servers.
    ///
    /// # Errors
    /// [`objects::Error::Location`] if it cannot be used.
    pub fn open_objects(&self) -> Result<Option<Objects>, objects::Error> {
        let main_servers = || {
            let secret = self.cluster_secret.expose().to_owned();
            Location::MainServers(MainServers { urls: self.main_servers.clone(), secret })
        };
        let by_default = || (!self.main_servers.is_empty()).then(main_servers);
        let location = self.objects.clone().or_else(by_default);
        location.map(|location| Objects::open(&location, &self.trust)).transpose()
    }
}

/// Bounds of what a node holds and accepts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How far back a viewer can resume.
    pub window: Duration,
    /// Most bytes of all streams' windows together.
    pub ring_bytes: u64,
    /// Most bytes of one group; a longer one loses its start, and joiners wait for the next keyframe.
    pub group_bytes: u64,
    /// Most streams taken in at once.
    pub streams: u32,
    /// Most viewers served at once; an eighth more of those that come from a node that failed them.
    pub viewers: u32,
    /// Most of them from one address (or IPv6 /64); nine tenths of [`Self::viewers`] if not given.
    pub viewers_per_address: Option<u32>,
    /// Most bytes sent per second: beyond, the node admits no new viewers. None learns a value, for placement only.
    pub egress_bytes_per_s: Option<u64>,
    /// Share of the processors, per mille, beyond which the node admits no new viewers; 1000 never refuses.
    pub cpu_permille: u16,
    /// Most other nodes that pull one stream from this one at once.
    pub relays: u32,
    /// Most streams one connection watches, and most it publishes.
    pub streams_per_socket: usize,
    /// Most connections at once, over all transports.
    pub sockets: u32,
    /// Most of them from one address. Besides, an address gets at most nine times as many as are free; that alone if not given.
    pub sockets_per_address: Option<u32>,
    /// Most bytes of one segment.
    pub segment_bytes: usize,
    /// Most bytes a second that one stream takes in, over time; a burst may be four times that.
    pub stream_bytes_per_s: u64,
    /// Most segments a second that one stream takes in, over time; a burst may be four times that.
    pub stream_segments_per_s: u64,
    /// How far a viewer may fall behind the closest it ever was to the live edge before it skips to the newest group.
    pub max_lag: Duration,
    /// How long an interrupted stream waits for its broadcaster before it is over.
    pub grace: Duration,
    /// How long a stream of another node is pulled after its last reader here left.
    pub linger: Duration,
    /// Most bytes of the library's blobs in memory.
    pub library_cache_bytes: u64,
    /// Most bytes of them on disk, where the object store is another machine; 0 for none.
    pub library_disk_cache_bytes: u64,
    /// Most answers with media of the library at once; an address gets at most nine times as many as are free.
    pub library_responses: u32,
    /// Most files of the library that are open at once, where the object store is a folder.
    pub library_open_files: u32,
    /// Requests a second of an address to the library and to what shows how the node is; ten times that at once.
    pub requests_per_address: u32,
    /// Most bytes of recordings that wait on the disk; beyond, the oldest are lost.
    pub spool_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            ring_bytes: 512 << 20,
            group_bytes: 32 << 20,
            streams: 200,
            viewers: 10_000,
            viewers_per_address: None,
            egress_bytes_per_s: None,
            cpu_permille: 900,
            relays: 16,
            streams_per_socket: 16,
            sockets: 20_000,
            sockets_per_address: None,
            segment_bytes: 8 << 20,
            stream_bytes_per_s: 8 << 20,
            stream_segments_per_s: 250,
            max_lag: Duration::from_secs(4),
            grace: Duration::from_secs(30),
            linger: Duration::from_secs(10),
            library_cache_bytes: 256 << 20,
            library_disk_cache_bytes: 10 << 30,
            library_responses: 2_048,
            library_open_files: 512,
            requests_per_address: 2_000,
            spool_bytes: 8 << 30,
        }
    }
}
