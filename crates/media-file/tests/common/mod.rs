//! Files made by ffmpeg, and what ffmpeg says of files and of their fragments.

// Every test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod files;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use media_file::{Format, Fragment, MediaFile};

pub(crate) use files::{encoded, path};

/// A tone that never repeats, and pictures that move.
pub(crate) const SOUND: &str = "-f lavfi -i aevalsrc=sin(300*t*t)*0.4|sin(440*2*PI*t)*0.3:s=44100:d=";
pub(crate) const PICTURES: &str = "-f lavfi -i testsrc2=s=160x120:r=12:d=";

/// Standard output of a program, which has to succeed.
pub(crate) fn run(program: &str, arguments: &str) -> String {
    String::from_utf8(files::run(program, arguments).0).unwrap()
}

pub(crate) fn open(path: &Path) -> Result<MediaFile, media_file::Error> {
    let size = fs::metadata(path).unwrap().len();
    media_file::open(File::open(path).unwrap(), size, &path.file_name().unwrap().to_string_lossy())
}

/// A file and all of its fragments.
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) file: MediaFile,
    pub(crate) formats: Vec<Format>,
    pub(crate) fragments: Vec<Fragment>,
}

pub(crate) fn read(path: &Path) -> Read {
    let mut file = open(path).unwrap();
    let formats = file.formats();
    let fragments = file.by_ref().collect::<Result<Vec<_>, _>>().unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    Read { name, file, formats, fragments }
}

impl Read {
    /// Init segment and fragments of one format as a file.
    pub(crate) fn saved(&self, format: usize, fragments: std::ops::Range<usize>) -> PathBuf {
        let Format { mime, init } = &self.formats[format];
        let mut out = init.as_deref().unwrap_or_default().to_vec();
        for fragment in &self.fragments[fragments.clone()] {
            out.extend_from_slice(&fragment.media[format]);
        }
        let extension = mime.split([';', '/']).nth(1).unwrap();
        let path = path(&format!("{}.{}-{}.{extension}", self.name, fragments.start, fragments.end));
        fs::write(&path, out).unwrap();
        path
    }

    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..self.fragments.len()
    }

    pub(crate) fn duration_ms(&self) -> u64 {
        self.fragments.last().map_or(0, |last| last.start_ms + last.duration_ms)
    }
}

/// A packet as ffprobe shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) pts_s: f64,
    pub(crate) hash: String,
}

/// The packets of a file's first video (`v:0`) or audio (`a:0`) stream.
pub(crate) fn packets(path: &Path, stream: &str) -> Vec<Shown> {
    let arguments = "-v error -show_entries packet=pts_time,data_hash -show_data_hash md5 -of default=nw=1";
    let shown = run("ffprobe", &format!("{arguments} -select_streams {stream} {}", path.display()));
    let mut packets = Vec::new();
    let mut pts_s = f64::NAN;
    for line in shown.lines() {
        match line.split_once('=') {
            Some(("pts_time", pts)) => pts_s = pts.parse().unwrap_or(f64::NAN),
            Some(("data_hash", hash)) => packets.push(Shown { pts_s, hash: hash.to_owned() }),
            _ => {}
        }
    }
    packets
}

/// The digest of all samples of sound or all pictures that ffmpeg decodes, with what it complains of.
pub(crate) fn decoded(path: &Path, options: &str) -> (String, String) {
    let arguments = format!("-nostdin -v warning -i {} {options} -f md5 -", path.display());
    let output = Command::new("ffmpeg").args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (text(&output.stdout), text(&output.stderr))
}
