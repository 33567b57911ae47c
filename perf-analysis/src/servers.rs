//! The programs of one trial: a main server and a node, or the floor.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use protocol::{
    ErrorBody, ErrorCode,
    stream::{CreateStream, StreamCreated, Visibility},
};

use crate::{
    enclosure::{Enclosure, Limits},
    error::{Context, Error, Result},
    forward_log,
    machine::Split,
    process::Program,
    record::{Sample, TrialName, Writer},
    scenario::{Target, Trial},
};

/// How long a node may take to register with its main server.
const REGISTRATION_TIME: Duration = Duration::from_secs(20);
/// The Socket.IO endpoint under a node's URL, for a connection that starts as a WebSocket.
const SOCKET_PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The binary `undead`.
    pub undead: PathBuf,
    /// This binary, whose `floor` command is the floor.
    pub floor: PathBuf,
}

/// What a trial runs against.
pub struct Servers {
    // Dropped in this order: the node dies before its enclosure is removed.
    node: Program,
    enclosure: Enclosure,
    node_id: u32,
    main_server: Option<MainServer>,
}

struct MainServer {
    program: Program,
    http: reqwest::Client,
    _data: DataDirectory,
}

/// A folder of our own, removed on drop.
struct DataDirectory(PathBuf);

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files harms nobody.
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
    pub address: SocketAddr,
    /// The upgrade's path and query there.
    pub path: String,
}

impl Servers {
    /// Starts what `trial` needs and waits until each says that it serves.
    ///
    /// # Errors
    /// [`Error::Program`], [`Error::Limit`], [`Error::Io`].
    pub fn start(
        trial: &Trial,
        programs: &Programs,
        limits: &Limits,
        split: &Split,
        writer: &Writer,
    ) -> Result<Self> {
        let name = TrialName::from(trial);
        let own_id = std::process::id();
        let enclosure = Enclosure::new(limits, &format!("undead-perf-{own_id}"), trial.cell.cpus)?;
        let log = |program: &str| writer.log_path(&name, program);
        let (node, main_server) = match trial.target {
            Target::Floor => {
                let group = match &enclosure {
                    // The image holds the node alone, so the floor cannot run in it.
                    Enclosure::Container { .. } => {
                        return Err(Error::Limit(
                            "the floor cannot run in the node's container: set floor = false".into(),
                        ));
                    }
                    enclosure => enclosure,
                };
                let mut command = group.command(&programs.floor, &[]);
                command.args(["floor", "--listen", "127.0.0.1:0"]);
                (Program::start("floor", command, &split.node, &log("floor"))?, None)
            }
            Target::Undead => {
                let secret = format!("perf-analysis-{own_id}-{}", started_ns());
                let main_server = MainServer::start(&programs.undead, &secret, split, &log("main-server"))?;
                let environment = [
                    ("UNDEAD_CLUSTER_SECRET", secret.as_str()),
                    ("UNDEAD_LOG", forward_log::FILTER),
                    ("UNDEAD_LOG_FORMAT", "json"),
                ];
                let mut command = enclosure.command(&programs.undead, &environment);
                command.args(["cdn", "--listen", "127.0.0.1:0", "--hostname", "perf-node", "--main-server"]);
                // A trial wants to see what happens at the limit, not a node that turns viewers away before it.
                command.env("UNDEAD_MAX_CPU", "100");
                command.arg(main_server.program.url());
                (Program::start("cdn", command, &split.node, &log("cdn"))?, Some(main_server))
            }
        };
        let node_id = enclosure.inner_id(node.id())?;
        Ok(Self { node, enclosure, node_id, main_server })
    }

    /// Where the node's log is.
    pub fn node_log(&self) -> &Path {
        self.node.log()
    }

    /// Checks that all programs still run.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn check(&mut self) -> Result<()> {
        if let Some(main_server) = &mut self.main_server {
            main_server.program.check()?;
        }
        self.node.check()
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
            None => (format!("{number:032x}"), String::new(), self.node.url().to_owned()),
            Some(main_server) => {
                let created = main_server.create_stream(&format!("perf {number}")).await?;
                let node = created.publish.nodes.first().map(|node| node.public_url.clone());
                let node = node.ok_or_else(|| main_server.refused("it named no node".into()))?;
                (created.stream_id.to_string(), created.publish.grant, node)
            }
        };
        let (address, path) = resolve(&url).await?;
        Ok(Admission { stream_id, grant, address, path: format!("{path}{SOCKET_PATH}") })
    }

    /// Resident memory of the node, bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn rss_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.node_id);
        let status = fs::read_to_string(&path).context(|| format!("reading {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
        Ok(kib * 1024)
    }

    /// The node's counters now; the caller fills in what the node does not know.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sample(&self) -> Result<Sample> {
        let usage = self.enclosure.usage(self.node_id)?;
        Ok(Sample {
            t_us: 0,
            cpu_us: usage.cpu_us.unwrap_or(0),
            periods: usage.periods,
            throttled_periods: usage.throttled_periods,
            throttled_us: usage.throttled_us,
            rss_bytes: self.rss_bytes()?,
            sockets: count_sockets(self.node_id)?,
            generator_cpu_us: 0,
            machine_busy_us: 0,
            machine_stolen_us: 0,
            delivered_bytes: 0,
        })
    }
}

impl MainServer {
    fn start(undead: &Path, secret: &str, split: &Split, log: &Path) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("undead-perf-{}-{}", std::process::id(), started_ns()));
        fs::create_dir_all(&data).context(|| format!("making {}", data.display()))?;
        let data = DataDirectory(data);
        let mut command = std::process::Command::new(undead);
        command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data.0);
        command.env("UNDEAD_CLUSTER_SECRET", secret).env("UNDEAD_LOG", "warn");
        let program = Program::start("main-server", command, &split.generator, log)?;
        Ok(Self { program, http: reqwest::Client::new(), _data: data })
    }

    /// Asks until a node has registered.
    async fn create_stream(&self, title: &str) -> Result<StreamCreated> {
        let url = format!("{}/api/streams", self.program.url());
        let body = CreateStream { title: title.into(), visibility: Visibility::Public, passphrase: None };
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

    fn refused(&self, message: String) -> Error {
        Error::Program { program: "main-server".into(), message }
    }
}

fn started_ns() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

/// The IPv4 address and path of `url`; our servers listen on 127.0.0.1.
async fn resolve(url: &str) -> Result<(SocketAddr, String)> {
    let unusable = || Error::Protocol(format!("{url} is not an http URL with a port"));
    let rest = url.strip_prefix("http://").ok_or_else(unusable)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut addresses = tokio::net::lookup_host(host).await.context(|| format!("resolving {host}"))?;
    let address = addresses.find(SocketAddr::is_ipv4).ok_or_else(unusable)?;
    Ok((address, path.trim_end_matches('/').to_owned()))
}

fn count_sockets(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/fd");
    let descriptors = fs::read_dir(&path).context(|| format!("reading {path}"))?;
    let is_socket = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    Ok(descriptors.flatten().filter(is_socket).count() as u64)
}
