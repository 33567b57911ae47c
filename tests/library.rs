//! `undead library` works while the main server runs and while it does not, wherever media and records are.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "support/storage.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod storage;
#[path = "support/mod.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod support;

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    storage::{Place, Storage},
    support::{serve, undead},
};

/// The name of the blob `unnamed`, by its BLAKE3.
const UNNAMED: &str = "unnamed";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder to work in, and where media and records are.
struct Site {
    folder: TempDir,
    storage: Storage,
}

impl Site {
    async fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::start(place, folder.path()).await;
        Self { folder, storage }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn library(&self, arguments: &[&str]) -> Output {
        let mut command = undead(self.path());
        self.storage.configure(&mut command);
        command.arg("library").args(arguments).args(self.storage.store_arguments()).output().unwrap()
    }
}

/// What a successful `undead library` printed.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A main server that ends with the test.
struct Server(Child);

impl Server {
    fn start(site: &Site) -> Self {
        let mut command = undead(site.path());
        site.storage.configure(&mut command);
        // Whoever has the data folder may import all the same.
        command.args(["main-server", "--upload", "off"]).args(site.storage.store_arguments());
        let (child, url) = serve(&mut command, &site.path().join("log"));
        assert!(url.starts_with("http"), "{url}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a blob that no item names and that is old enough to be deleted; `None` where media is in memory.
fn put_unnamed(site: &Site) -> Option<PathBuf> {
    let file = site.storage.blob(&objects::Hash::of(UNNAMED.as_bytes()).to_string())?;
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, UNNAMED).unwrap();
    File::options().append(true).open(&file).unwrap().set_modified(SystemTime::now() - 2 * DAY).unwrap();
    Some(file)
}

fn check_upkeep(site: &Site) {
    assert_eq!(said(&site.library(&["ls"])), "");
    assert_eq!(said(&site.library(&["verify"])), "0 blobs verified, 0 bytes\n");
    let file = put_unnamed(site);
    let discarded = if file.is_some() { "1 discarded, 7 bytes" } else { "0 discarded, 0 bytes" };
    let collected = format!("0 blobs kept, 0 bytes; {discarded}; 0 restored; 0 deleted for good\n");
    assert_eq!(said(&site.library(&["gc"])), collected);
    assert!(file.is_none_or(|file| !file.exists()));
    let json: serde_json::Value = serde_json::from_str(&said(&site.library(&["gc", "--json"]))).unwrap();
    assert_eq!(json["collected"]["discarded"], 0);
    let item = "0".repeat(32);
    let unknown = site.library(&["export", &item, "file"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(!site.path().join("file").exists());
}

/// While the server runs, and while it does not.
async fn check_upkeep_at(place: Place) {
    let site = Site::new(place).await;
    let server = Server::start(&site);
    check_upkeep(&site);
    drop(server);
    check_upkeep(&site);
    let import = site.library(&["import", "song.mp3"]);
    assert!(String::from_utf8_lossy(&import.stderr).contains("does not run"), "{import:?}");
    assert!(!site.path().join("data/objects").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn library_is_looked_after_while_the_server_runs_and_while_it_does_not() {
    check_upkeep_at(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn library_in_s3_is_looked_after() {
    check_upkeep_at(Place::S3s).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn library_in_another_s3_with_nats_is_looked_after() {
    check_upkeep_at(Place::MotoAndNats).await;
}

/// Seconds of a tone, as WAV.
fn tone(seconds: i32) -> Vec<u8> {
    let samples = (0..seconds * 8_000).flat_map(|index| (((index % 40) * 500 - 10_000) as i16).to_le_bytes());
    let samples: Vec<u8> = samples.collect();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for field in [16_u32, 0x1_0001, 8_000, 16_000, 0x10_0002] {
        wav.extend(field.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend((samples.len() as u32).to_le_bytes());
    wav.extend(samples);
    wav
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_file_is_listed_verified_and_exported() {
    check_import(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_file_is_kept_in_s3() {
    check_import(Place::S3s).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn imported_file_is_kept_in_another_s3_and_nats() {
    check_import(Place::MotoAndNats).await;
}

async fn check_import(place: Place) {
    let site = Site::new(place).await;
    fs::write(site.path().join("a tone.wav"), tone(1)).unwrap();
    let _server = Server::start(&site);
    let imported = said(&site.library(&["import", "a tone.wav"]));
    let item = imported.split('\t').next().unwrap();
    let listed = said(&site.library(&["ls", "tone"]));
    assert!(listed.starts_with(&format!("{item}\tupload\tready\t0:00:01\t")), "{listed}");
    let exported = said(&site.library(&["export", item, "out.mp4"]));
    assert!(exported.contains("audio/mp4"), "{exported}");
    let media = fs::read(site.path().join("out.mp4")).unwrap();
    assert_eq!(&media[4..8], b"ftyp");

    // Each blob of the item is named; without one of them the item is not whole.
    assert!(said(&site.library(&["gc"])).contains("; 0 discarded"));
    said(&site.library(&["verify"]));
    let name = objects::Hash::of(&media[media.len() - fragment_bytes(&media)..]).to_string();
    let Some(file) = site.storage.blob(&name) else { return };
    fs::write(&file, "worse").unwrap();
    let verified = site.library(&["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let found = String::from_utf8_lossy(&verified.stdout);
    assert!(found.starts_with(&format!("damaged\t-\t{name}\t{item}\n")), "{found}");
    // Imported again, the file brings the same blob, which replaces the one of another size.
    said(&site.library(&["import", "a tone.wav"]));
    said(&site.library(&["verify"]));
}

/// Frames of silence, as MP3 without tags: MPEG-1 Layer III, 128 kbit/s, 44,100 Hz.
fn silence(frames: usize) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0];
    frame.resize(417, 0);
    frame.repeat(frames)
}

/// An output without a reader.
fn unread() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_folder_become_items_but_for_those_that_cannot_be_read() {
    let site = Site::new(Place::Folder).await;
    let _server = Server::start(&site);
    let folder = site.path().join("music/B sides");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("broken.mp3"), "no music").unwrap();
    fs::write(folder.join("cover.jpg"), "no music either").unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"sil\xffence.mp3")), silence(100)).unwrap();
    fs::write(folder.join("empty.flac"), "").unwrap();
    fs::write(site.path().join("music/tone.wav"), tone(1)).unwrap();
    let imported = site.library(&["import", "music"]);
    assert_eq!(imported.status.code(), Some(1));
    let said = String::from_utf8_lossy(&imported.stderr);
    let is_named = |text: &str| said.lines().any(|line| line.contains(text));
    assert!(is_named("B sides/broken.mp3: not playable"), "{said}");
    assert!(is_named("B sides/empty.flac: the file is empty"), "{said}");
    assert!(said.ends_with("undead: 2 of 4 files were not imported\n"), "{said}");
    let items = String::from_utf8(imported.stdout).unwrap();
    let [silence_item, _tone] = items.lines().collect::<Vec<_>>()[..] else { panic!("{items}") };

    // A failed item is listed too. It is no public one.
    let listed = self::said(&site.library(&["ls"]));
    let states: Vec<_> = listed.lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(states, ["ready", "ready", "failed"]);
    let mut list = undead(site.path());
    site.storage.configure(&mut list);
    let list = list.args(["library", "ls"]).stdout(unread()).output().unwrap();
    assert!(list.status.success() && list.stderr.is_empty(), "{list:?}");

    // The file is kept in MP4 too, for other browsers.
    let item = silence_item.split('\t').next().unwrap();
    assert!(self::said(&site.library(&["export", item, "out.mp3"])).ends_with("\taudio/mpeg\n"));
    assert!(fs::read(site.path().join("out.mp3")).unwrap() == silence(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn import_goes_on_when_the_main_server_was_killed() {
    check_killed_import(Place::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn import_into_s3_goes_on_when_the_main_server_was_killed() {
    check_killed_import(Place::S3s).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: make places"]
async fn import_into_another_s3_with_nats_goes_on_when_the_main_server_was_killed() {
    check_killed_import(Place::MotoAndNats).await;
}

async fn check_killed_import(place: Place) {
    let site = Site::new(place).await;
    // 24 MiB: several pieces.
    fs::write(site.path().join("long.wav"), tone(1_536)).unwrap();
    let server = Server::start(&site);
    let mut command = undead(site.path());
    site.storage.configure(&mut command);
    command.args(["library", "import", "long.wav"]).args(site.storage.store_arguments());
    let import = command.stdout(Stdio::piped()).spawn().unwrap();
    while !site.storage.has_parts().await {
        sleep(Duration::from_millis(5)).await;
    }
    drop(server);
    let _server = Server::start(&site);
    let imported = import.wait_with_output().unwrap();
    assert!(imported.status.success() && String::from_utf8_lossy(&imported.stdout).ends_with("\tlong\n"));
}

/// Size of what follows the init segment, which ends with the box `moov`.
fn fragment_bytes(media: &[u8]) -> usize {
    let size = |at: usize| u32::from_be_bytes(media[at..at + 4].try_into().unwrap()) as usize;
    let moov = size(0);
    assert_eq!(&media[moov + 4..moov + 8], b"moov");
    media.len() - moov - size(moov)
}
