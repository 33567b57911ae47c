//! Everything that can be set, with its default.

use std::{path::PathBuf, time::Duration};

use objects::{Hash, Location};
use placement::Policies;
use protocol::{
    account::{Broadcast, JobPolicy, UploadPolicy},
    item::RecordPolicy,
};
use store::Engine;
use tls::Trust;

use crate::{auth::Secret, pages::FrameAncestors};

/// How a main server is set up. [`Config::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the store and the secrets are kept; made if missing.
    pub data_dir: PathBuf,
    /// Which engine keeps the store.
    pub engine: Engine,
    /// What lets a node into the cluster. Without one, it is read from `cluster_secret_file`, or made and kept there.
    pub cluster_secret: Option<Secret>,
    /// Where the cluster secret is kept, if not in the data folder: a place that nodes can read too.
    pub cluster_secret_file: Option<PathBuf>,
    /// Where the media of the library is kept; `objects` in the data folder.
    pub objects: Location,
    /// Where another copy of it is kept, from which damaged blobs are repaired. Nothing is written there.
    pub objects_copy: Option<Location>,
    /// How long a blob that no item names is kept, and again until it is deleted for good; 24 h.
    pub gc_grace: Duration,
    /// Which certificates of other servers are accepted; those of the system's authorities.
    pub trust: Trust,
    /// How often nodes send a heartbeat; 1 s.
    pub heartbeat: Duration,
    /// How long a node may be chosen after its last heartbeat; 3 s.
    pub lease: Duration,
    /// How long an interrupted stream may come back before it ends; 30 s.
    pub grace: Duration,
    /// How long a created stream waits for its first media; 60 s.
    pub first_media: Duration,
    /// How long an ended stream is known by its id; 5 min.
    pub remember_ended: Duration,
    /// How long fewer nodes have to do before `GET /api/scaling` wants fewer; 2 min.
    pub scale_down_after: Duration,
    /// How full nodes may be before `GET /api/scaling` wants more, or fewer.
    pub scaling: Thresholds,
    /// How old a key that signs grants becomes before another one replaces it; never if none; 30 days.
    pub grant_key_age: Option<Duration>,
    /// How nodes are chosen.
    pub placement: Policies,
    /// What arrives from the network and may pile up.
    pub limits: Limits,
    /// Bounds of accounts and their sessions.
    pub accounts: AccountLimits,
    /// Bounds of the library, and how long it keeps items.
    pub library: LibraryLimits,
    /// Who may create streams; everybody.
    pub broadcast: Broadcast,
    /// Which streams are recorded; those that ask for it.
    pub record: RecordPolicy,
    /// Sites that may show `/embed/…` in a frame; all of them.
    pub frame_ancestors: FrameAncestors,
    /// Who may upload files; holders of an account.
    pub upload: UploadPolicy,
    /// Bounds of uploads.
    pub uploads: UploadLimits,
    /// Bounds of parties.
    pub parties: PartyLimits,
    /// Who may start jobs, and how many.
    pub jobs: JobLimits,
}

/// Who may start jobs, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLimits {
    /// Who may; holders of an account.
    pub policy: JobPolicy,
    /// Unfinished jobs of one account; 4. Operators may start more.
    pub per_account: usize,
    /// Unfinished jobs of the cluster; 200. Every main server has their records in memory, less than 512 KiB each.
    pub unfinished: usize,
    /// Longest item that is separated into stems, or encoded again; 2 h.
    pub longest: Duration,
    /// Whether finished uploads and recordings are measured for their wave form and loudness, and get preview pictures.
    pub auto_waveform: bool,
    /// The model of all workers, by the hash of its file; the built-in separator if not set.
    pub stems_model: Option<Hash>,
}

impl Default for JobLimits {
    fn default() -> Self {
        Self {
            policy: JobPolicy::default(),
            per_account: 4,
            unfinished: 200,
            longest: Duration::from_secs(120 * 60),
            auto_waveform: true,
            stems_model: None,
        }
    }
}

/// Bounds of parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartyLimits {
    /// Parties; 5,000. Every main server has their records in memory, 512 KiB each at most.
    pub parties: usize,
    /// Those that one address (or IPv6 /64) made at this server; 3,000. Besides, an address gets at most nine times as many as are free.
    pub per_address: usize,
    /// Members of one party; 2,000, and never more.
    pub members: usize,
    /// Open event streams of members at this server; 10,000. An address gets at most nine times as many as are free.
    pub listeners: usize,
    /// How long a party is kept in which no member is present; 24 h.
    pub idle: Duration,
}

