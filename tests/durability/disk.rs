//! While its disk takes nothing, a main server says so, and everything that needs no disk goes on.

use std::{
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use crate::server::{PATIENCE, Running, SECRET, answer, create, state, until_ready};

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
    let client = Client::new();
    let main_server = Running::main_server("127.0.0.1:0", folder.path());
    let url = main_server.url.clone();
    let _node = Running::node(&url);
    until_ready(&client, &url).await;
    let kept = create(&client, &url).await.unwrap().unwrap();

    let filler = folder.path().join("filler");
    fill(&filler);
    let deadline = Instant::now() + PATIENCE;
    let code = loop {
        match create(&client, &url).await.unwrap() {
            Err(code) => break code,
            // The log has room left from before.
            Ok(_) => assert!(Instant::now() < deadline, "the disk is full and nothing was refused"),
        }
    };
    assert_eq!(code, "store_unavailable");
    let readiness = async || answer(client.get(format!("{url}/readyz"))).await.unwrap();
    let (status, body) = readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(state(&client, &url, &kept).await, "created", "reading goes on");
    let (status, nodes) = answer(client.get(format!("{url}/api/nodes")).bearer_auth(SECRET)).await.unwrap();
    assert_eq!((status, nodes.as_array().unwrap().len()), (StatusCode::OK, 1), "heartbeats go on");
    let watch = client.post(format!("{url}{}/watch", kept.path)).json(&json!({}));
    assert_eq!(answer(watch).await.unwrap().0, StatusCode::OK, "viewers are let in");

    std::fs::remove_file(filler).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while readiness().await.0 != StatusCode::OK {
        assert!(Instant::now() < deadline, "there is room again");
        sleep(Duration::from_millis(50)).await;
    }
    let created = create(&client, &url).await.unwrap().unwrap();
    assert_eq!(state(&client, &url, &created).await, "created");
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
