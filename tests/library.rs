//! `undead library` works while the main server runs and while it does not.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, SystemTime},
};

/// The name of the blob `unnamed`, by its BLAKE3.
const UNNAMED: &str = "unnamed";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn undead(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undead"));
    command.current_dir(folder).args(arguments);
    command
}

fn library(folder: &Path, arguments: &[&str]) -> Output {
    undead(folder, &["library"]).args(arguments).output().unwrap()
}

/// What a successful `undead library` printed.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A main server that ends with the test.
struct Server(Child);

impl Server {
    fn start(folder: &Path) -> Self {
        let log = File::create(folder.join("log")).unwrap();
        let mut command = undead(folder, &["main-server", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
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

/// Writes a blob that no item names and that is old enough to be deleted.
fn put_unnamed(objects: &Path) -> PathBuf {
    let name = objects::Hash::of(UNNAMED.as_bytes()).to_string();
    let folder = objects.join("blobs").join(&name[..2]);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, UNNAMED).unwrap();
    File::options().append(true).open(&file).unwrap().set_modified(SystemTime::now() - 2 * DAY).unwrap();
    file
}

fn check(folder: &Path, objects: &Path, options: &[&str]) {
    let with = |arguments: &[&'static str]| {
        let arguments: Vec<&str> = arguments.iter().chain(options).copied().collect();
        library(folder, &arguments)
    };
    assert_eq!(said(&with(&["ls"])), "");
    assert_eq!(said(&with(&["verify"])), "0 blobs verified, 0 bytes\n");
    let file = put_unnamed(objects);
    let collected = "0 blobs kept, 0 bytes; 1 discarded, 7 bytes; 0 restored; 0 deleted for good\n";
    assert_eq!(said(&with(&["gc"])), collected);
    assert!(!file.exists());
    let json: serde_json::Value = serde_json::from_str(&said(&with(&["gc", "--json"]))).unwrap();
    assert_eq!(json["collected"]["discarded"], 0);
    let item = "0".repeat(32);
    let unknown = library(folder, &[&["export", item.as_str(), "file"], options].concat());
    assert_eq!(unknown.status.code(), Some(1));
    assert!(!folder.join("file").exists());
}

#[test]
fn library_is_looked_after_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path());
    check(folder.path(), &folder.path().join("data/objects"), &[]);
}

/// A second of a tone, as WAV.
fn tone() -> Vec<u8> {
    let samples = (0..8_000_i32).flat_map(|index| (((index % 40) * 500 - 10_000) as i16).to_le_bytes());
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

#[test]
fn imported_file_is_listed_verified_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a tone.wav"), tone()).unwrap();
    let _server = Server::start(folder);
    let imported = said(&library(folder, &["import", "a tone.wav"]));
    let item = imported.split('\t').next().unwrap();
    let listed = said(&library(folder, &["ls", "tone"]));
    assert!(listed.starts_with(&format!("{item}\tupload\tready\t0:00:01\t")), "{listed}");
    let exported = said(&library(folder, &["export", item, "out.mp4"]));
    assert!(exported.contains("audio/mp4"), "{exported}");
    let media = fs::read(folder.join("out.mp4")).unwrap();
    assert_eq!(&media[4..8], b"ftyp");

    // Each blob of the item is named; without one of them the item is not whole.
    assert!(said(&library(folder, &["gc"])).contains("; 0 discarded"));
    said(&library(folder, &["verify"]));
    let name = objects::Hash::of(&media[media.len() - fragment_bytes(&media)..]).to_string();
    let file = folder.join("data/objects/blobs").join(&name[..2]).join(&name);
    fs::write(&file, "worse").unwrap();
    let verified = library(folder, &["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let found = String::from_utf8_lossy(&verified.stdout);
    assert!(found.starts_with(&format!("damaged\t-\t{name}\t{item}\n")), "{found}");
    // Imported again, the file brings the same blob, which replaces the one of another size.
    said(&library(folder, &["import", "a tone.wav"]));
    said(&library(folder, &["verify"]));
}

/// Size of what follows the init segment, which ends with the box `moov`.
fn fragment_bytes(media: &[u8]) -> usize {
    let size = |at: usize| u32::from_be_bytes(media[at..at + 4].try_into().unwrap()) as usize;
    let moov = size(0);
    assert_eq!(&media[moov + 4..moov + 8], b"moov");
    media.len() - moov - size(moov)
}

#[test]
fn library_is_looked_after_while_no_server_runs_wherever_objects_are() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &folder.path().join("media"), &["--objects", "media"]);
    assert!(!folder.path().join("data/objects").exists());
    let import = library(folder.path(), &["import", "song.mp3"]);
    assert!(String::from_utf8_lossy(&import.stderr).contains("does not run"), "{import:?}");
}
