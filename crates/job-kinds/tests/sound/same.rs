//! The same work gives the same bytes: these, on every machine, in debug and in release builds.
//!
//! If one of them changes on purpose, results of older jobs are no longer those of new ones: the version of the kind goes up with it.

use std::fs;

use protocol::{
    item::{Alternative, Blob, ManifestTake},
    job::{Join, Output, Separate, Stem, Work},
};

use crate::common::{Bench, path};

const RATE: u32 = 44_100;
const SECONDS: u32 = 3;

/// A WAV file of tones and noise, by whole numbers alone.
fn song() -> Vec<u8> {
    let bytes = RATE * SECONDS * 4;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * 4).to_le_bytes());
    wav.extend_from_slice(b"\x04\0\x10\0data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    let triangle = |n: u32, period: u32, height: i32| {
        let at = (n % period) as i32 * 4 * height / period as i32;
        if at < 2 * height { at - height } else { 3 * height - at }
    };
    let mut noise = 1_u32;
    for n in 0..RATE * SECONDS {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let voice = triangle(n, 180 + n / 2_000, 9_000);
        let side = triangle(n, 133, 5_000);
        let drum = (noise >> 20) as i32 * i32::from(n % 22_050 < 2_000);
        for sample in [voice + side + drum, voice - side + drum] {
            wav.extend_from_slice(&(sample as i16).to_le_bytes());
        }
    }
    wav
}

/// The start of a hash. A list of blobs has their hashes, so its own stands for all of them.
fn digest(list: &Blob) -> String {
    list.hash[..16].to_owned()
}

#[test]
fn the_same_work_gives_these_bytes() {
    let bench = Bench::new();
    let path = path("same.wav");
    fs::write(&path, song()).unwrap();
    let take = bench.uploaded(&path);
    let sound = bench.decoded(vec![take.clone()]);
    let mut digests = vec![digest(&sound.blobs)];
    let samples = sound.samples;
    let work = Separate {
        sound: sound.clone(),
        read_from: 0,
        read_to: samples,
        keep_from: 0,
        keep_to: samples,
        model: None,
    };
    let Output::Piece(piece) = bench.run(&Work::Separate(work)).unwrap() else { panic!("no piece") };
    digests.push(digest(&piece.blobs));
    let mut opus = None;
    for stem in [Stem::Vocals, Stem::Accompaniment] {
        let work = Join { sound: sound.clone(), pieces: vec![piece.clone()], stem };
        let Output::Media { takes, .. } = bench.run(&Work::Join(work)).unwrap() else { panic!("no media") };
        digests.push(digest(&takes));
        let mut takes: Vec<ManifestTake> = bench.json(&takes);
        opus = takes.remove(0).alternatives.pop();
    }
    let Alternative { mime, init, fragments } = opus.unwrap();
    let opus = ManifestTake { mime, init, fragments, offset_ms: 0, alternatives: Vec::new() };
    digests.push(digest(&bench.decoded(vec![opus]).blobs));
    let measured = bench.run(&Work::Measure(bench.source(vec![take]))).unwrap();
    let Output::Measured { waveform, loudness_centi_lufs, true_peak_centi_db } = measured else {
        panic!("nothing measured")
    };
    digests.push(digest(&waveform));
    assert_eq!((loudness_centi_lufs, true_peak_centi_db), (Some(-1266), Some(-528)));
    // Decoded, vocals, vocals encoded, accompaniment encoded, its Opus decoded, peaks.
    let wanted = [
        "74255e7642175647",
        "f049fd40bcd861f0",
        "4596d7171b259054",
        "f0e81db6fda840c2",
        "2f49b803b7717343",
        "41994fd59ad5f365",
    ];
    assert_eq!(digests, wanted);
}
