//! The compared servers: a node, and nginx.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{NGINX, NODE, songs::Songs, stand_in::StandIn};
use crate::{
    enclosure::process_cpu_us,
    error::{Context, Error, Result},
    machine,
};

/// How long a server may take until it accepts connections.
const START_TIME: Duration = Duration::from_secs(20);

/// A running server; killed on drop.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    child: Child,
    /// None for nginx, which requires no grants.
    main_server: Option<StandIn>,
}

impl Contestant {
    /// A node, which reads the songs from their folder.
    pub(super) fn undead(program: &Path, songs: &Songs, cores: &[usize], out: &Path) -> Result<Self> {
        let main_server = StandIn::start(&songs.manifests)?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .args(["cdn", "--listen", &address.to_string()])
            .args(["--main-server", &format!("http://{}", main_server.address)])
            // All players share one address, so its limit must not apply.
            .args(["--library-requests-per-address", "1000000"])
            .arg("--objects")
            .arg(&songs.folder)
            .env("UNDEAD_CLUSTER_SECRET", "bench");
        let child = start(NODE, command, address, cores, out)?;
        let node = Self { name: NODE, address, child, main_server: Some(main_server) };
        let began = Instant::now();
        // It refuses grants until it is registered.
        while !is_ready(address).context(|| format!("asking {NODE}"))? {
            if began.elapsed() > START_TIME {
                return Err(Error::Program { program: NODE.into(), message: "does not register".into() });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(node)
    }

    /// nginx with the folder as its root, as one process without a log.
    pub(super) fn nginx(_: &Path, songs: &Songs, cores: &[usize], out: &Path) -> Result<Self> {
        let address = free_address()?;
        let folder = out.join("nginx");
        fs::create_dir_all(&folder).context(|| format!("making {}", folder.display()))?;
        let root = songs.folder.join("blobs");
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 8192; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=10000;\n\
             server {{ listen {address} backlog=4096; root {}; }} }}\n",
            root.display()
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).context(|| format!("writing {}", path.display()))?;
        let folder = fs::canonicalize(&folder).context(|| format!("finding {}", folder.display()))?;
        let program = if Path::new("/usr/sbin/nginx").is_file() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        let child = start(NGINX, command, address, cores, out)?;
        Ok(Self { name: NGINX, address, child, main_server: None })
    }

    /// The requests for the fragments of the song with this index, one after another.
    pub(super) fn requests(&self, songs: &Songs, song: usize) -> Result<Vec<Vec<u8>>> {
        let manifest = &songs.manifests[song];
        let grant = self.main_server.as_ref().map(|main_server| main_server.grant(manifest)).transpose()?;
        let hashes =
            manifest.takes.iter().flat_map(|take| &take.fragments).map(|fragment| &fragment.blob.hash);
        let path = |hash: &String| match &grant {
            Some(grant) => format!("/library/{}/blobs/{hash}?grant={grant}", manifest.item_id),
            None => format!("/{}/{hash}", &hash[..2]),
        };
        Ok(hashes
            .map(|hash| format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", path(hash)).into_bytes())
            .collect())
    }

    /// Processor time of its process so far, microseconds.
    pub(super) fn cpu_us(&self) -> Result<u64> {
        process_cpu_us(self.child.id())
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(
    name: &str,
    mut command: Command,
    address: SocketAddr,
    cores: &[usize],
    out: &Path,
) -> Result<Child> {
    let log = out.join(format!("{name}.log"));
    let file = fs::File::create(&log).context(|| format!("making {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    // A child inherits the cores of the starting thread.
    let spawned = thread::scope(|scope| {
        let starter = scope.spawn(|| {
            machine::pin(cores)?;
            command.spawn().context(|| format!("starting {name}"))
        });
        let panicked = || Error::Program { program: name.into(), message: "its starter panicked".into() };
        starter.join().unwrap_or_else(|_| Err(panicked()))
    });
    let (mut child, began) = (spawned?, Instant::now());
    while TcpStream::connect(address).is_err() {
        let has_ended = child.try_wait().is_ok_and(|status| status.is_some());
        if has_ended || began.elapsed() > START_TIME {
            let _ = child.kill();
            let message = format!("does not serve; its log is {}", log.display());
            return Err(Error::Program { program: name.into(), message });
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

/// Whether a node has received the state of its main server.
fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context(|| "finding a port".into())?;
    listener.local_addr().context(|| "finding a port".into())
}