impl Default for PartyLimits {
    fn default() -> Self {
        Self {
            parties: 5_000,
            per_address: 3_000,
            members: 2_000,
            listeners: 10_000,
            idle: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Bounds of uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes of one file; 16 GiB.
    pub bytes: u64,
    /// How long an upload is kept without progress; 24 h.
    pub keep: Duration,
    /// Unfinished uploads of one account, and without an account of one address (or IPv6 /64); 20.
    pub per_address: usize,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self { bytes: 16 << 30, keep: Duration::from_secs(24 * 60 * 60), per_address: 20 }
    }
}

/// Most of what may pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams that are not over; 10,000.
    pub streams: usize,
    /// Streams that were created and that nothing has arrived for; 1,000. Beyond that the address (or IPv6 /64) with the
    /// most of them loses its oldest one.
    pub waiting_streams: usize,
    /// Streams that are not over and that one address (or IPv6 /64) created at this server. Besides, an address gets at most nine times
    /// as many as are free, here and on the nodes; that alone if not set.
    pub streams_per_address: Option<usize>,
    /// Requests a second of one address, on average; ten times that at once. 2,000. Nodes are exempt.
    pub requests_per_address: u32,
    /// Attempts a second of one address at the passphrase of one stream; 60.
    pub passphrase_attempts_per_address: u32,
    /// Known nodes; 10,000.
    pub nodes: usize,
    /// Open `GET /api/events`; 10,000.
    pub event_listeners: usize,
    /// Those of one address. Besides, an address gets at most nine times as many as are free; that alone if not set.
    pub event_listeners_per_address: Option<usize>,
    /// Bytes of all preview pictures together; 128 MiB.
    pub thumbnail_bytes: usize,
    /// Invitations of one stream; 100. All streams together have 100,000 at most.
    pub invitations: usize,
    /// Stream keys of one account; 50.
    pub stream_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            waiting_streams: 1_000,
            streams_per_address: None,
            requests_per_address: 2_000,
            passphrase_attempts_per_address: 60,
            nodes: 10_000,
            event_listeners: 10_000,
            event_listeners_per_address: None,
            thumbnail_bytes: 128 * 1024 * 1024,
            invitations: 100,
            stream_keys: 50,
        }
    }
}

/// When more or fewer nodes are wanted: percent full, with one node lost. Each must be less than the one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Fuller than this, and more are wanted; 80. It leaves a fifth for what arrives until they are there.
    pub full: u8,
    /// How full those that are wanted would be; 65.
    pub aim: u8,
    /// With fewer nodes the rest would have to be no fuller than this; 50.
    pub spare: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { full: 80, aim: 65, spare: 50 }
    }
}

/// Bounds of accounts and sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Accounts; 10,000.
    pub accounts: usize,
    /// Sessions of one account; 100. One more ends the one that was not used for longest.
    pub sessions: usize,
    /// How long a session lasts that is not used; 12 h.
    pub session_idle: Duration,
    /// How long a session lasts at most; 7 days.
    pub session_max: Duration,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            accounts: 10_000,
            sessions: 100,
            session_idle: Duration::from_secs(12 * 60 * 60),
            session_max: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// Bounds of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LibraryLimits {
    /// Items; 100,000. Every main server has their records in memory, less than 5 KiB each.
    pub items: usize,
    /// Bytes of all items together; 100 GiB.
    pub quota_bytes: u64,
    /// Bytes of the items of one account; as many as there is room for if not set.
    pub account_quota_bytes: Option<u64>,
    /// How long recordings and results of jobs are kept; for ever if not set.
    pub keep: Option<Duration>,
    /// How long a deleted item can be restored; 24 h.
    pub undo: Duration,
}

impl Default for LibraryLimits {
    fn default() -> Self {
        Self {
            items: 100_000,
            quota_bytes: 100 * 1024 * 1024 * 1024,
            account_quota_bytes: None,
            keep: None,
            undo: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Config {
    /// The defaults, with everything that lasts in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            objects: Location::Folder(data_dir.join("objects")),
            objects_copy: None,
            gc_grace: Duration::from_secs(24 * 60 * 60),
            trust: Trust::default(),
            data_dir,
            engine: Engine::default(),
            cluster_secret: None,
            cluster_secret_file: None,
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(3),
            grace: Duration::from_secs(30),
            first_media: Duration::from_secs(60),
            remember_ended: Duration::from_secs(5 * 60),
            scale_down_after: Duration::from_secs(2 * 60),
            scaling: Thresholds::default(),
            grant_key_age: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            placement: Policies::default(),
            limits: Limits::default(),
            accounts: AccountLimits::default(),
            library: LibraryLimits::default(),
            broadcast: Broadcast::default(),
            record: RecordPolicy::default(),
            frame_ancestors: FrameAncestors::default(),
            upload: UploadPolicy::default(),
            uploads: UploadLimits::default(),
            parties: PartyLimits::default(),
            jobs: JobLimits::default(),
        }
    }
}
