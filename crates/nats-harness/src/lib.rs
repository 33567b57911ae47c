//! Real NATS servers for tests: one, or a cluster on loopback, each a process with its own folder.
//!
//! They are killed by their process id when the value is dropped. Needs `nats-server` 2.10 or newer: the one that
//! `scripts/install-tools.sh` installs, or another on the path.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Where `scripts/install-tools.sh` puts it, then on the path.
const PROGRAMS: [&str; 2] =
    [concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/nats-server/bin/nats-server"), "nats-server"];
/// The oldest version that is supported.
const OLDEST: (u32, u32) = (2, 10);
/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Whether there is a NATS server of a supported version to start.
pub fn is_installed() -> bool {
    program().is_some()
}

/// The program that starts one, if there is any.
pub fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| version(program).is_some_and(|version| version >= OLDEST))
}

/// Major and minor version of a program, if it is a NATS server.
fn version(program: &str) -> Option<(u32, u32)> {
    let asked = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(asked.stdout).ok()?;
    let mut numbers = said.trim().strip_prefix("nats-server: v")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// NATS servers with JetStream that run until this is dropped.
#[derive(Debug)]
pub struct Servers {
    servers: Vec<Server>,
    routes: String,
    /// Further arguments of each.
    arguments: Vec<OsString>,
    scheme: &'static str,
    _folder: TempDir,
}

/// The certificate of servers with TLS, and the authority whose certificates they demand of clients.
#[derive(Clone, Copy, Debug)]
pub struct Tls<'a> {
    /// The authority.
    pub ca: &'a Path,
    /// The servers' certificate.
    pub cert: &'a Path,
    /// Its key.
    pub key: &'a Path,
}

#[derive(Debug)]
struct Server {
    name: String,
    client: u16,
    route: u16,
    folder: PathBuf,
    process: Option<Child>,
}

impl Servers {
    /// Starts `count` servers and waits until they listen; more than one make a cluster. JetStream may still need some
    /// seconds to elect its leaders.
    ///
    /// # Errors
    /// If there is no `nats-server`, or one does not listen in time.
    pub fn start(count: usize) -> io::Result<Self> {
        Self::start_with(count, "nats", Vec::new())
    }

    /// The same with TLS, for clients with a certificate. [`Self::leader`] cannot ask them.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls(count: usize, tls: Tls<'_>) -> io::Result<Self> {
        let Tls { ca, cert, key } = tls;
        let files = [("--tlscacert", ca), ("--tlscert", cert), ("--tlskey", key)];
        let files = files.into_iter().flat_map(|(flag, file)| [flag.into(), file.into()]);
        Self::start_with(count, "tls", ["--tlsverify".into()].into_iter().chain(files).collect())
    }

    /// The same with further arguments of each server; `scheme` is that of the URLs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(count: usize, scheme: &'static str, arguments: Vec<OsString>) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ports = (0..2 * count).map(|_| port_harness::reserve()).collect::<Result<Vec<_>, _>>()?;
        let server = |(number, ports): (usize, &[u16])| Server {
            name: format!("nats-{number}"),
            client: ports[0],
            route: ports[1],
            folder: folder.path().join(format!("nats-{number}")),
            process: None,
        };
        let servers: Vec<_> = ports.chunks_exact(2).enumerate().map(server).collect();
        let routes: Vec<_> =
            servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.route)).collect();
        let routes = routes.join(",");
        let mut all = Self { servers, routes, arguments, scheme, _folder: folder };
        for number in 0..count {
            all.spawn(number)?;
        }
        for number in 0..count {
            all.wait_until_listening(number)?;
        }
        Ok(all)
    }

    /// `nats://…` or `tls://…` of every server, with commas between them.
    pub fn urls(&self) -> String {
        let url = |server: &Server| format!("{}://127.0.0.1:{}", self.scheme, server.client);
        let urls: Vec<_> = self.servers.iter().map(url).collect();
        urls.join(",")
    }

    /// The server that leads a JetStream stream now; `None` if no server reports a leader within two seconds.
    ///
    /// # Errors
    /// If no server can be asked.
    pub fn leader(&self, stream: &str) -> io::Result<Option<usize>> {
        let running = self.servers.iter().find(|server| server.process.is_some());
        let port = running.ok_or_else(|| io::Error::other("no server runs"))?.client;
        let answer = ask(port, &format!("$JS.API.STREAM.INFO.{stream}"))?;
        let name = answer.split("\"leader\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(self.servers.iter().position(|server| Some(server.name.as_str()) == name))
    }

    /// Kills server `number` (`SIGKILL`) and waits until it has ended. Its folder stays.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self, number: usize) -> io::Result<()> {
        if let Some(mut process) = self.servers[number].process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Suspends server `number` (`SIGSTOP`): its connections stay open, and it sends nothing more.
    ///
    /// # Errors
    /// If it does not run or cannot be stopped.
    pub fn hang(&self, number: usize) -> io::Result<()> {
        let process = self.servers[number].process.as_ref();
        let id = process.ok_or_else(|| io::Error::other("it does not run"))?.id().to_string();
        let is_done = Command::new("kill").args(["-STOP", &id]).status()?.success();
        is_done.then_some(()).ok_or_else(|| io::Error::other("it cannot be stopped"))
    }

    /// Starts a server that was killed again, on its old folder and ports.
    ///
    /// # Errors
    /// If it does not listen in time.
    pub fn restart(&mut self, number: usize) -> io::Result<()> {
        self.spawn(number)?;
        self.wait_until_listening(number)
    }

    fn spawn(&mut self, number: usize) -> io::Result<()> {
        let is_cluster = self.servers.len() > 1;
        let server = &mut self.servers[number];
        let missing = || io::Error::other("no nats-server: scripts/install-tools.sh installs it");
        let mut command = Command::new(program().ok_or_else(missing)?);
        command.args(["-a", "127.0.0.1", "-p", &server.client.to_string(), "-n", &server.name, "-js", "-sd"]);
        command.arg(&server.folder).arg("-l").arg(server.folder.with_extension("log"));
        command.args(&self.arguments);
        if is_cluster {
            let route = format!("nats://127.0.0.1:{}", server.route);
            command.args(["--cluster_name", "test", "--cluster", &route, "--routes", &self.routes]);
        }
        server.process = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
        Ok(())
    }

    fn wait_until_listening(&mut self, number: usize) -> io::Result<()> {
        let server = &mut self.servers[number];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.client));
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect_timeout(&address, POLL_INTERVAL).is_err() {
            let status =
                server.process.as_mut().and_then(|process| process.try_wait().transpose()).transpose()?;
            if status.is_some() || Instant::now() >= deadline {
                let log = std::fs::read_to_string(server.folder.with_extension("log")).unwrap_or_default();
                return Err(io::Error::other(format!("{} does not listen: {log}", server.name)));
            }
            sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for number in 0..self.servers.len() {
            // Nothing more can be done about one that cannot be killed.
            let _ = self.kill(number);
        }
    }
}

/// Sends a request in NATS's own protocol; the answer is empty if none arrives.
fn ask(port: u16, subject: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(ANSWER))?;
    write!(connection, "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer 0\r\n\r\n")?;
    let (mut reader, mut line) = (BufReader::new(connection), String::new());
    // The server's greeting, perhaps a ping, then the answer.
    for _ in 0..8 {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return Err(error),
        }
        if line.starts_with("MSG ") {
            let length = line.split_whitespace().last().and_then(|length| length.parse().ok());
            let mut answer = vec![0; length.ok_or_else(|| io::Error::other("an answer without a length"))?];
            reader.read_exact(&mut answer)?;
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
    Ok(String::new())
}
