//! A tus client that others wrote (tuspy) uploads a large file while its connection is cut ten times: the item has every sample of the file,
//! and the main server's memory does not depend on the file's size. Needs `ffmpeg` and what `scripts/install-tools.sh` installs.
//!
//! The file has 64 MiB; `UPLOAD_MIB=1024 cargo test --release --test uploads` (`make uploads`) sends 1 GiB.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod cutting;
#[path = "../support/storage.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod storage;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod support;

use std::{
    env, fs,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use protocol::item::Manifest;
use serde_json::Value;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    cutting::Proxy,
    storage::{Place, Storage},
    support::{SECRET, serve, undead},
};

/// How often the connection is cut.
const CUTS: u64 = 10;
/// What the main server may need besides: parts and fragments on their way, and what the allocator keeps.
const MOST_GROWTH_KIB: u64 = 96 << 10;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// The most memory that it had, in KiB.
    fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Runs a program that has to succeed. Returns what it printed.
async fn run(command: &mut Command, limit: Duration) -> String {
    let ran = timeout(limit, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let ran = ran.expect("it ends").unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// The digest of the samples that ffmpeg decodes.
async fn samples(file: &Path, limit: Duration) -> String {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-f", "md5", "-"]);
    run(&mut ffmpeg, limit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_others_uploads_over_a_connection_that_is_cut_ten_times_and_memory_stays_flat() {
    check(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_with_media_in_s3() {
    check(Place::S3s).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn the_same_with_media_in_another_s3_and_records_in_nats() {
    check(Place::MotoAndNats).await;
}

async fn check(place: Place) {
    let mib: u64 = env::var("UPLOAD_MIB").map_or(64, |mib| mib.parse().unwrap());
    let limit = Duration::from_secs(120 + mib);
    let folder = tempfile::tempdir().unwrap();
    // Noise is not compressed: two bytes for each sample of 16 bits, on two channels that are different.
    let file = folder.path().join("noise.flac");
    let seconds = mib * 6;
    let channel = |seed| format!("anoisesrc=d={seconds}:r=44100:a=1:seed={seed}");
    let stereo = "amerge=inputs=2,aformat=channel_layouts=stereo:sample_fmts=s16";
    let noise = format!("{}[left];{}[right];[left][right]{stereo}", channel(1), channel(2));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &noise, "-compression_level", "0"])
        .arg(&file);
    run(&mut ffmpeg, limit).await;
    let bytes = fs::metadata(&file).unwrap().len();
    assert!(bytes >= mib << 20, "{bytes}");

    let storage = Storage::start(place, folder.path()).await;
    let mut command = undead(folder.path());
    command.args(["main-server", "--upload", "open"]).args(storage.store_arguments());
    storage.configure(&mut command);
    let (child, url) = serve(&mut command, &folder.path().join("log"));
    let server = Running(child);
    let client = tls_harness::client();
    client.get(format!("{url}/readyz")).send().await.unwrap();
    let before_kib = server.peak_kib();
    let cuts: Vec<u64> = (1..=CUTS).map(|cut| cut * bytes / (CUTS + 1)).collect();
    let proxy = Proxy::start(&url, cuts).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tuspy = Command::new("python3");
    tuspy
        .arg(root.join("tests/uploads/client.py"))
        .args([&format!("{}/api/uploads", proxy.url)])
        .arg(&file)
        .env("PYTHONPATH", root.join("target/python-clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let upload = run(&mut tuspy, limit).await;
    assert_eq!(proxy.cuts_left(), 0);

    let uploaded_kib = server.peak_kib() - before_kib;
    let head = client.head(upload.replace(&proxy.url, &url)).header("tus-resumable", "1.0.0");
    let head = head.send().await.unwrap();
    let item_id = head.headers()["undead-item"].to_str().unwrap().to_owned();
    let get = async |path: String| {
        let got = client.get(format!("{url}{path}")).bearer_auth(SECRET).send().await.unwrap();
        got.error_for_status().unwrap()
    };
    let item = async {
        loop {
            let item = client.get(format!("{url}/api/library/{item_id}")).send().await.unwrap();
            let item: Value = item.json().await.unwrap();
            if item["state"] != "processing" {
                return item;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let item = timeout(limit, item).await.expect("it is processed");
    assert_eq!((&item["state"], &item["error"]), (&"ready".into(), &Value::Null));
    let grown_kib = server.peak_kib() - before_kib;
    println!(
        "{mib} MiB: {bytes} bytes, peak memory {before_kib} KiB before, {uploaded_kib} KiB more once all was there, {grown_kib} KiB \
         more at the end"
    );
    assert!(grown_kib < MOST_GROWTH_KIB, "{grown_kib} KiB");

    let manifest: Manifest = get(format!("/api/library/{item_id}/manifest")).await.json().await.unwrap();
    let [take] = &manifest.takes[..] else { panic!("{} takes", manifest.takes.len()) };
    let kept = folder.path().join("kept.mp4");
    let mut media = fs::File::create(&kept).unwrap();
    for blob in take.init.iter().chain(take.fragments.iter().map(|fragment| &fragment.blob)) {
        let bytes = get(format!("/api/blobs/{}", blob.hash)).await.bytes().await.unwrap();
        std::io::Write::write_all(&mut media, &bytes).unwrap();
    }
    assert_eq!(samples(&kept, limit).await, samples(&file, limit).await);
}
