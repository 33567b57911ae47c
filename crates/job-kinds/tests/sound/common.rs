//! Items made of files by ffmpeg, an object store in memory, and sound as ffmpeg decodes it.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use job_kinds::{Blobs, Cancelled, Failed, Report, Tools, VocalsModel};
use protocol::{
    ItemId,
    item::{Alternative, Blob, Fragment, Manifest, ManifestTake},
    job::{Failure, Output, Sound, Source, Work},
};
use serde::de::DeserializeOwned;

/// An object store in memory.
#[derive(Default)]
pub(crate) struct Memory {
    blobs: Mutex<HashMap<String, Bytes>>,
}

impl Blobs for Memory {
    fn get(&self, blob: &Blob) -> Result<Bytes, Failed> {
        let found = self.blobs.lock().unwrap().get(&blob.hash).cloned();
        found.ok_or_else(|| Failed { failure: Failure::InputGone, reason: blob.hash.clone() })
    }

    fn put(&self, bytes: Bytes) -> Result<Blob, Failed> {
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let blob = Blob { hash: hash.clone(), bytes: bytes.len() as u64 };
        self.blobs.lock().unwrap().insert(hash, bytes);
        Ok(blob)
    }
}

/// Counts reports, and cancels after some.
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

/// A worker.
pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) counter: Counter,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::cancelled_after(u32::MAX)
    }

    /// Whose tasks are cancelled at so many reports.
    pub(crate) fn cancelled_after(most: u32) -> Self {
        Self { memory: Memory::default(), counter: Counter { reports: AtomicU32::new(0), most } }
    }

    pub(crate) fn run(&self, work: &Work) -> Result<Output, Failed> {
        self.run_with(work, None)
    }

    /// With an operator's model.
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
        self.memory.put(bytes.into()).unwrap()
    }

    pub(crate) fn bytes(&self, blob: &Blob) -> Vec<u8> {
        self.memory.get(blob).unwrap().to_vec()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, blob: &Blob) -> T {
        serde_json::from_slice(&self.memory.get(blob).unwrap()).unwrap()
    }

    /// The takes of an item that is made of an uploaded file.
    pub(crate) fn uploaded(&self, path: &Path) -> ManifestTake {
        let size = fs::metadata(path).unwrap().len();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut file = media_file::open(File::open(path).unwrap(), size, &name).unwrap();
        let formats = file.formats();
        let fragments: Vec<_> = file.by_ref().collect::<Result<_, _>>().unwrap();
        let mut of_formats: Vec<_> = formats
            .into_iter()
            .enumerate()
            .map(|(index, format)| Alternative {
                mime: format.mime,
                init: format.init.map(|init| self.put(init)),
                fragments: fragments
                    .iter()
                    .map(|fragment| Fragment {
                        blob: self.put(fragment.media[index].clone()),
                        start_ms: fragment.start_ms,
                        duration_ms: fragment.duration_ms,
                    })
                    .collect(),
            })
            .collect();
        let Alternative { mime, init, fragments } = of_formats.remove(0);
        ManifestTake { mime, init, fragments, offset_ms: 0, alternatives: of_formats }
    }

    pub(crate) fn source(&self, takes: Vec<ManifestTake>) -> Source {
        let manifest = Manifest { item_id: ItemId::from_bytes([7; 16]), is_growing: false, takes };
        Source { manifest: self.put(serde_json::to_vec(&manifest).unwrap()) }
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
        let blobs: Vec<Blob> = self.json(list);
        let bytes = blobs.iter().flat_map(|blob| self.memory.get(blob).unwrap());
        floats(&bytes.collect::<Vec<u8>>())
    }

    /// The init segment and all fragments as a file.
    pub(crate) fn saved(&self, name: &str, init: Option<&Blob>, fragments: &[Fragment]) -> PathBuf {
        let blobs = init.into_iter().chain(fragments.iter().map(|fragment| &fragment.blob));
        let bytes: Vec<u8> = blobs.flat_map(|blob| self.memory.get(blob).unwrap()).collect();
        let path = path(name);
        fs::write(&path, bytes).unwrap();
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

/// Where the file of this name is.
pub(crate) fn path(name: &str) -> PathBuf {
    // Each test program has a folder of its own.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Makes a file with ffmpeg.
pub(crate) fn encoded(name: &str, arguments: &str) -> PathBuf {
    let path = path(name);
    run("ffmpeg", &format!("-nostdin -v error -y {arguments} {}", path.display()));
    path
}

/// The interleaved samples of a file as ffmpeg decodes them, with options for reading and for writing.
pub(crate) fn ffmpeg_samples(path: &Path, decoder: &str, options: &str) -> Vec<f32> {
    let arguments = format!("-nostdin -v error {decoder} -i {} -vn {options} -f f32le -", path.display());
    floats(&run("ffmpeg", &arguments).0)
}

/// Standard output and errors of a program, which has to succeed.
pub(crate) fn run(program: &str, arguments: &str) -> (Vec<u8>, String) {
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments}: {errors}");
    (output.stdout, errors)
}

/// How much louder `wanted` is than the difference to `got`, in dB.
pub(crate) fn similarity_db(wanted: &[f32], got: &[f32]) -> f64 {
    let power = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let signal = power(&mut wanted.iter().map(|&value| value.into()));
    let noise = power(&mut wanted.iter().zip(got).map(|(a, b)| f64::from(a - b)));
    10.0 * (signal / noise.max(1e-12)).log10()
}
