//! Tests that the documentation names exist.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where tests are, relative to this folder.
const FOLDERS: [&str; 9] =
    ["src", "tests", "crates", "cdn", "main-server", "fuzz", "perf-analysis/src", "web/src", "web/e2e"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() && !["target", "node_modules", "dist"].iter().any(|name| path.ends_with(name)) {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "ts") {
            found.push(path);
        }
    }
}

/// What stands in back quotes in the last column of the tables whose last column is `test` or `tests`.
fn named(page: &str) -> BTreeSet<String> {
    let (mut is_of_tests, mut names) = (false, BTreeSet::new());
    for line in page.lines() {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        match line.starts_with('|') {
            false => is_of_tests = false,
            true if matches!(last, "test" | "tests") => is_of_tests = true,
            true if is_of_tests => names.extend(last.split('`').skip(1).step_by(2).map(str::to_owned)),
            true => {}
        }
    }
    names
}

#[test]
fn docs_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    FOLDERS.iter().for_each(|folder| files(&root.join(folder), &mut sources));
    let sources: Vec<String> =
        sources.iter().map(|path| fs::read_to_string(path).unwrap_or_default()).collect();
    for page in ["security.md", "limits.md"] {
        let names = named(&fs::read_to_string(root.join("docs").join(page)).unwrap());
        assert!(names.len() > 10, "{page} names tests");
        for name in names {
            // A function in Rust, a line of a macro that makes one, a title in TypeScript.
            let exists = [format!("fn {name}("), format!(" {name}: \""), format!("\"{name}\"")];
            let exists = sources.iter().any(|source| exists.iter().any(|text| source.contains(text)));
            assert!(exists, "docs/{page} names the test {name}, which does not exist");
        }
    }
}
