//! A main server with one of its stores, as real processes: the main server on its own core, the store's
//! servers on the generator's.

use std::{
    fmt,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    enclosure::{Enclosure, Limits, process_cpu_us},
    error::{Context, Error, Result},
    generator::Generator,
    machine::{self, Split},
    process::Program,
    servers::{resolve, rss_bytes},
};

/// Timeout for starting the servers of a store.
const START_TIME: Duration = Duration::from_secs(20);
const SECRET: &str = "perf-analysis-control";

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(clap::ValueEnum)]
pub enum Engine {
    /// SQLite in the data folder.
    Sqlite,
    /// One NATS server with JetStream.
    Nats,
    /// A cluster of three.
    NatsCluster,
}

impl Engine {
    /// Number of store servers.
    pub(crate) fn servers(self) -> usize {
        match self {
            Self::Sqlite => 0,
            Self::Nats => 1,
            Self::NatsCluster => 3,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Nats => "nats",
            Self::NatsCluster => "nats-cluster",
        })
    }
}

/// The configuration of the programs.
pub struct Setting<'a> {
    /// The binary to measure.
    pub undead: &'a Path,
    /// The program `nats-server`.
    pub nats_server: &'a Path,
    /// The cores of each program.
    pub split: &'a Split,
    /// How the main server gets precedence over other programs on its core.
    pub limits: &'a Limits,
    /// Folder for logs and data.
    pub logs: &'a Path,
    /// Further options of the main server.
    pub options: &'a [&'a str],
}

impl<'a> Setting<'a> {
    /// On the cores and with the limits that `generator` reserved, without further options.
    pub(crate) fn beside(
        generator: &'a Generator,
        undead: &'a Path,
        nats_server: &'a Path,
        logs: &'a Path,
    ) -> Self {
        let Generator { split, limits, .. } = generator;
        Self { undead, nats_server, split, limits, logs, options: &[] }
    }

    /// Starts `engine` and a main server on it for `measure`, and deletes the main server's data afterwards.
    ///
    /// # Errors
    /// Those of [`Plant::start`] and `measure`; [`Error::Incomplete`] when interrupted.
    pub(crate) fn measure<T>(
        &self,
        engine: Engine,
        generator: &Generator,
        measure: impl AsyncFnOnce(&Plant) -> Result<T>,
    ) -> Result<T> {
        let measured = generator.run(async {
            let plant = Plant::start(engine, self).await?;
            measure(&plant).await
        })?;
        let data = self.data();
        fs::remove_dir_all(&data).context(|| format!("deleting {}", data.display()))?;
        Ok(measured)
    }

    /// The folder of the main server's data.
    fn data(&self) -> PathBuf {
        self.logs.join("data")
    }
}

/// Connections that the main server keeps: those of all nodes and viewers. Its default is a quarter of the
/// files that it may open, beyond which it closes connections of idle nodes.
const HTTP_CONNECTIONS: &str = "16384";

/// The running programs; killed on drop.
pub struct Plant {
    // Dropped in this order: the main server ends before its enclosure is removed.
    main_server: Program,
    _enclosure: Enclosure,
    store: Vec<StoreServer>,
    address: SocketAddr,
}

