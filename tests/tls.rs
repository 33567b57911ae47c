//! A server with TLS: what it prints, what it presents, and what it says to plain HTTP. The client is curl.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longest that anything here may take; what is awaited is always a condition.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `undead`.
struct Undead {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Drop for Undead {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Undead {
    fn start(command: &str, folder: &Path, flags: &[&str]) -> Self {
        let log = File::create(folder.join("log")).unwrap();
        let mut child = undead(command, folder, flags).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        Self { child, stdout, url: url.trim().to_owned() }
    }

    /// The line with the fingerprint, behind the link for the first operator.
    fn fingerprint(&mut self) -> String {
        let mut line = String::new();
        while !line.starts_with("certificate fingerprint (SHA-256): ") {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "no fingerprint");
        }
        line.trim().to_owned()
    }

    fn port(&self) -> &str {
        self.url.rsplit_once(':').unwrap().1
    }
}

fn undead(command: &str, folder: &Path, flags: &[&str]) -> Command {
    let mut undead = Command::new(env!("CARGO_BIN_EXE_undead"));
    undead.arg(command).args(flags).current_dir(folder);
    if !flags.contains(&"--listen") {
        undead.args(["--listen", "127.0.0.1:0"]);
    }
    undead
}

/// What curl prints; it trusts the certificate `ca` alone.
fn curl(ca: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]);
    let output = curl.arg("--cacert").arg(ca).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "{what}");
        sleep(Duration::from_millis(50));
    }
}

/// A certificate for `name` that is its own authority, and its key, as two files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(name: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.replace(name);
        files
    }

    /// As programs that renew certificates do.
    fn replace(&self, name: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        self.put("cert.pem", &certificate.pem());
        self.put("key.pem", &key.serialize_pem());
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path("new"), text).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flags(&self) -> [String; 6] {
        let path = |name| self.path(name).to_str().unwrap().to_owned();
        ["--tls", "files", "--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")].map(str::to_owned)
    }
}

#[test]
fn self_signed_server_prints_an_address_for_other_machines_and_the_fingerprint_of_a_kept_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("data/tls/certificate.pem");
    let flags = ["--listen", "0.0.0.0:0", "--tls", "self-signed", "--tls-names", "stream.example.org"];
    let mut first = Undead::start("up", folder.path(), &flags[..4]);
    assert!(first.url.starts_with("https://"), "{}", first.url);
    let fingerprint = first.fingerprint();
    assert_eq!(curl(&ca, &[&format!("{}/healthz", first.url)]).unwrap(), r#"{"status":"ok"}"#);
    let node = format!("https://localhost:{}/cdn/a/readyz", first.port());
    eventually("a node registers", || curl(&ca, &["--fail", &node]).ok());
    let version = ["--output", "/dev/null", "--write-out", "%{http_version}", &node];
    assert_eq!(curl(&ca, &version).unwrap(), "2");
    let metrics = curl(&ca, &[&format!("{}/metrics", first.url)]).unwrap();
    for metric in [
        "undead_streams",
        "undead_tls_handshakes_total{result=\"succeeded\"} ",
        "# TYPE undead_tls_handshakes_total counter",
        "# TYPE undead_tls_certificate_expiry_timestamp_seconds gauge",
    ] {
        assert!(metrics.contains(metric), "{metric} in {metrics}");
    }
    for versions in [["--tlsv1.3", "--tls-max", "1.3"], ["--tlsv1.2", "--tls-max", "1.2"]] {
        curl(&ca, &[&versions[..], &[&first.url]].concat()).unwrap();
    }
    let old = curl(&ca, &["--tlsv1.0", "--tls-max", "1.1", &first.url]);
    assert!(old.is_err(), "{old:?}");
    drop(first);
    let mut again = Undead::start("up", folder.path(), &flags[..4]);
    assert_eq!(again.fingerprint(), fingerprint);
    drop(again);
    let mut named = Undead::start("main-server", folder.path(), &flags);
    assert!(named.url.starts_with("https://stream.example.org:"), "{}", named.url);
    assert_ne!(named.fingerprint(), fingerprint, "it did not cover this name");
    let elsewhere = format!("stream.example.org:{}:127.0.0.1", named.port());
    curl(&ca, &["--resolve", &elsewhere, &named.url]).unwrap();
}

#[test]
fn changed_files_are_presented_without_a_restart_and_bad_ones_are_not() {
    let (folder, files) = (tempfile::tempdir().unwrap(), Files::new("one.example"));
    let flags = files.flags();
    let server = Undead::start("main-server", folder.path(), &flags.each_ref().map(String::as_str));
    assert!(server.url.starts_with("https://one.example:"), "{}", server.url);
    let get = |name: &str| {
        let address = format!("{name}:{}:127.0.0.1", server.port());
        curl(
            &files.path("cert.pem"),
            &["--resolve", &address, &format!("https://{name}:{}/healthz", server.port())],
        )
    };
    get("one.example").unwrap();
    let one = fs::read_to_string(files.path("cert.pem")).unwrap();
    files.put("cert.pem", "no certificate");
    eventually("the bad file is logged", || {
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        log.contains("cannot use the new TLS certificate").then_some(())
    });
    files.put("cert.pem", &one);
    get("one.example").unwrap();
    files.replace("two.example");
    eventually("the new certificate is presented", || get("two.example").ok());
}

