//! `undead party` takes part in a party of a real server: joins, shows, votes, plays, and writes audio that a player decodes.
//! Needs `ffmpeg`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod support;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines},
    time::{sleep, timeout},
};

use crate::support::{DEADLINE, serve, undead};

/// A server, and a party of Ann.
struct Site {
    folder: TempDir,
    server: Child,
    url: String,
    party_id: String,
    ann: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (server, url) = serve(undead(path).args(["up", "--nodes", "1"]), &path.join("log"));
        let (party_id, ann) = (String::new(), String::new());
        let mut site = Self { folder, server, url, party_id, ann };
        let party = json!({ "title": "Friday", "policy": "host", "access": "public", "name": "Ann" });
        let made = site.post("/api/parties", "", &party).await;
        site.party_id = made["party_id"].as_str().unwrap().to_owned();
        site.ann = made["member"]["token"].as_str().unwrap().to_owned();
        site
    }

    /// Queues songs of 20 s. The first one plays at once.
    async fn queue(&self) {
        for (song, hertz) in [("one.flac", 440), ("two.flac", 880)] {
            let item = self.import(song, hertz);
            self.command(&self.ann, json!({ "command": "queue", "item_id": item })).await;
        }
    }

    /// Makes a song an item.
    fn import(&self, song: &str, hertz: u32) -> String {
        let sine = format!("sine=frequency={hertz}:duration=20.5");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &sine, song]);
        said(&ffmpeg.current_dir(self.folder.path()).output().unwrap());
        let import = undead(self.folder.path()).args(["library", "import", song]).output().unwrap();
        said(&import).split('\t').next().unwrap().to_owned()
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Value {
        let request = tls_harness::client().post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn command(&self, token: &str, body: Value) {
        self.post(&format!("/api/parties/{}/commands", self.party_id), token, &body).await;
    }

    fn link(&self) -> String {
        format!("{}/party/{}", self.url, self.party_id)
    }
}

/// A user with a state folder.
struct User<'a> {
    site: &'a Site,
    state: PathBuf,
}

impl<'a> User<'a> {
    fn new(site: &'a Site, name: &str) -> Self {
        Self { site, state: site.folder.path().join(name) }
    }

    fn party(&self, arguments: &[&str]) -> Command {
        let mut command = undead(self.site.folder.path());
        command.env("XDG_STATE_HOME", &self.state).arg("party").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.party(arguments).output().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.state.join("undead/parties.json")
    }

    fn kept(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }
}

/// What a successful command printed.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Why a command failed, and its exit status.
fn refusal(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Reads lines until one has all `words`; gives what was read.
async fn until(lines: &mut Lines<impl AsyncBufRead + Unpin>, words: &[&str]) -> String {
    let mut text = String::new();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            text.extend([&line, "\n"]);
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
        }
        panic!("no line with {words:?}");
    };
    let outcome = timeout(DEADLINE, reading).await;
    outcome.unwrap_or_else(|_| panic!("no line with {words:?}: {text}"));
    text
}

