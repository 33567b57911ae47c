//! libFuzzer's entry point: feeds the target that `UNDEAD_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use fuzz::Target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("UNDEAD_FUZZ_TARGET").unwrap_or_default();
    let target = fuzz::TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("UNDEAD_FUZZ_TARGET has to name a target"))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| (TARGET.check)(input));
