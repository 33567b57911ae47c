//! How the control plane is set up, alone or with nodes in the same process.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use main_server::{AccountLimits, Config, Engine, FrameAncestors, Limits, NatsAccess, Thresholds};
use placement::{BroadcasterPolicy, ViewerPolicy};
use protocol::{account::Broadcast, item::RecordPolicy};
use tls::Identity;

use super::{
    Contradiction, LibraryOptions, ServerOptions, TrustOptions,
    jobs::JobOptions,
    parties::PartyOptions,
    units::{Bytes, Millis},
    uploads::UploadOptions,
    values,
};
use crate::failure::Failure;

/// Shortest lease where several main servers share a store: one that no longer hears the others notices it after 2.2 s.
const SHORTEST_SHARED_LEASE: Duration = Duration::from_secs(3);

/// Where a main server keeps what lasts.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreOptions {
    /// Folder for keys, the cluster secret and the catalogue; created if missing. With sqlite one process at a time may use it
    #[arg(long, default_value = "data", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,
    /// Where streams and nodes are stored: sqlite (a file in the data folder), or nats://host:port or tls://host:port, several separated by commas
    #[arg(long, default_value = "sqlite", value_name = "STORE", hide_env_values = true, value_parser = engine)]
    pub(crate) store: Engine,
    /// PEM file with the certificate that NATS servers ask for, and its chain; with nats_key
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_cert: Option<PathBuf>,
    /// PEM file with the private key of nats_cert
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_key: Option<PathBuf>,
    /// Credentials file (.creds) of a NATS user
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_credentials: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
}

impl StoreOptions {
    /// Checks the rules between options.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        Contradiction::unless(
            given(&self.nats_cert).is_some() == given(&self.nats_key).is_some(),
            &["nats_cert", "nats_key"],
            "nats_cert and nats_key belong together",
        )
    }

    /// The engine, with everything that it takes to reach it; reads files.
    ///
    /// # Errors
    /// [`Failure::Config`] names a file that cannot be used and what is wrong with it.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        // A file that cannot be used is reported with every store.
        let trust = self.trust.load()?;
        let Engine::Nats(servers, _) = &self.store else { return Ok(self.store.clone()) };
        let identity = given(&self.nats_cert).zip(given(&self.nats_key));
        let identity = identity.map(|(cert, key)| Identity::load(cert, key)).transpose();
        let identity = identity.map_err(Failure::config("NATS client certificate"))?;
        let credentials = given(&self.nats_credentials).map(|file| {
            let context = format!("NATS credentials file {}", file.display());
            std::fs::read_to_string(file).map_err(Failure::config(context))
        });
        let access = NatsAccess::new(trust, identity, credentials.transpose()?);
        Ok(Engine::Nats(servers.clone(), access.map_err(Failure::Config)?))
    }
}

/// An empty name counts as not given.
fn given(file: &Option<PathBuf>) -> Option<&Path> {
    file.as_deref().filter(|file| !file.as_os_str().is_empty())
}