async fn until_longer(file: &Path, bytes: u64) {
    let grows = async {
        while fs::metadata(file).unwrap().len() <= bytes {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, grows).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn member_in_a_terminal_shows_votes_plays_and_pipes_audio() {
    let site = Site::start().await;
    let bob = User::new(&site, "bob");
    let (status, why) = refusal(&bob.run(&["show"]));
    assert!(status == Some(2) && why.contains("join a party first"), "{status:?} {why}");

    let audio = site.folder.path().join("audio");
    let mut join = bob.party(&["join", &site.link(), "--name", "Bob", "--audio"]);
    join.stdout(File::create(&audio).unwrap()).stderr(Stdio::piped());
    let mut join = tokio::process::Command::from(join).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(join.stderr.take().unwrap()).lines();
    let mut told = until(&mut lines, &[&site.link()]).await;
    told += &until(&mut lines, &["nothing"]).await;
    assert_eq!(fs::metadata(bob.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let membership = &bob.kept()[&site.party_id];
    let token = membership["token"].as_str().unwrap();

    site.queue().await;
    told += &until(&mut lines, &["0:20\tone"]).await;
    until_longer(&audio, 0).await;
    let (status, why) = refusal(&bob.run(&["play", "1"]));
    assert!(status == Some(1) && why.contains("not_allowed: "), "{status:?} {why}");
    site.command(&site.ann, json!({ "command": "hand_over", "member_id": membership["member_id"] })).await;
    assert_eq!(said(&bob.run(&["pause"])), "");
    told += &until(&mut lines, &["paused ", "0:20\tone"]).await;
    let shown = said(&bob.run(&["show"]));
    for line in ["Friday\t", "now\tpaused 0:", "1\t0:20\ttwo\n", "member\tBob\thost\n"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let state: Value = serde_json::from_str(&said(&bob.run(&["show", "--json"]))).unwrap();
    assert_eq!(state["queue"][0]["title"], "two");

    let carl = User::new(&site, "carl");
    let created = said(&carl.run(&["create", "Evening", "--name", "Carl", "--server", &site.url, "--json"]));
    let created: Value = serde_json::from_str(&created).unwrap();
    assert!(created["url"].as_str().unwrap().ends_with(created["party_id"].as_str().unwrap()));
    let item_id = state["queue"][0]["item_id"].as_str().unwrap();
    said(&carl.run(&["queue", &format!("{}/library/{item_id}", site.url)]));
    let shown = said(&carl.run(&["show"]));
    assert!(
        shown.contains("Evening\t") && shown.contains("\ttwo\n") && shown.contains("member\tCarl\thost\n"),
        "{shown}"
    );
    let (status, why) = refusal(&carl.run(&["queue", &"0".repeat(32)]));
    assert!(status == Some(1) && why.contains("unknown_item: "), "{status:?} {why}");

    site.command(token, json!({ "command": "set", "policy": "vote" })).await;
    said(&bob.run(&["vote", "two"]));
    let shown = said(&bob.run(&["show"]));
    assert!(shown.contains("\ttwo\t1 votes\n"), "{shown}");
    let done: Value = serde_json::from_str(&said(&bob.run(&["play", "--json"]))).unwrap();
    assert!(done["revision"].is_u64());
    site.command(token, json!({ "command": "seek", "position_ms": 13_000 })).await;
    told += &until(&mut lines, &["0:20\ttwo"]).await;
    until_longer(&audio, fs::metadata(&audio).unwrap().len()).await;
    said(&bob.run(&["skip"]));
    site.command(token, json!({ "command": "end" })).await;
    assert!(timeout(DEADLINE, join.wait()).await.unwrap().unwrap().success());
    assert_eq!(bob.kept(), json!({}));
    while let Some(line) = lines.next_line().await.unwrap() {
        told += &line;
    }
    assert!(!told.contains(token), "a secret on the terminal");
    check_audio(&audio);
}

/// What was written decodes without an error, as one stream.
fn check_audio(file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-xerror", "-i", "-", "-f", "null", "-"]);
    let decoded = ffmpeg.stdin(File::open(file).unwrap()).output().unwrap();
    assert!(
        decoded.status.success() && decoded.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&decoded.stderr)
    );
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", "-"]);
    let probed = said(&ffprobe.stdin(File::open(file).unwrap()).output().unwrap());
    let times: Vec<f64> = probed.lines().map(|time| time.trim_matches(',').parse().unwrap()).collect();
    assert!(times.first() == Some(&0.0) && times.is_sorted(), "{times:?}");
    // Two fragments at least, of which the second one follows the first.
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] < 0.5), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn member_without_audio_reads_what_plays_and_leaves() {
    let site = Site::start().await;
    let carl = User::new(&site, "carl");
    let mut join = carl.party(&["join", &site.party_id, "--server", &site.url, "--name", "Carl"]);
    join.stdout(Stdio::piped());
    let mut join = tokio::process::Command::from(join).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(join.stdout.take().unwrap()).lines();
    until(&mut lines, &[&site.link()]).await;
    until(&mut lines, &["nothing"]).await;
    site.queue().await;
    until(&mut lines, &["0:20\tone"]).await;
    site.command(&site.ann, json!({ "command": "pause" })).await;
    until(&mut lines, &["paused ", "0:20\tone"]).await;
    join.kill().await.unwrap();
    let (status, why) = refusal(&carl.run(&["next"]));
    assert!(status == Some(1) && why.contains("not_allowed: "), "{status:?} {why}");
    said(&carl.run(&["leave"]));
    assert_eq!(carl.kept(), json!({}));
    let (status, why) = refusal(&carl.run(&["join", &site.party_id, "--server", &site.url]));
    assert!(status == Some(2) && why.contains("--name"), "{status:?} {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn member_that_was_removed_leaves_without_an_error() {
    let site = Site::start().await;
    let elsewhere = Site::start().await;
    let dora = User::new(&site, "dora");
    let mut join = dora.party(&["join", &site.link(), "--name", "Dora"]);
    join.stdout(Stdio::piped());
    let mut join = tokio::process::Command::from(join).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(join.stdout.take().unwrap()).lines();
    until(&mut lines, &[&site.link()]).await;
    join.kill().await.unwrap();
    let member_id = dora.kept()[&site.party_id]["member_id"].clone();
    site.command(&site.ann, json!({ "command": "kick", "member_id": member_id })).await;

    let (status, why) = refusal(&dora.run(&["leave", "--server", &elsewhere.url]));
    assert!(status == Some(1) && why.contains("unknown_party"), "another server knows nothing of it: {why}");
    assert_ne!(dora.kept(), json!({}));
    let left = dora.run(&["leave"]);
    let (status, why) = refusal(&left);
    assert!(status == Some(0) && why.contains("no member of this party any more"), "{status:?} {why}");
    assert!(left.stdout.is_empty());
    assert_eq!(dora.kept(), json!({}));
}
