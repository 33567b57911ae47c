//! The programs of one trial: a main server and its nodes, or the floor.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use protocol::{
    ErrorBody, ErrorCode,
    node::NodeInfo,
    stream::{CreateStream, StreamCreated, Visibility},
};

use crate::{
    enclosure::{Enclosure, Limits},
    error::{Context, Error, Result},
    forward_log,
    machine::Split,
    process::Program,
    record::{NodeCounters, Sample, TrialName, Writer},
    scenario::{Target, Trial},
    wire::{Entrance, Trust, get},
};

/// Timeout for a node to register with its main server.
const REGISTRATION_TIME: Duration = Duration::from_secs(20);

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The binary `undead`.
    pub undead: PathBuf,
    /// This binary, whose `floor` command is the floor.
    pub floor: PathBuf,
}

/// The servers of a trial.
pub struct Servers {
    // Dropped in this order: the nodes die before their enclosure is removed.
    /// The origin first; edges are added.
    nodes: Vec<Program>,
    enclosure: Enclosure,
    /// Process ids of the nodes.
    ids: Vec<u32>,
    main_server: Option<MainServer>,
    programs: Programs,
    cores: Vec<usize>,
    identity: Option<Identity>,
}

/// The certificate of a node with TLS.
struct Identity {
    folder: DataDirectory,
    trust: Trust,
}

struct MainServer {
    program: Program,
    http: reqwest::Client,
    secret: String,
    _data: DataDirectory,
}

/// The configuration of a trial's programs.
pub struct Setting<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Where the programs are.
    pub programs: &'a Programs,
    /// How CPU is limited.
    pub limits: &'a Limits,
    /// The cores of each program.
    pub split: &'a Split,
    /// Whether the node logs its forward times.
    pub forward_log: bool,
}

/// A temporary folder, removed on drop.
struct DataDirectory(PathBuf);

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files is harmless.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A stream that may be published.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its id.
    pub stream_id: String,
    /// The publish grant.
    pub grant: String,
    /// The node.
    pub entrance: Entrance,
}

impl Servers {
    /// Starts the programs of the trial, except its edges, and waits until each serves.
    ///
    /// # Errors
    /// [`Error::Program`], [`Error::Limit`], [`Error::Io`].
    pub fn start(setting: &Setting<'_>, writer: &Writer) -> Result<Self> {
        let Setting { trial, programs, limits, split, forward_log } = *setting;
        let name = TrialName::from(trial);
        let enclosure = Enclosure::new(limits, trial.cell.cpus)?;
        let log = |program: &str| writer.log_path(&name, program);
        let mut servers = Self {
            nodes: Vec::new(),
            enclosure,
            ids: Vec::new(),
            main_server: None,
            programs: programs.clone(),
            cores: split.node.clone(),
            identity: trial.cell.tls.then(Identity::new).transpose()?,
        };
        match trial.target {
            Target::Floor => servers.start_floor(forward_log, &log("floor"))?,
            Target::Undead => {
                let secret = format!("perf-analysis-{}-{}", std::process::id(), started_ns());
                servers.main_server =
                    Some(MainServer::start(&programs.undead, secret, split, &log("main-server"))?);
                let filter = if forward_log { forward_log::FILTER } else { "warn" };
                servers.start_node("perf-node", filter, &log("cdn"))?;
            }
        }
        Ok(servers)
    }

    fn start_floor(&mut self, forward_log: bool, log: &Path) -> Result<()> {
        if let Enclosure::Container { .. } = self.enclosure {
            // The image contains only the node.
            let message = "the floor cannot run in the node's container: set floor = false";
            return Err(Error::Limit(message.into()));
        }
        let mut command = self.enclosure.command(&self.programs.floor, &[]);
        command.args(["floor", "--listen", "127.0.0.1:0"]);
        if !forward_log {
            command.arg("--quiet");
        }
        if let Some(identity) = &self.identity {
            command.arg("--tls-dir").arg(&identity.folder.0);
        }
        self.keep(Program::start("floor", command, &self.cores, log)?)
    }

    fn start_node(&mut self, hostname: &str, filter: &str, log: &Path) -> Result<()> {
        let Some(main_server) = &self.main_server else { return Ok(()) };
        let environment = [
            ("UNDEAD_CLUSTER_SECRET", main_server.secret.as_str()),
            ("UNDEAD_LOG", filter),
            ("UNDEAD_LOG_FORMAT", "json"),
            // A trial measures the behaviour at the limit, so the node must not refuse viewers before it.
            ("UNDEAD_MAX_CPU", "100"),
        ];
        let mut command = self.enclosure.command(&self.programs.undead, &environment);
        command.args(["cdn", "--listen", "127.0.0.1:0", "--hostname", hostname, "--main-server"]);
        command.arg(main_server.program.url());
        if let Some(identity) = &self.identity {
            command.args(["--tls", "self-signed", "--tls-dir"]).arg(&identity.folder.0);
        }
        self.keep(Program::start(hostname, command, &self.cores, log)?)
    }

