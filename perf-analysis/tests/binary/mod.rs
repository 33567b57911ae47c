//! The binary under test.

use std::path::PathBuf;

/// `UNDEAD_BIN`, or the binary that was last built next to this test.
pub(crate) fn undead() -> PathBuf {
    if let Some(path) = std::env::var_os("UNDEAD_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let built = ["release", "debug"].map(|profile| target.join(profile).join("undead"));
    let newest = built
        .iter()
        .filter(|path| path.is_file())
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.unwrap_or_else(|| panic!("none of {built:?} is there: run `cargo build` first")).clone()
}
