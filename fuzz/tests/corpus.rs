//! What the fuzz targets check holds for their seeds, for mutants of them, and for every input that once broke it.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::{fs, path::Path};

use fuzz::{TARGETS, Target};

/// Inputs made of each seed, and of all of a target.
const MUTANTS: usize = 150;
const MOST_MUTANTS: usize = 3000;
/// Changes to each of them, at most.
const CHANGES: u64 = 8;

/// Checks a target on the files in `corpus/<target>` and `regressions/<target>`, and on mutants of the first.
fn check_kept_inputs(Target { name, check }: &Target) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds: Vec<_> = files(&fuzz.join("corpus").join(name)).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "there are seeds");
    // There is no folder where nothing ever broke.
    files(&fuzz.join("regressions").join(name)).for_each(|input| check(&input));
    let mutants = MUTANTS.min(MOST_MUTANTS / seeds.len());
    let mut random = Random(1);
    for (at, seed) in seeds.iter().enumerate() {
        check(seed);
        for number in 0..mutants {
            let (mut mutant, first) = (seed.clone(), random.clone());
            random.mutate(&mut mutant);
            let checked = std::panic::catch_unwind(|| check(&mutant));
            assert!(checked.is_ok(), "{name}: mutant {number} of seed {at}, from {first:?}: {mutant:02x?}");
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

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
}

/// One test for each target, so that they run at the same time.
macro_rules! targets {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                check_kept_inputs(target($name));
            }
        )+

        #[test]
        fn every_target_has_a_test() {
            let tested = [$($name),+];
            for target in TARGETS {
                assert!(tested.contains(&target.name), "{}", target.name);
            }
        }
    };
}

targets! {
    webm_demuxer_holds: "webm_demux",
    fmp4_demuxer_holds: "fmp4_demux",
    takes_hold: "take",
    readers_of_bitstreams_hold: "codecs",
    recorder_types_hold: "mime",
    web_socket_clients_hold: "ws_client",
    web_socket_requests_hold: "ws_request",
    links_between_nodes_hold: "relay_link",
    bare_frames_hold: "bare_frames",
    messages_hold: "message",
    requests_to_a_node_hold: "node_http",
    requests_for_media_hold: "library_request",
    requests_to_a_main_server_hold: "api",
    headers_of_proxies_hold: "forwarded",
    headers_of_uploads_hold: "headers",
    pictures_hold: "picture",
    payloads_hold: "json",
    forged_grants_permit_nothing: "grant",
    titles_hold: "title",
    commands_of_members_hold: "party",
    uploaded_files_hold: "media_file",
    gossip_holds: "gossip",
    records_of_the_store_hold: "records",
    backups_hold: "backup",
}