fn engine(text: &str) -> Result<Engine, String> {
    text.parse()
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Main server")]
pub(crate) struct MainServerOptions {
    /// Where a new stream goes: to the node with the fewest streams, or to the one with most of its limit left
    #[arg(long, value_name = "POLICY", default_value = "fewest-streams", value_parser = broadcaster_policy())]
    pub(crate) place_broadcasters: BroadcasterPolicy,
    /// Where a viewer goes: to a node that has the stream and headroom, or to the one with most of its limit left
    #[arg(long, value_name = "POLICY", default_value = "carriers-first", value_parser = viewer_policy())]
    pub(crate) place_viewers: ViewerPolicy,
    /// Seconds for which fewer nodes must suffice before the scaling signal wants fewer
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(..=2_592_000))]
    pub(crate) scale_down_after: u64,
    /// Percent full, with one node lost, above which the scaling signal wants more nodes
    #[arg(long, value_name = "PERCENT", default_value_t = Thresholds::default().full, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) scale_up_above: u8,
    /// Percent full, with one node lost, that the signal then aims at; less than scale_up_above
    #[arg(long, value_name = "PERCENT", default_value_t = Thresholds::default().aim, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) scale_aim: u8,
    /// Percent full, with one node lost and fewer nodes, up to which the signal wants fewer; less than scale_aim
    #[arg(long, value_name = "PERCENT", default_value_t = Thresholds::default().spare, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) scale_down_below: u8,
    /// Milliseconds between two heartbeats of a node
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().heartbeat))]
    pub(crate) heartbeat_ms: Millis,
    /// Milliseconds after its last heartbeat for which a node gets clients; more than heartbeat_ms, and at least 3000 with a NATS store
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().lease))]
    pub(crate) lease_ms: Millis,
    /// Days after which the key that signs grants is replaced; 0 for never
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=36_500))]
    pub(crate) grant_key_age_days: u64,
    /// Milliseconds that a created stream waits for its first media
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().first_media))]
    pub(crate) first_media_ms: Millis,
    /// Milliseconds for which an ended stream is known by its id
    #[arg(long, value_name = "MS", default_value_t = Millis(defaults().remember_ended))]
    pub(crate) remember_ended_ms: Millis,
    /// Most streams of the cluster that are not over
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().streams)]
    pub(crate) max_cluster_streams: usize,
    /// Most streams that were created and have no media yet; beyond that the client with the most of them loses its oldest
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().waiting_streams)]
    pub(crate) max_waiting_streams: usize,
    /// Most streams that are not over and that one address (or IPv6 /64) created at this server; nine times as many as there is room for if not set
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_streams_per_address: Option<usize>,
    /// Most requests a second of one address to the pages and the API, on average; ten times that at once. Nodes are exempt
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().requests_per_address, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) requests_per_address: u32,
    /// Most attempts a second of one address at the passphrase or the invitations of one stream or item, on average and at once; further ones wait up to 5 s
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().passphrase_attempts_per_address, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) passphrase_attempts_per_address: u32,
    /// Most nodes of the cluster
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().nodes)]
    pub(crate) max_nodes: usize,
    /// Most open `GET /api/events` of one main server
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().event_listeners)]
    pub(crate) max_event_listeners: usize,
    /// Most of them from one address; nine times as many as are free if not set
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_event_listeners_per_address: Option<usize>,
    /// Most bytes of all preview pictures together
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(Limits::default().thumbnail_bytes as u64))]
    pub(crate) thumbnail_bytes: Bytes,
    /// Sites that may show /embed pages in a frame, such as `https://example.org`; `*` for all, `none` for none; several may be
    /// given
    #[arg(long, value_name = "SITE", value_delimiter = ',', default_value = "*", value_parser = values::frame_ancestor)]
    pub(crate) frame_ancestors: Vec<String>,
    /// Who may create streams: open (all clients), key (holders of a stream key or an account), or account (holders of an account)
    #[arg(long, value_name = "WHO", help_heading = "People", default_value = "open", value_parser = broadcast())]
    pub(crate) broadcast: Broadcast,
    /// Which streams are recorded into the library: off (none), ask (those whose broadcasters ask for it), or all
    #[arg(long, value_name = "WHICH", help_heading = "Library", default_value = "ask", value_parser = record())]
    pub(crate) record: RecordPolicy,
    /// Most accounts
    #[arg(long, value_name = "COUNT", help_heading = "People", default_value_t = AccountLimits::default().accounts)]
    pub(crate) max_accounts: usize,
    /// Most sessions of one account; one more ends the one that was not used for longest
    #[arg(long, value_name = "COUNT", help_heading = "People", default_value_t = AccountLimits::default().sessions)]
    pub(crate) max_sessions: usize,
    /// Most invitations of one stream
    #[arg(long, value_name = "COUNT", help_heading = "People", default_value_t = Limits::default().invitations)]
    pub(crate) max_invitations: usize,
    /// Most stream keys of one account
    #[arg(long, value_name = "COUNT", help_heading = "People", default_value_t = Limits::default().stream_keys)]
    pub(crate) max_stream_keys: usize,
    /// Milliseconds until a session ends that is not used
    #[arg(long, value_name = "MS", help_heading = "People", default_value_t = Millis(AccountLimits::default().session_idle))]
    pub(crate) session_idle_ms: Millis,
    /// Milliseconds until a session ends
    #[arg(long, value_name = "MS", help_heading = "People", default_value_t = Millis(AccountLimits::default().session_max))]
    pub(crate) session_max_ms: Millis,
    #[command(flatten)]
    pub(crate) library: LibraryOptions,
    #[command(flatten)]
    pub(crate) uploads: UploadOptions,
    #[command(flatten)]
    pub(crate) parties: PartyOptions,
    #[command(flatten)]
    pub(crate) jobs: JobOptions,
}

