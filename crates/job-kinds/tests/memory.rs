//! The memory of a task is bounded, and does not grow with the length of the item.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../../media/tests/common/allocator.rs"]
mod allocator;
mod shared;

use std::{collections::HashMap, path::Path, sync::Mutex};

use bytes::Bytes;
use job_kinds::{Blobs, Cancelled, Failed, MAX_TASK_BYTES, Report, Tools};
use protocol::{
    item::{Blob, Fragment, ManifestTake},
    job::{Join, Output, Piece, Separate, Sound, Source, Stem, Work},
};
use shared::{Memory, manifest};

const RATE: u32 = 48_000;

/// The most that a step other than `separate` may take, in bytes: `README.md` says so.
const STREAMED_BYTES: usize = 24 << 20;

/// How much more a long item may take than a short one, in bytes: its lists of fragments and blobs.
const LISTS_BYTES: usize = 1 << 20;

/// An object store whose blobs are in use over and over. It keeps nothing large that a task stores, and gives bytes of their own for each
/// read, so what a task holds is all that is counted.
struct Store {
    given: Memory,
    small: Mutex<HashMap<String, Bytes>>,
}

impl Blobs for Store {
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed> {
        let small = self.small.lock().unwrap().get(&blob.hash).cloned();
        let bytes = small.map_or_else(|| self.given.get(blob), Ok)?;
        Ok(Bytes::from(bytes.to_vec()))
    }

    fn put(&self, bytes: Bytes) -> Result<Blob, Failed> {
        let blob = Blob { hash: blake3::hash(&bytes).to_hex().to_string(), bytes: bytes.len() as u64 };
        if bytes.len() < 64 << 10 {
            self.small.lock().unwrap().insert(blob.hash.clone(), bytes);
        }
        Ok(blob)
    }
}

struct Quiet;

impl Report for Quiet {
    fn progress(&self, _: f32) -> Result<(), Cancelled> {
        Ok(())
    }
}

impl Store {
    fn new() -> Self {
        Self { given: Memory::default(), small: Mutex::default() }
    }

    /// The output of a task, and the most memory that it took.
    fn run(&self, work: &Work) -> (Output, usize) {
        let (blobs, scratch) = (self, Path::new("/nonexistent"));
        let tools = Tools { blobs, report: &Quiet, ffmpeg: None, model: None, scratch };
        let (outcome, taken) = allocator::counted(|| job_kinds::run(work, &tools));
        (outcome.unwrap(), taken.peak)
    }

    fn source(&self, take: ManifestTake) -> Source {
        Source { manifest: self.given.add(serde_json::to_vec(&manifest(vec![take])).unwrap()) }
    }

    /// Noise of so many seconds, as decoded sound.
    fn noise(&self, channels: u32, seconds: u64) -> Sound {
        const BLOB_SECONDS: u64 = 5;
        let mut state = 1_u32;
        let mut sample = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 25) as f32
        };
        let samples_per_blob = u64::from(RATE) * BLOB_SECONDS;
        let bytes = (0..samples_per_blob * u64::from(channels)).flat_map(|_| sample().to_le_bytes());
        let blob = self.given.add(bytes.collect::<Vec<u8>>());
        let blobs = vec![blob; (seconds / BLOB_SECONDS) as usize];
        let blobs = self.given.add(serde_json::to_vec(&blobs).unwrap());
        Sound { rate: RATE, channels, samples: seconds * u64::from(RATE), samples_per_blob, blobs }
    }
}

/// A take of so many fragments of ten seconds, all with the same frames of MP3.
fn mp3(store: &Store, fragments: u64) -> ManifestTake {
    let file = tempfile::Builder::new().suffix(".mp3").tempfile().unwrap();
    let sound = "-f lavfi -i anoisesrc=r=44100:a=0.3:seed=5:d=10 -ac 2 -c:a libmp3lame -b:a 320k";
    shared::run("ffmpeg", &format!("-nostdin -v error -y {sound} {}", file.path().display()));
    let frames = store.given.take(file.path()).alternatives.remove(0).fragments.remove(0);
    let fragment = |n: u64| Fragment { start_ms: n * 10_000, duration_ms: 10_000, ..frames.clone() };
    ManifestTake {
        mime: "audio/mpeg".into(),
        init: None,
        fragments: (0..fragments).map(fragment).collect(),
        offset_ms: 0,
        alternatives: Vec::new(),
    }
}

#[test]
fn a_long_item_is_decoded_and_measured_in_the_memory_of_a_short_one() {
    let store = Store::new();
    for work in [Work::Decode, Work::Measure] {
        let peak = |fragments| store.run(&work(store.source(mp3(&store, fragments)))).1;
        let (short, long) = (peak(3), peak(18));
        assert!(long < short + LISTS_BYTES && long < STREAMED_BYTES, "{short} and {long} bytes");
    }
}

#[test]
fn a_long_song_is_joined_in_the_memory_of_a_short_one() {
    let store = Store::new();
    let peak = |seconds| {
        let sound = store.noise(2, seconds);
        let piece = Piece { channels: 1, blobs: store.noise(1, seconds).blobs };
        store.run(&Work::Join(Join { sound, pieces: vec![piece], stem: Stem::Accompaniment })).1
    };
    let (short, long) = (peak(30), peak(150));
    assert!(long < short + LISTS_BYTES && long < STREAMED_BYTES, "{short} and {long} bytes");
}

#[test]
fn the_longest_piece_is_separated_in_the_memory_of_a_task() {
    let store = Store::new();
    let sound = store.noise(2, 45);
    let keep_to = sound.samples;
    let work = Separate { read_from: 0, read_to: keep_to, keep_from: 0, keep_to, sound, model: None };
    let (_, peak) = store.run(&Work::Separate(work));
    assert!(peak < MAX_TASK_BYTES, "{peak} bytes");
}
