//! The nginx and Caddy configurations of docs/reverse-proxy.md work, over TLS, at the root of a host and below a path: pages, assets, API,
//! events, nodes by WebSocket, and Socket.IO in all its transports. With two nodes under their own paths, and with `undead up`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod support;

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use futures_util::StreamExt;
use protocol::stream::{Assignment, StreamCreated};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tls::Trust;
use tls_harness::Authority;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use self::support::{DEADLINE, serve, undead};

/// The ports of the page's main server and nodes.
const DOCUMENTED: [&str; 3] = ["127.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1:5002"];
/// Responses to a long poll in which a new client waits for its namespace; pings may come first.
const POLLS: usize = 5;

/// Processes that end with the test, in a folder of their own.
struct Processes {
    folder: TempDir,
    running: Vec<Child>,
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Processes {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), running: Vec::new() }
    }

    /// Starts `undead` and gives its port.
    fn undead(&mut self, arguments: &[&str]) -> u16 {
        let log = self.folder.path().join(format!("log-{}", self.running.len()));
        let (child, url) =
            serve(undead(self.folder.path()).args(arguments).args(["--trusted-proxy", "127.0.0.1"]), &log);
        self.running.push(child);
        url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Starts nginx with `server`, as any user.
    fn nginx(&mut self, server: &str) {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .join(" ");
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log; events {{ }}\n\
             http {{ access_log off; {temporary}\n{server}\n}}"
        );
        let folder = self.folder.path();
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        self.running.push(command.env("PATH", path).spawn().unwrap());
    }

    /// Starts Caddy with `site`, without a port for its administration.
    fn caddy(&mut self, site: &str) {
        let folder = self.folder.path();
        let config = folder.join("Caddyfile");
        fs::write(&config, format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}"))
            .unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config);
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        self.running.push(command.stderr(File::create(folder.join("error.log")).unwrap()).spawn().unwrap());
    }
}

#[derive(Clone, Copy, Debug)]
enum Proxy {
    Nginx,
    Caddy,
}

/// The configuration of the page for `proxy`, at the root or below a path, with the ports and the certificate of this test.
fn documented(proxy: Proxy, below: bool, port: u16, servers: [u16; 3], authority: &Authority) -> String {
    let page = include_str!("../docs/reverse-proxy.md");
    let fence = match proxy {
        Proxy::Nginx => "```nginx\n",
        Proxy::Caddy => "```caddyfile\n",
    };
    let block = page.split(fence).nth(1 + usize::from(below)).unwrap().split("```").next().unwrap();
    let own = authority.issue(&["localhost"]).unwrap();
    let (cert, key) = (own.cert.display(), own.key.display());
    let host = if below { "example.org" } else { "live.example.org" };
    let mut here = match proxy {
        Proxy::Nginx => vec![
            ("listen 443 ssl;".to_owned(), format!("listen 127.0.0.1:{port} ssl;")),
            (format!("/etc/ssl/{host}.pem"), cert.to_string()),
            (format!("/etc/ssl/{host}.key"), key.to_string()),
        ],
        // The port is reserved for this address alone.
        Proxy::Caddy => vec![(
            format!("{host} {{"),
            format!("https://localhost:{port} {{\n    bind 127.0.0.1\n    tls {cert} {key}"),
        )],
    };
    here.extend(
        DOCUMENTED.iter().zip(servers).map(|(text, port)| ((*text).to_owned(), format!("127.0.0.1:{port}"))),
    );
    here.iter().fold(block.to_owned(), |config, (documented, here)| {
        assert!(config.contains(documented), "{documented} in {config}");
        config.replace(documented, here)
    })
}

/// The site behind a proxy, as a browser reaches it.
struct Site {
    processes: Processes,
    trust: Trust,
    client: Client,
    port: u16,
    prefix: &'static str,
    /// The paths of the nodes.
    nodes: &'static [&'static str],
}

