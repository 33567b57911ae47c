//! Whatever bytes are changed, a task ends with sound of the right length, or fails for good.

use std::fs;

use protocol::job::{Failure, Output, Work};

use crate::common::{Bench, encoded, path};

/// Changes of each file.
const CHANGES: u64 = 12;

/// Pseudo-random numbers, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}

#[test]
fn changed_bytes_give_sound_of_the_right_length_or_fail_for_good() {
    let sound = "-f lavfi -i aevalsrc=sin(300*t*t)*0.4|sin(440*2*PI*t)*0.3:s=48000:d=1";
    for (name, codec) in [
        ("a.flac", "-c:a flac"),
        ("a.mp3", "-c:a libmp3lame"),
        ("a.m4a", "-c:a aac"),
        ("a.ogg", "-c:a libvorbis"),
        ("a.opus", "-c:a libopus"),
        ("voice.opus", "-c:a libopus -b:a 12k -application voip -ac 1"),
    ] {
        let bench = Bench::new();
        let take = bench.uploaded(&encoded(&format!("damage-{name}"), &format!("{sound} {codec}")));
        let whole = bench.decoded(vec![take.clone()]);
        let mut random = Random(7);
        for change in 0..CHANGES {
            let mut changed = take.clone();
            let is_init = change % 4 == 3;
            let blob = match &mut changed.init {
                Some(init) if is_init => init,
                _ => &mut changed.fragments[0].blob,
            };
            let mut bytes = bench.bytes(blob);
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            if change % 5 == 4 {
                bytes.truncate(random.below(bytes.len()));
            }
            *blob = bench.put(bytes);
            match bench.run(&Work::Decode(bench.source(vec![changed]))) {
                Ok(Output::Sound(sound)) => {
                    let ms = |samples: u64, rate: u32| samples * 1000 / u64::from(rate);
                    let (length, wanted) = (ms(sound.samples, sound.rate), ms(whole.samples, whole.rate));
                    assert!(length.abs_diff(wanted) <= 1, "{name}, change {change}: {length} of {wanted} ms");
                    let samples = bench.samples(&sound.blobs);
                    assert!(samples.iter().all(|sample| sample.is_finite()), "{name}, change {change}");
                }
                Ok(other) => panic!("{other:?}"),
                Err(failed) => assert_eq!(failed.failure, Failure::ForGood, "{name}: {}", failed.reason),
            }
        }
    }
}

/// A FLAC of one frame: 1,800 equal samples.
const SHORT_FLAC: &[u8] = b"fLaC\x80\0\0\x22\x07\x08\x07\x08\0\0\0\0\0\0\0\0\x10\xf0\0\0\x07\x08\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xf8\x70\x08\0\x07\x07\x64\0\x03\xe8\xc3\x74";

/// The same with so many samples a second.
fn short_flac(rate: u32) -> Vec<u8> {
    let mut flac = SHORT_FLAC.to_vec();
    flac[18..21].copy_from_slice(&(rate << 4).to_be_bytes()[1..]);
    flac
}

#[test]
fn rates_that_are_no_sound_are_refused() {
    // At 1 Hz, these 55 bytes would be half an hour: 345 MB of samples.
    for (rate, is_taken) in
        [(1, false), (6_999, false), (7_000, true), (48_000, true), (384_000, true), (384_001, false)]
    {
        let bench = Bench::new();
        let path = path(&format!("{rate}-hz.flac"));
        fs::write(&path, short_flac(rate)).unwrap();
        let work = Work::Measure(bench.source(vec![bench.uploaded(&path)]));
        match bench.run(&work) {
            Ok(_) => assert!(is_taken, "{rate} Hz"),
            Err(failed) => {
                assert!(!is_taken, "{rate} Hz: {}", failed.reason);
                assert_eq!(failed.failure, Failure::ForGood);
                assert!(failed.reason.contains(&format!("{rate} Hz")), "{}", failed.reason);
            }
        }
    }
}
