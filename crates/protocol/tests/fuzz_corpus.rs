//! What the fuzz target checks holds for its seeds, cut everywhere and with every byte changed.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::{fs, path::Path};

#[test]
fn messages_cut_or_changed_anywhere_are_refused_or_read() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/message");
    let mut count = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let mut bytes = fs::read(seed.unwrap().path()).unwrap();
        for end in 0..=bytes.len() {
            checks::message(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                bytes[at] ^= change;
                checks::message(&bytes);
                bytes[at] ^= change;
            }
        }
        count += 1;
    }
    assert!(count > 0, "there are seeds");
}