    fn keep(&mut self, node: Program) -> Result<()> {
        self.ids.push(self.enclosure.inner_id(node.id())?);
        self.nodes.push(node);
        Ok(())
    }

    /// Starts the edges of `trial`. Called after its streams were admitted, so that none of them is placed on
    /// an edge.
    ///
    /// # Errors
    /// [`Error::Program`], also if they do not register in time.
    pub async fn add_edges(&mut self, trial: &Trial) -> Result<()> {
        if trial.cell.edges == 0 {
            return Ok(());
        }
        if let Enclosure::Container { .. } = self.enclosure {
            return Err(Error::Limit("edges cannot run in the origin's container: set edges = 0".into()));
        }
        for number in 1..=trial.cell.edges {
            let hostname = format!("perf-edge-{number}");
            let file = self.node_log().file_name().unwrap_or_default().to_string_lossy();
            let log = self.node_log().with_file_name(file.replace("cdn", &hostname));
            self.start_node(&hostname, "warn", &log)?;
        }
        match &self.main_server {
            Some(main_server) => main_server.has_registered(self.nodes.len()).await,
            None => Ok(()),
        }
    }

    /// The addresses for viewers, in rotation: the edges, if there are any.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a node's URL is invalid.
    pub async fn entrances(&self) -> Result<Vec<Entrance>> {
        let first_edge = usize::from(self.nodes.len() > 1);
        let mut entrances = Vec::new();
        for node in &self.nodes[first_edge..] {
            entrances.push(self.entrance(node.url()).await?);
        }
        Ok(entrances)
    }

    async fn entrance(&self, url: &str) -> Result<Entrance> {
        let trust = self.identity.as_ref().map(|identity| identity.trust.clone());
        Ok(Entrance { trust, ..resolve(url).await? })
    }

    /// Where the origin's log is.
    pub fn node_log(&self) -> &Path {
        self.nodes[0].log()
    }

    /// Checks that all programs still run.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn check(&mut self) -> Result<()> {
        if let Some(main_server) = &mut self.main_server {
            main_server.program.check()?;
        }
        self.nodes.iter_mut().try_for_each(Program::check)
    }

    /// Limits the node to `cpus` cores from now on.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn limit(&self, cpus: f64) -> Result<()> {
        self.enclosure.limit(cpus)
    }

    /// Gets permission to publish one stream.
    ///
    /// # Errors
    /// [`Error::Program`] if the main server refuses, or no node has registered in time.
    pub async fn admit(&self, number: u32) -> Result<Admission> {
        let (stream_id, grant, url) = match &self.main_server {
            None => (format!("{number:032x}"), String::new(), self.nodes[0].url().to_owned()),
            Some(main_server) => {
                let created = main_server.create_stream(&format!("perf {number}")).await?;
                let node = created.publish.nodes.first().map(|node| node.public_url.clone());
                let node = node.ok_or_else(|| main_server.refused("it named no node".into()))?;
                (created.stream_id.to_string(), created.publish.grant, node)
            }
        };
        Ok(Admission { stream_id, grant, entrance: self.entrance(&url).await? })
    }

    /// Resident memory of all nodes, bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn rss_bytes(&self) -> Result<u64> {
        self.ids.iter().map(|&id| rss_bytes(id)).sum()
    }

    /// The counters of each node, by metric; empty for the floor, which has none.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Protocol`] if a node does not answer.
    pub async fn counters(&self) -> Result<Vec<NodeCounters>> {
        if self.main_server.is_none() {
            return Ok(Vec::new());
        }
        let mut counters = Vec::new();
        for node in &self.nodes {
            let text = get(&self.entrance(node.url()).await?, "/metrics").await?;
            counters.push(NodeCounters { hostname: node.name().into(), counted: parse_metrics(&text) });
        }
        Ok(counters)
    }

    /// The node's counters now; the caller adds those that the node does not know.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sample(&self) -> Result<Sample> {
        let usage = self.enclosure.usage(&self.ids)?;
        Ok(Sample {
            t_us: 0,
            cpu_us: usage.cpu_us.unwrap_or(0),
            periods: usage.periods,
            throttled_periods: usage.throttled_periods,
            throttled_us: usage.throttled_us,
            rss_bytes: self.rss_bytes()?,
            sockets: self.ids.iter().map(|&id| count_sockets(id)).sum::<Result<u64>>()?,
            generator_cpu_us: 0,
            machine_busy_us: 0,
            machine_stolen_us: 0,
            delivered_bytes: 0,
        })
    }
}

