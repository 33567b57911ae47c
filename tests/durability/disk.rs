//! While its disk takes nothing, a main server says so, and everything that needs no disk goes on.

use std::{
    ffi::OsStr,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::server::{Created, Running, SECRET, TEST_TIMEOUT, answer, create, state, until_ready};

/// A file system in memory, mounted for as long as this lives.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(folder: &'a Path, options: &str) -> Self {
        let mount = ["-t", "tmpfs", "-o", options, "undead-test"];
        assert!(Command::new("mount").args(mount).arg(folder).status().unwrap().success());
        Self(folder)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    let is_root = id.stdout.trim_ascii() == b"0";
    if !is_root {
        println!("skipped: mounting a file system needs root");
    }
    is_root
}

fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    let mut size = 64 * 1024;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_only_what_has_to_be_kept_is_refused_until_there_is_room_again_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::new(folder.path(), "size=1m");
    let client = tls_harness::client();
    let main_server = Running::main_server("127.0.0.1:0", folder.path());
    let url = main_server.url.clone();
    let _node = Running::node(&url);
    until_ready(&client, &url).await;
    let kept = create(&client, &url).await.unwrap().unwrap();

    let filler = folder.path().join("filler");
    fill(&filler);
    let deadline = Instant::now() + TEST_TIMEOUT;
    let code = loop {
        match create(&client, &url).await.unwrap() {
            Err(code) => break code,
            // The log has room left from before.
            Ok(_) => assert!(Instant::now() < deadline, "the disk is full and nothing was refused"),
        }
    };
    assert_eq!(code, "store_unavailable");
    assert!(!is_ready(&client, &url).await);
    what_needs_no_disk_goes_on(&client, &url, &kept).await;

    std::fs::remove_file(filler).unwrap();
    everything_works_again(&client, &url).await;
}

async fn is_ready(client: &Client, url: &str) -> bool {
    let (status, body) = answer(client.get(format!("{url}/readyz"))).await.unwrap();
    assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{status} {body}");
    status == StatusCode::OK
}

async fn what_needs_no_disk_goes_on(client: &Client, url: &str, kept: &Created) {
    assert_eq!(state(client, url, kept).await, "created", "reading goes on");
    let (status, nodes) = answer(client.get(format!("{url}/api/nodes")).bearer_auth(SECRET)).await.unwrap();
    assert_eq!((status, nodes.as_array().unwrap().len()), (StatusCode::OK, 1), "heartbeats go on");
    let watch = client.post(format!("{url}{}/watch", kept.path)).json(&json!({}));
    assert_eq!(answer(watch).await.unwrap().0, StatusCode::OK, "viewers are let in");
}

async fn everything_works_again(client: &Client, url: &str) -> Created {
    let deadline = Instant::now() + TEST_TIMEOUT;
    while !is_ready(client, url).await {
        assert!(Instant::now() < deadline, "the disk can be written again");
        sleep(Duration::from_millis(50)).await;
    }
    let created = create(client, url).await.unwrap().unwrap();
    assert_eq!(state(client, url, &created).await, "created");
    created
}

/// A file system on a disk of its own, which is a file.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// None where the machine allows no such thing.
    fn new() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.root()).unwrap();
        File::create(disk.image()).unwrap().set_len(16 << 20).unwrap();
        let is_made =
            run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), disk.image().as_ref()]) && disk.mount();
        if !is_made {
            println!("skipped: this machine does not mount ext4 from a file");
        }
        is_made.then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Where it is mounted.
    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn mount(&self) -> bool {
        run("mount", &["-o".as_ref(), "loop".as_ref(), self.image().as_ref(), self.root().as_ref()])
    }

    fn unmount(&self) -> bool {
        run("umount", &[self.root().as_ref()])
    }

    /// What the system does when the disk fails: nothing is written to it any more until it is mounted again.
    fn fail(&self) {
        assert!(run("mount", &["-o".as_ref(), "remount,abort".as_ref(), self.root().as_ref()]));
    }

    /// Has the store's files take no writes (`+i`), or take them again (`-i`).
    fn protect(&self, how: &str) {
        let file = |end| self.root().join(format!("main-server.sqlite3{end}"));
        assert!(run("chattr", &[how.as_ref(), file("").as_ref(), file("-wal").as_ref()]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn run(program: &str, arguments: &[&OsStr]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

async fn refuses_and_goes_on(client: &Client, url: &str, kept: &Created) {
    assert_eq!(create(client, url).await.unwrap().err().as_deref(), Some("store_unavailable"));
    // Longer than it takes to try a few times whether writing works.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(!is_ready(client, url).await, "it cannot be written yet");
        sleep(Duration::from_millis(50)).await;
    }
    what_needs_no_disk_goes_on(client, url, kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_turns_read_only_the_same_until_it_takes_writes_again_as_root() {
    if !is_root() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let client = tls_harness::client();
    let main_server = Running::main_server("127.0.0.1:0", &disk.root());
    let url = main_server.url.clone();
    let node = Running::node(&url);
    until_ready(&client, &url).await;
    let first = create(&client, &url).await.unwrap().unwrap();

    disk.protect("+i");
    refuses_and_goes_on(&client, &url, &first).await;
    disk.protect("-i");
    let second = everything_works_again(&client, &url).await;

    disk.fail();
    refuses_and_goes_on(&client, &url, &second).await;
    drop((main_server, node));
    assert!(disk.unmount() && disk.mount(), "the operator mounts it again");
    let main_server = Running::main_server("127.0.0.1:0", &disk.root());
    for stream in [&first, &second] {
        assert_eq!(state(&client, &main_server.url, stream).await, "created");
    }
}

#[test]
fn in_a_folder_that_takes_no_writes_a_main_server_says_so_at_its_start_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::new(folder.path(), "size=1m,ro");
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let output = command.env("UNDEAD_CLUSTER_SECRET", SECRET).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("Read-only file system") && said.contains(folder.path().to_str().unwrap()),
        "{said}"
    );
}

#[test]
fn on_a_disk_without_room_a_main_server_says_so_at_its_start_and_leaves_no_unfinished_file_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::new(folder.path(), "size=1m");
    let filler = folder.path().join("filler");
    fill(&filler);
    let start = |secret: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
        command.args(["main-server", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
        let output = command.env("UNDEAD_CLUSTER_SECRET", secret).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("no space left") && said.contains(folder.path().to_str().unwrap()), "{said}");
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        let unfinished: Vec<_> = files.filter(|file| file.extension() == Some(OsStr::new("new"))).collect();
        assert_eq!(unfinished, [] as [PathBuf; 0]);
    };
    // With each step there is room for a little more: the lock, the tables, the log, the secret.
    for free in [0, 4, 16, 40, 64, 80] {
        std::fs::OpenOptions::new()
            .write(true)
            .open(&filler)
            .unwrap()
            .set_len((1 << 20) - free * 1024)
            .unwrap();
        start("");
        start(SECRET);
    }
}