impl Plant {
    /// Starts `engine` and a main server on it.
    ///
    /// # Errors
    /// [`Error::Program`], [`Error::Limit`], [`Error::Io`].
    pub async fn start(engine: Engine, setting: &Setting<'_>) -> Result<Self> {
        let Setting { undead, nats_server, split, limits, logs, options } = *setting;
        let data = setting.data();
        fs::create_dir_all(&data).context(|| format!("making {}", data.display()))?;
        let store = StoreServer::start_all(engine.servers(), nats_server, split, logs)?;
        let enclosure = Enclosure::new(limits, 0.0)?;
        // All viewers share this machine's address.
        let environment = [
            ("UNDEAD_CLUSTER_SECRET", SECRET),
            ("UNDEAD_LOG", "warn"),
            ("UNDEAD_REQUESTS_PER_ADDRESS", "1000000"),
        ];
        let mut command = enclosure.command(undead, &environment);
        command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data);
        command.args(["--max-http-connections", HTTP_CONNECTIONS]).args(options);
        command.arg("--store").arg(StoreServer::store(&store));
        let main_server = Program::start("main-server", command, &split.node, &logs.join("main-server.log"))?;
        let address = resolve(main_server.url()).await?.address;
        Ok(Self { main_server, _enclosure: enclosure, store, address })
    }

    /// Where the main server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store's address for programs.
    pub(crate) fn store(&self) -> String {
        StoreServer::store(&self.store)
    }

    /// The cluster secret that nodes join with.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// Checks that all programs still run.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn check(&mut self) -> Result<()> {
        self.main_server.check()?;
        self.store.iter_mut().try_for_each(StoreServer::check)
    }

    /// CPU time of the main server.
    ///
    /// # Errors
    /// [`Error::Io`] if it is gone.
    pub fn cpu_us(&self) -> Result<u64> {
        process_cpu_us(self.main_server.id())
    }

    /// CPU time of the store's servers.
    ///
    /// # Errors
    /// [`Error::Io`] if one is gone.
    pub fn store_cpu_us(&self) -> Result<u64> {
        self.store.iter().map(|server| process_cpu_us(server.child.id())).sum()
    }

    /// Resident memory of the main server.
    ///
    /// # Errors
    /// [`Error::Io`] if it is gone.
    pub fn rss_bytes(&self) -> Result<u64> {
        rss_bytes(self.main_server.id())
    }
}

/// One NATS server; killed on drop.
pub(crate) struct StoreServer {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl StoreServer {
    /// Starts `servers` NATS servers, with logs and data in the folder `logs`, and waits until they listen.
    ///
    /// # Errors
    /// [`Error::Program`], [`Error::Io`].
    pub(crate) fn start_all(servers: usize, program: &Path, split: &Split, logs: &Path) -> Result<Vec<Self>> {
        let ports = free_ports(2 * servers)?;
        let (clients, routes) = ports.split_at(servers);
        let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        machine::pin(&split.generator)?;
        let mut started = Vec::new();
        for (number, (&port, route)) in clients.iter().zip(&all).enumerate() {
            let name = format!("nats-{number}");
            let log = logs.join(format!("{name}.log"));
            let file = File::create(&log).context(|| format!("making {}", log.display()))?;
            let mut command = Command::new(program);
            command.args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--name",
                &name,
                "--jetstream",
            ]);
            command.arg("--store_dir").arg(logs.join(&name));
            if servers > 1 {
                command.args(["--cluster_name", "perf", "--cluster", route, "--routes", &all.join(",")]);
            }
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
            let child = command.spawn().context(|| format!("starting {}", program.display()))?;
            started.push(Self { child, port, log });
        }
        started.iter_mut().try_for_each(Self::wait)?;
        Ok(started)
    }

    /// The store's address for programs; SQLite if there are no servers.
    pub(crate) fn store(servers: &[Self]) -> String {
        if servers.is_empty() {
            return "sqlite".into();
        }
        let url = |server: &Self| format!("nats://127.0.0.1:{}", server.port);
        servers.iter().map(url).collect::<Vec<_>>().join(",")
    }

    /// Waits until it listens.
    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIME;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            self.check()?;
            if Instant::now() > deadline {
                return Err(self.failed("does not listen".into()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context(|| "watching nats-server".into())? {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended by itself ({status})"))),
        }
    }

    fn failed(&self, what: String) -> Error {
        let message = format!("{what}; see {}", self.log.display());
        Error::Program { program: "nats-server".into(), message }
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that are free now; reserved together, so that they differ.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let finding = || "finding a free port".to_owned();
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(finding))
        .collect::<Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr().context(finding)?.port())).collect()
}
