//! What the fuzz targets check holds for their seeds, for mutants of them, and for every input that once broke it.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../fuzz/checks.rs"]
mod checks;

use std::{fs, path::Path};

/// Inputs made of each seed.
const MUTANTS: u64 = 150;
/// Changes to each of them, at most.
const CHANGES: u64 = 8;

/// Runs `check` on the files in `fuzz/corpus/<target>` and `fuzz/regressions/<target>`, and on mutants of the first.
fn check_kept_inputs(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut seeds: Vec<_> = files(&fuzz.join("corpus").join(target)).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "there are seeds");
    // There is no folder where nothing ever broke.
    files(&fuzz.join("regressions").join(target)).for_each(|input| check(&input));
    let mut random = Random(1);
    for (at, seed) in seeds.iter().enumerate() {
        check(seed);
        for number in 0..MUTANTS {
            let (mut mutant, first) = (seed.clone(), random.clone());
            random.mutate(&mut mutant);
            let checked = std::panic::catch_unwind(|| check(&mutant));
            assert!(checked.is_ok(), "{target}: mutant {number} of seed {at}, from {first:?}: {mutant:02x?}");
        }
    }
}

fn files(folder: &Path) -> impl Iterator<Item = Vec<u8>> {
    fs::read_dir(folder).into_iter().flatten().map(|file| fs::read(file.unwrap().path()).unwrap())
}

/// Marsaglia's xorshift: the same in every run.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        for _ in 0..1 + self.below(CHANGES as usize) {
            let at = self.below(input.len());
            let end = (at + 1 + self.below(40)).min(input.len());
            match self.below(6) {
                0 => input[at] = self.below(256) as u8,
                1 => input[at] ^= 1 << self.below(8),
                2 => input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                3 => drop(input.drain(at..end)),
                4 => input.extend_from_within(at..end),
                _ => {
                    let piece = input[at..end].to_vec();
                    let to = self.below(input.len());
                    input.splice(to..to, piece);
                }
            }
            if input.is_empty() {
                return;
            }
        }
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
fn bare_frames_hold() {
    check_kept_inputs("bare_frames", checks::bare_frames);
}

#[test]
fn readers_of_bitstreams_hold() {
    check_kept_inputs("codecs", checks::codecs);
}

#[test]
fn takes_hold() {
    check_kept_inputs("take", checks::take);
}
