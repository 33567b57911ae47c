//! Items made by ffmpeg, tasks that make files of them, and what ffprobe says of those files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use job_kinds::{Cancelled, Failed, Report, Tools};
use protocol::{
    item::{Blob, Manifest, ManifestTake},
    job::{Export, ExportFormat, Output, Params, Source, Work},
};
use tempfile::TempDir;

use crate::shared::{self, Memory, manifest};

pub(crate) const SOUND: &str = "-f lavfi -i aevalsrc=sin(300*t*t)*0.4|sin(440*2*PI*t)*0.3:s=48000:d=";
pub(crate) const PICTURES: &str = "-f lavfi -i testsrc2=s=160x120:r=12:d=";
pub(crate) const VP8: &str = "-c:v libvpx -deadline realtime -cpu-used 8 -g 24 -c:a libopus -b:a 48k";
pub(crate) const H264: &str = "-c:v libx264 -preset veryfast -g 24 -bf 2 -pix_fmt yuv420p -c:a aac";

/// Lets so many reports of progress pass, and cancels then.
pub(crate) struct Reports {
    pub(crate) left: AtomicU32,
    parts: Mutex<Vec<f32>>,
}

impl Reports {
    pub(crate) fn new(left: u32) -> Self {
        Self { left: left.into(), parts: Mutex::default() }
    }

    /// Whether progress was told.
    pub(crate) fn told_progress(&self) -> bool {
        let parts = self.parts.lock().unwrap();
        parts.iter().any(|&part| part > 0.0) && parts.iter().all(|part| (0.0..=1.0).contains(part))
    }
}

impl Report for Reports {
    fn progress(&self, part: f32) -> Result<(), Cancelled> {
        self.parts.lock().unwrap().push(part);
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| Cancelled)
    }
}

/// A library with items, and a worker.
pub(crate) struct World {
    pub(crate) blobs: Memory,
    pub(crate) folder: TempDir,
    pub(crate) reports: Reports,
    pub(crate) ffmpeg: Option<PathBuf>,
}

impl World {
    /// A worker without `ffmpeg`.
    pub(crate) fn plain() -> Self {
        let (blobs, folder) = (Memory::default(), tempfile::tempdir().unwrap());
        Self { blobs, folder, reports: Reports::new(u32::MAX), ffmpeg: None }
    }

    pub(crate) fn with_ffmpeg() -> Self {
        let found = Command::new("sh").args(["-c", "command -v ffmpeg"]).output().unwrap().stdout;
        let path = String::from_utf8(found).unwrap().trim().into();
        Self { ffmpeg: Some(path), ..Self::plain() }
    }

    /// A file made by ffmpeg.
    pub(crate) fn file(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        run("ffmpeg", &format!("-nostdin -v error -y {arguments} {}", path.display()));
        path
    }

    /// A file made by ffmpeg as an item of one take.
    pub(crate) fn item(&self, name: &str, arguments: &str) -> Manifest {
        manifest(vec![self.take(&self.file(name, arguments))])
    }

    /// A file as a take.
    pub(crate) fn take(&self, path: &Path) -> ManifestTake {
        self.blobs.take(path)
    }

    pub(crate) fn source(&self, manifest: &Manifest) -> Source {
        Source { manifest: self.blobs.add(serde_json::to_vec(manifest).unwrap()) }
    }

    /// Does a task, in a new scratch folder.
    pub(crate) fn run(&self, work: &Work) -> Result<Output, Failed> {
        let scratch = tempfile::tempdir().unwrap();
        let tools = Tools {
            blobs: &self.blobs,
            report: &self.reports,
            ffmpeg: self.ffmpeg.as_deref(),
            model: None,
            scratch: scratch.path(),
        };
        job_kinds::run(work, &tools)
    }

    pub(crate) fn export(&self, manifest: &Manifest, params: Params) -> Result<Exported, Failed> {
        let needs_ffmpeg = protocol::export::needs_ffmpeg(manifest, &params).unwrap();
        let (title, artist) = ("A title".into(), Some("An artist".into()));
        let work = Export { source: self.source(manifest), params, needs_ffmpeg, title, artist };
        let output = self.run(&Work::Export(work))?;
        let Output::File { extension, mime, blobs, bytes } = output else { panic!("{output:?}") };
        let pieces: Vec<Blob> = self.blobs.json(&blobs);
        assert!(pieces.iter().all(|blob| blob.bytes <= 16 << 20));
        let content = self.blobs.joined(&pieces);
        assert_eq!(content.len() as u64, bytes);
        let (_, path) = tempfile::Builder::new()
            .suffix(&format!(".{extension}"))
            .tempfile_in(self.folder.path())
            .unwrap()
            .keep()
            .unwrap();
        fs::write(&path, &content).unwrap();
        Ok(Exported { path, mime, content, blobs })
    }
}

pub(crate) fn params(format: ExportFormat) -> Params {
    Params { format: Some(format), ..Params::default() }
}

pub(crate) fn clip(format: ExportFormat, from_ms: u64, to_ms: u64) -> Params {
    Params { from_ms: Some(from_ms), to_ms: Some(to_ms), ..params(format) }
}

/// A file that a job made.
#[derive(Debug)]
pub(crate) struct Exported {
    pub(crate) path: PathBuf,
    pub(crate) mime: String,
    pub(crate) content: Vec<u8>,
    pub(crate) blobs: Blob,
}

impl Exported {
    /// What ffprobe says of it, as `name=value` lines.
    pub(crate) fn probed(&self) -> String {
        run(
            "ffprobe",
            &format!("-v error -show_format -show_streams -of default=nw=1 {}", self.path.display()),
        )
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.probed().lines().any(|said| said.eq_ignore_ascii_case(line))
    }

    /// The length in s, as the file says.
    pub(crate) fn duration_s(&self) -> f64 {
        let probed = self.probed();
        let said = probed.lines().rev().find_map(|line| line.strip_prefix("duration=")?.parse().ok());
        said.unwrap_or(f64::NAN)
    }

    /// The digests of its packets of video (`v`) or sound (`a`).
    pub(crate) fn packets(&self, kind: &str) -> Vec<String> {
        packets(&self.path, kind)
    }

    /// Times in s from the first one on, of packets of video (`v`) or sound (`a`), in order.
    pub(crate) fn times_s(&self, kind: &str) -> Vec<f64> {
        times_s(&self.path, kind)
    }

    /// Decodes all of it, without complaints.
    pub(crate) fn decodes(&self) {
        let arguments = format!("-nostdin -v error -i {} -f null -", self.path.display());
        let output = Command::new("ffmpeg").args(arguments.split(' ')).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", self.path.display());
    }
}

pub(crate) fn packets(path: &Path, kind: &str) -> Vec<String> {
    let arguments = "-v error -show_entries packet=data_hash -show_data_hash md5 -of default=nw=1:nk=1";
    let shown = run("ffprobe", &format!("{arguments} -select_streams {kind}:0 {}", path.display()));
    shown.lines().map(str::to_owned).collect()
}

pub(crate) fn times_s(path: &Path, kind: &str) -> Vec<f64> {
    let arguments = "-v error -show_entries packet=pts_time -of default=nw=1:nk=1";
    let shown = run("ffprobe", &format!("{arguments} -select_streams {kind}:0 {}", path.display()));
    let mut times: Vec<f64> = shown.lines().filter_map(|line| line.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Standard output of a program, which has to succeed.
fn run(program: &str, arguments: &str) -> String {
    String::from_utf8(shared::run(program, arguments).0).unwrap()
}
