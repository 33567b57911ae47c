//! Files that programs make for tests.

// Every test program uses its own part of this, and all of it is for tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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

/// Standard output and errors of a program, which has to succeed.
pub(crate) fn run(program: &str, arguments: &str) -> (Vec<u8>, String) {
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments}: {errors}");
    (output.stdout, errors)
}
