//! What the fuzz targets check holds for their seeds, and for every input that once broke it.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::{fs, path::Path};

/// Runs `check` on the files in `fuzz/corpus/<target>` and `fuzz/regressions/<target>`.
fn check_kept_inputs(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut seeds = 0;
    for file in fs::read_dir(fuzz.join("corpus").join(target)).unwrap() {
        check(&fs::read(file.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 0, "there are seeds");
    // There is no folder where nothing ever broke.
    for file in fs::read_dir(fuzz.join("regressions").join(target)).into_iter().flatten() {
        check(&fs::read(file.unwrap().path()).unwrap());
    }
}

#[test]
fn webm_demuxer_holds() {
    check_kept_inputs("webm_demux", checks::webm_demux);
}

#[test]
fn fmp4_demuxer_holds() {
    check_kept_inputs("fmp4_demux", checks::fmp4_demux);
}

#[test]
fn repackager_holds() {
    check_kept_inputs("repackage", checks::repackage);
}