#[test]
fn browsers_are_told_to_stay_with_a_trusted_certificate_and_not_with_a_self_signed_one() {
    let (folder, files) = (tempfile::tempdir().unwrap(), Files::new("localhost"));
    let own = folder.path().join("data/tls/certificate.pem");
    let strict = |flags: &[&str], ca: &Path| {
        let server = Undead::start("main-server", folder.path(), flags);
        let url = format!("https://localhost:{}/live", server.port());
        let head = curl(ca, &["--output", "/dev/null", "--dump-header", "-", &url]).unwrap();
        head.to_lowercase().contains("strict-transport-security: max-age=15552000")
    };
    assert!(strict(&files.flags().each_ref().map(String::as_str), &files.path("cert.pem")));
    assert!(!strict(&["--tls", "self-signed", "--tls-names", "localhost"], &own));
}

#[test]
fn plain_http_is_sent_to_https() {
    let (folder, files) = (tempfile::tempdir().unwrap(), Files::new("one.example"));
    let flags = files.flags();
    let redirect = port_harness::reserve().unwrap();
    let mut flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let text = format!("127.0.0.1:{redirect}");
    flags.extend(["--redirect-listen", &text]);
    let server = Undead::start("main-server", folder.path(), &flags);
    let location = |port: &str| {
        let url = format!("http://127.0.0.1:{port}/live?a=b");
        let ask = ["--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", &url];
        curl(&files.path("cert.pem"), &ask).unwrap()
    };
    let wanted = format!("308 https://127.0.0.1:{}/live?a=b", server.port());
    assert_eq!(location(server.port()), wanted);
    assert_eq!(location(&redirect.to_string()), wanted);
}

#[test]
fn wrong_certificates_end_the_program_with_status_2_and_the_reason() {
    let (folder, files) = (tempfile::tempdir().unwrap(), Files::new("one.example"));
    let refused = |flags: &[&str]| {
        let output = undead("main-server", folder.path(), flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let flags = files.flags();
    let flags = flags.each_ref().map(String::as_str);
    assert!(refused(&flags[..4]).contains("tls = files needs tls_cert and tls_key"));
    assert!(refused(&flags[2..]).contains("set tls = files"));
    assert!(refused(&["--redirect-listen", "127.0.0.1:0"]).contains("redirect_listen needs a port with TLS"));
    files.put("key.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    assert!(refused(&flags).contains("does not belong to the certificate"));
    fs::remove_file(files.path("cert.pem")).unwrap();
    assert!(refused(&flags).contains("cert.pem: No such file"));
}

/// Pebble, the ACME server that Let's Encrypt has for tests, with a DNS server that finds every name on this machine.
struct Authority {
    servers: [Child; 2],
    folder: TempDir,
    directory: String,
    management: String,
}

impl Drop for Authority {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Authority {
    /// It checks domains on `tls_port`.
    fn start(tls_port: u16) -> Self {
        let own = tls_harness::Authority::new().unwrap();
        let certificate = own.issue(&["localhost", "127.0.0.1"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(own.file(), folder.path().join("ca.pem")).unwrap();
        let [directory, management, dns, http] = [(); 4].map(|()| port_harness::reserve().unwrap());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{directory}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate.cert, "privateKey": certificate.key,
            "httpPort": http, "tlsPort": tls_port, "ocspResponderURL": "",
        }});
        let file = folder.path().join("config.json");
        fs::write(&file, config.to_string()).unwrap();
        let names = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", ""])
            .args(["-tlsalpn01", "", "-management", &format!("127.0.0.1:{http}")])
            .args(["-dns01", &format!("127.0.0.1:{dns}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble is installed by scripts/install-tools.sh");
        let log = File::create(folder.path().join("log")).unwrap();
        let pebble = Command::new("pebble")
            .args(["-dnsserver", &format!("127.0.0.1:{dns}"), "-config"])
            .arg(&file)
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let servers = [pebble, names];
        let directory = format!("https://127.0.0.1:{directory}/dir");
        let authority =
            Self { servers, folder, directory, management: format!("https://127.0.0.1:{management}") };
        eventually("the authority serves", || curl(&authority.ca(), &["--fail", &authority.directory]).ok());
        authority
    }

    /// What its own connections present.
    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A file in `folder` with what it issues from.
    fn root(&self, folder: &Path) -> PathBuf {
        let path = folder.join("root.pem");
        fs::write(&path, curl(&self.ca(), &[&format!("{}/roots/0", self.management)]).unwrap()).unwrap();
        path
    }
}

#[test]
fn acme_certificate_is_ordered_presented_and_kept() {
    let (folder, port) = (tempfile::tempdir().unwrap(), port_harness::reserve().unwrap());
    let authority = Authority::start(port);
    let (listen, directory) = (format!("127.0.0.1:{port}"), authority.directory.clone());
    let ca = folder.path().join("ca.pem");
    fs::copy(authority.ca(), &ca).unwrap();
    let flags = [
        &["--listen", &listen, "--tls", "acme", "--acme-domain", "live.example.org,www.example.org"][..],
        &["--acme-contact", "operator@example.org", "--acme-directory", &directory],
        &["--ca-file", ca.to_str().unwrap()],
    ];
    let server = Undead::start("main-server", folder.path(), &flags.concat());
    assert_eq!(server.url, format!("https://live.example.org:{port}"));
    let root = authority.root(folder.path());
    let get = |name: &str| {
        let (address, url) = (format!("{name}:{port}:127.0.0.1"), format!("https://{name}:{port}/healthz"));
        curl(&root, &["--resolve", &address, &url])
    };
    eventually("a certificate is presented", || get("live.example.org").ok());
    get("www.example.org").unwrap();
    drop(server);
    drop(authority);
    let _kept = Undead::start("main-server", folder.path(), &flags.concat());
    eventually("the kept certificate is presented without the authority", || get("live.example.org").ok());
    for entry in fs::read_dir(folder.path().join("data/tls")).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