impl DataDirectory {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("undead-perf-{}-{}", std::process::id(), started_ns()));
        fs::create_dir_all(&path).context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Identity {
    fn new() -> Result<Self> {
        let folder = DataDirectory::new()?;
        let mode = tls::Mode::SelfSigned { folder: folder.0.clone(), names: Vec::new() };
        tls::Server::open(mode, &[]).map_err(|error| Error::Protocol(error.to_string()))?;
        let trust = Trust::only(&folder.0.join("certificate.pem"))?;
        Ok(Self { folder, trust })
    }
}

impl MainServer {
    fn start(undead: &Path, secret: String, split: &Split, log: &Path) -> Result<Self> {
        let data = DataDirectory::new()?;
        let mut command = std::process::Command::new(undead);
        command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data.0);
        command.env("UNDEAD_CLUSTER_SECRET", &secret).env("UNDEAD_LOG", "warn");
        let program = Program::start("main-server", command, &split.generator, log)?;
        let http = tls::http_client().build().map_err(std::io::Error::other);
        let http = http.context(|| "making an HTTP client".into())?;
        Ok(Self { program, http, secret, _data: data })
    }

    /// Repeats the request until a node has registered.
    async fn create_stream(&self, title: &str) -> Result<StreamCreated> {
        let url = format!("{}/api/streams", self.program.url());
        let body = CreateStream {
            title: title.into(),
            visibility: Visibility::Public,
            passphrase: None,
            invitation_only: false,
            record: false,
        };
        let deadline = Instant::now() + REGISTRATION_TIME;
        loop {
            let failed = |error: reqwest::Error| self.refused(error.to_string());
            let answer = self.http.post(&url).json(&body).send().await.map_err(failed)?;
            if answer.status().is_success() {
                return answer.json().await.map_err(failed);
            }
            let refusal: ErrorBody = answer.json().await.map_err(failed)?;
            if refusal.error.code != ErrorCode::NoNodeAvailable || Instant::now() > deadline {
                return Err(self.refused(format!("POST /api/streams: {}", refusal.error)));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `nodes` nodes have registered.
    async fn has_registered(&self, nodes: usize) -> Result<()> {
        let url = format!("{}/api/nodes", self.program.url());
        let deadline = Instant::now() + REGISTRATION_TIME;
        loop {
            let failed = |error: reqwest::Error| self.refused(error.to_string());
            let answer = self.http.get(&url).bearer_auth(&self.secret).send().await.map_err(failed)?;
            let known: Vec<NodeInfo> = answer.json().await.map_err(failed)?;
            if known.len() >= nodes {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.refused(format!("{} of {nodes} nodes registered in time", known.len())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn refused(&self, message: String) -> Error {
        Error::Program { program: "main-server".into(), message }
    }
}

fn started_ns() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

pub(crate) fn rss_bytes(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    let status = fs::read_to_string(&path).context(|| format!("reading {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    let kib = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    Ok(kib * 1024)
}

/// The samples of a Prometheus text by name, labels included, without the node's prefix.
fn parse_metrics(text: &str) -> BTreeMap<String, u64> {
    let sample = |line: &str| {
        let (name, value) = line.strip_prefix("undead_cdn_")?.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse::<f64>().ok()? as u64))
    };
    text.lines().filter_map(sample).collect()
}

/// The IPv4 address and path of `url`; our servers listen on 127.0.0.1.
pub(crate) async fn resolve(url: &str) -> Result<Entrance> {
    let unusable = || Error::Protocol(format!("{url} is not an http or https URL with a port"));
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).ok_or_else(unusable)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut addresses = tokio::net::lookup_host(host).await.context(|| format!("resolving {host}"))?;
    let address = addresses.find(SocketAddr::is_ipv4).ok_or_else(unusable)?;
    Ok(Entrance { address, path: path.trim_end_matches('/').to_owned(), trust: None })
}

fn count_sockets(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/fd");
    let descriptors = fs::read_dir(&path).context(|| format!("reading {path}"))?;
    let is_socket = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    Ok(descriptors.flatten().filter(is_socket).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_name_with_their_labels() {
        let text =
            "# HELP undead_cdn_a_total A.\nundead_cdn_a_total 3\nundead_cdn_b{transport=\"ws\"} 7\nother 1\n";
        let expected = [("a_total".to_owned(), 3), ("b{transport=\"ws\"}".to_owned(), 7)];
        assert_eq!(parse_metrics(text), expected.into());
    }
}
