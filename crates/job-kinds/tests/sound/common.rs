//! Items made of files by ffmpeg, tasks on their sound, and sound as ffmpeg decodes it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use job_kinds::{Cancelled, Failed, Report, Tools, VocalsModel};
use protocol::{
    item::{Blob, Fragment, ManifestTake},
    job::{Output, Sound, Source, Work},
};
use serde::de::DeserializeOwned;

use crate::shared::{Memory, manifest};
pub(crate) use crate::shared::{encoded, path, run};

/// Counts reports, and cancels the task after some.
pub(crate) struct Counter {
    pub(crate) reports: AtomicU32,
    pub(crate) most: u32,
}

impl Report for Counter {
    fn progress(&self, part: f32) -> Result<(), Cancelled> {
        assert!((0.0..=1.0).contains(&part), "{part}");
        let before = self.reports.fetch_add(1, Ordering::Relaxed);
        if before < self.most { Ok(()) } else { Err(Cancelled) }
    }
}

/// A worker with an object store.
pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) counter: Counter,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::cancelled_after(u32::MAX)
    }

    /// Its tasks are cancelled after `most` reports of progress.
    pub(crate) fn cancelled_after(most: u32) -> Self {
        Self { memory: Memory::default(), counter: Counter { reports: AtomicU32::new(0), most } }
    }

    pub(crate) fn run(&self, work: &Work) -> Result<Output, Failed> {
        self.run_with(work, None)
    }

    /// Does a task with an operator's model.
    pub(crate) fn run_with(&self, work: &Work, model: Option<&dyn VocalsModel>) -> Result<Output, Failed> {
        let tools = Tools {
            blobs: &self.memory,
            report: &self.counter,
            ffmpeg: None,
            model,
            scratch: Path::new("/nonexistent"),
        };
        job_kinds::run(work, &tools)
    }

    pub(crate) fn put(&self, bytes: impl Into<Bytes>) -> Blob {
        self.memory.add(bytes)
    }

    pub(crate) fn bytes(&self, blob: &Blob) -> Vec<u8> {
        self.memory.joined([blob])
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, blob: &Blob) -> T {
        self.memory.json(blob)
    }

    /// The take of an item that is made of an uploaded file.
    pub(crate) fn uploaded(&self, path: &Path) -> ManifestTake {
        self.memory.take(path)
    }

    pub(crate) fn source(&self, takes: Vec<ManifestTake>) -> Source {
        Source { manifest: self.put(serde_json::to_vec(&manifest(takes)).unwrap()) }
    }

    /// Decodes an item.
    pub(crate) fn decoded(&self, takes: Vec<ManifestTake>) -> Sound {
        let work = Work::Decode(self.source(takes));
        match self.run(&work).unwrap() {
            Output::Sound(sound) => sound,
            other => panic!("{other:?}"),
        }
    }

    /// All samples of a list of blobs.
    pub(crate) fn samples(&self, list: &Blob) -> Vec<f32> {
        floats(&self.memory.joined(&self.json::<Vec<Blob>>(list)))
    }

    /// The init segment and all fragments as a file.
    pub(crate) fn saved(&self, name: &str, init: Option<&Blob>, fragments: &[Fragment]) -> PathBuf {
        let blobs = init.into_iter().chain(fragments.iter().map(|fragment| &fragment.blob));
        let path = path(name);
        fs::write(&path, self.memory.joined(blobs)).unwrap();
        path
    }
}

/// Moves a take to another time of its item.
pub(crate) fn moved(mut take: ManifestTake, by_ms: u64) -> ManifestTake {
    take.fragments.iter_mut().for_each(|fragment| fragment.start_ms += by_ms);
    take.offset_ms += by_ms as i64;
    take
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// The interleaved samples of a file as ffmpeg decodes them, with options for reading and for writing.
pub(crate) fn ffmpeg_samples(path: &Path, decoder: &str, options: &str) -> Vec<f32> {
    let arguments = format!("-nostdin -v error {decoder} -i {} -vn {options} -f f32le -", path.display());
    floats(&run("ffmpeg", &arguments).0)
}

/// How much louder `wanted` is than the difference to `got`, in dB.
pub(crate) fn similarity_db(wanted: &[f32], got: &[f32]) -> f64 {
    let power = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let signal = power(&mut wanted.iter().map(|&value| value.into()));
    let noise = power(&mut wanted.iter().zip(got).map(|(a, b)| f64::from(a - b)));
    10.0 * (signal / noise.max(1e-12)).log10()
}