fn broadcast() -> impl TypedValueParser<Value = Broadcast> {
    PossibleValuesParser::new(["open", "key", "account"]).map(|name| match name.as_str() {
        "key" => Broadcast::Key,
        "account" => Broadcast::Account,
        _ => Broadcast::Open,
    })
}

fn record() -> impl TypedValueParser<Value = RecordPolicy> {
    PossibleValuesParser::new(["off", "ask", "all"]).map(|name| match name.as_str() {
        "off" => RecordPolicy::Off,
        "all" => RecordPolicy::All,
        _ => RecordPolicy::Ask,
    })
}

fn broadcaster_policy() -> impl TypedValueParser<Value = BroadcasterPolicy> {
    PossibleValuesParser::new(["fewest-streams", "least-egress"]).try_map(|name| name.parse())
}

fn viewer_policy() -> impl TypedValueParser<Value = ViewerPolicy> {
    PossibleValuesParser::new(["carriers-first", "least-egress"]).try_map(|name| name.parse())
}

fn defaults() -> Config {
    Config::new("")
}

impl MainServerOptions {
    /// Checks the rules between options, for a main server on `store`.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn check(&self, store: &StoreOptions, server: &ServerOptions) -> Result<(), Contradiction> {
        store.check()?;
        Contradiction::unless(
            self.heartbeat_ms.0 < self.lease_ms.0,
            &["lease_ms", "heartbeat_ms"],
            "lease_ms must be more than heartbeat_ms; otherwise leases expire between two heartbeats",
        )?;
        Contradiction::unless(
            !matches!(store.store, Engine::Nats(..)) || self.lease_ms.0 >= SHORTEST_SHARED_LEASE,
            &["lease_ms"],
            "lease_ms must be at least 3000 with a NATS store; otherwise leases expire before a main server knows that it \
             is cut off from the others",
        )?;
        Contradiction::unless(
            server.grace_ms.0 > self.heartbeat_ms.0,
            &["grace_ms", "heartbeat_ms"],
            "grace_ms must be more than heartbeat_ms; otherwise interrupted streams end between two heartbeats",
        )?;
        Contradiction::unless(
            self.scale_down_below < self.scale_aim && self.scale_aim < self.scale_up_above,
            &["scale_down_below", "scale_aim", "scale_up_above"],
            "scale_down_below, scale_aim and scale_up_above must increase in this order",
        )?;
        Contradiction::unless(
            FrameAncestors::new(&self.frame_ancestors).is_ok(),
            &["frame_ancestors"],
            "`none` cannot be combined with other sites",
        )
    }

    /// Puts the options into a main server's configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.placement.broadcasters = self.place_broadcasters;
        config.placement.viewers = self.place_viewers;
        config.scaling =
            Thresholds { full: self.scale_up_above, aim: self.scale_aim, spare: self.scale_down_below };
        config.scale_down_after = Duration::from_secs(self.scale_down_after);
        config.heartbeat = self.heartbeat_ms.0;
        config.lease = self.lease_ms.0;
        config.grant_key_age =
            (self.grant_key_age_days > 0).then(|| Duration::from_secs(self.grant_key_age_days * 86_400));
        config.first_media = self.first_media_ms.0;
        config.remember_ended = self.remember_ended_ms.0;
        config.frame_ancestors =
            FrameAncestors::new(&self.frame_ancestors).expect("check() has refused other lists");
        config.limits = Limits {
            streams: self.max_cluster_streams,
            waiting_streams: self.max_waiting_streams,
            streams_per_address: self.max_streams_per_address,
            requests_per_address: self.requests_per_address,
            passphrase_attempts_per_address: self.passphrase_attempts_per_address,
            nodes: self.max_nodes,
            event_listeners: self.max_event_listeners,
            event_listeners_per_address: self.max_event_listeners_per_address,
            thumbnail_bytes: self.thumbnail_bytes.len(),
            invitations: self.max_invitations,
            stream_keys: self.max_stream_keys,
        };
        config.broadcast = self.broadcast;
        config.record = self.record;
        config.library = self.library.limits();
        config.accounts = AccountLimits {
            accounts: self.max_accounts,
            sessions: self.max_sessions,
            session_idle: self.session_idle_ms.0,
            session_max: self.session_max_ms.0,
        };
        self.uploads.apply(config);
        self.parties.apply(config);
        self.jobs.apply(config);
    }
}