impl Site {
    /// Puts `proxy` in front of a main server and two nodes, or of `undead up` with one.
    async fn open(proxy: Proxy, prefix: &'static str, separate: bool) -> Self {
        let (mut processes, authority) = (Processes::new(), Authority::new().unwrap());
        let port = port_harness::reserve().unwrap();
        let main_server = match separate {
            true => processes.undead(&["main-server"]),
            false => processes.undead(&["up", "--nodes", "1"]),
        };
        let nodes = ["cdn1", "cdn2"].map(|name| {
            let (main_server, path) = (format!("http://127.0.0.1:{main_server}"), format!("/{name}"));
            let node = ["cdn", "--main-server", &main_server, "--public-url", &path, "--hostname", name];
            if separate { processes.undead(&node) } else { main_server_port(&main_server) }
        });
        let servers = [main_server, nodes[0], nodes[1]];
        let config = documented(proxy, !prefix.is_empty(), port, servers, &authority);
        match proxy {
            Proxy::Nginx => processes.nginx(&config),
            Proxy::Caddy => processes.caddy(&config),
        }
        let trust = Trust::load(Some(&authority.file())).unwrap();
        let client = trust.http_client().no_proxy().build().unwrap();
        let nodes: &[&str] = if separate { &["/cdn1", "/cdn2"] } else { &["/cdn/a"] };
        let site = Self { processes, trust, client, port, prefix, nodes };
        site.until_ok("/healthz").await;
        for node in nodes {
            site.until_ok(&format!("{node}/readyz")).await;
        }
        site
    }

    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin(), self.prefix)
    }

    async fn until_ok(&self, path: &str) {
        let deadline = Instant::now() + DEADLINE;
        let url = self.url(path);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let errors =
                fs::read_to_string(self.processes.folder.path().join("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{url} in time; {errors}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Pages, and all files that they name.
    async fn check_pages(&self) {
        for page in ["/", "/live", "/view", "/view/8811d3bae631e8b5e26212edaf3e41eb"] {
            let text = self.client.get(self.url(page)).send().await.unwrap().text().await.unwrap();
            let named = text.split(['"']).filter(|part| part.starts_with('/')).map(str::to_owned);
            let named: Vec<_> = named.collect();
            assert!(!named.is_empty(), "{page}: {text}");
            for file in named {
                assert!(file.starts_with(&format!("{}/", self.prefix)), "{page}: {file}");
                let answer = self.client.get(format!("{}{file}", self.origin())).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{page}: {file}");
            }
        }
        for server in [""].iter().chain(self.nodes) {
            let metrics = self.url(&format!("{server}/metrics"));
            assert_eq!(
                self.client.get(&metrics).send().await.unwrap().status(),
                StatusCode::NOT_FOUND,
                "{metrics}"
            );
        }
    }

    async fn check_events(&self) {
        let mut events = self.client.get(self.url("/api/events")).send().await.unwrap();
        assert!(
            timeout(DEADLINE, events.chunk()).await.unwrap().unwrap().is_some(),
            "events are not held back"
        );
    }

    /// A stream, with every node by every transport.
    async fn check_nodes(&self) {
        let create = self.client.post(self.url("/api/streams")).json(&json!({ "title": "a" }));
        let created: StreamCreated = create.send().await.unwrap().json().await.unwrap();
        let id = created.stream_id;
        assert_eq!(created.watch_url, format!("{}/view/{id}", self.prefix));
        let Assignment { nodes, grant, .. } = created.publish;
        for node in nodes {
            let path = node.public_url;
            assert!(path.starts_with(&format!("{}/cdn", self.prefix)), "{path}");
            let opened = self.first_message(&format!("{path}/ws/{id}?grant={grant}")).await;
            assert!(opened.contains("\"error\""), "a publish grant does not let in: {opened}");
            let opened = self.first_message(&format!("{path}/socket.io/?EIO=4&transport=websocket")).await;
            assert!(opened.contains("\"sid\""), "{opened}");
            self.check_polling(&format!("{}{path}/socket.io/?EIO=4&transport=polling", self.origin())).await;
        }
    }

    /// The first message that a node sends over a WebSocket.
    async fn first_message(&self, path: &str) -> String {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let socket = self.trust.connect("localhost", socket).await.unwrap();
        let (mut socket, _) =
            client_async(format!("wss://localhost:{}{path}", self.port), socket).await.unwrap();
        match timeout(DEADLINE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Opens a Socket.IO session and joins its namespace, by long polling alone.
    async fn check_polling(&self, url: &str) {
        let opened = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
        let session = format!("{url}&sid={sid}");
        let posted = self.client.post(&session).body("40").send().await.unwrap();
        assert_eq!(posted.text().await.unwrap(), "ok");
        // A ping may come first, in a response of its own.
        for _ in 0..POLLS {
            let polled = self.client.get(&session).send().await.unwrap().text().await.unwrap();
            if polled.contains("40{\"sid\"") {
                return;
            }
            let posted = self.client.post(&session).body("3").send().await.unwrap();
            assert_eq!(posted.text().await.unwrap(), "ok", "{polled}");
        }
        panic!("{url}: the namespace was not joined");
    }
}

/// The port in a URL.
fn main_server_port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

async fn check(proxy: Proxy) {
    for prefix in ["", "/live-tv"] {
        for separate in [true, false] {
            let site = Site::open(proxy, prefix, separate).await;
            site.check_pages().await;
            site.check_events().await;
            site.check_nodes().await;
        }
    }
}

#[tokio::test]
async fn everything_works_behind_nginx_at_the_root_and_below_a_path() {
    check(Proxy::Nginx).await;
}

#[tokio::test]
async fn everything_works_behind_caddy_at_the_root_and_below_a_path() {
    check(Proxy::Caddy).await;
}

#[tokio::test]
async fn a_client_cannot_put_the_site_below_a_path() {
    for proxy in [Proxy::Nginx, Proxy::Caddy] {
        let site = Site::open(proxy, "", false).await;
        let create = site.client.post(site.url("/api/streams")).json(&json!({ "title": "a" }));
        let forged = create.header("x-forwarded-prefix", "/forged");
        let created: StreamCreated = forged.send().await.unwrap().json().await.unwrap();
        assert!(created.watch_url.starts_with("/view/"), "{proxy:?}: {}", created.watch_url);
    }
}

/// Whether the programs that the tests start are there: a missing one would look like a broken configuration.
#[test]
fn the_proxies_are_installed() {
    for program in ["/usr/sbin/nginx", "/usr/bin/caddy"] {
        assert!(Path::new(program).exists(), "{program}: run scripts/install-tools.sh");
    }
}
