//! An ONNX model separates vocals. The tests make a tiny one.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod onnx;

use job_kinds::{Cancelled, Model, ModelError, Report, VocalsModel};
use stems::{Stereo, plan};

use onnx::model;

struct Quiet;

impl Report for Quiet {
    fn progress(&self, _: f32) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// A song whose channels have something in common.
fn song(length: usize) -> Stereo {
    let common = |n: usize| (n as f32 * 0.05).sin() * 0.5;
    let left = (0..length).map(|n| common(n) + (n as f32 * 0.11).sin() * 0.2).collect();
    let right = (0..length).map(|n| common(n) - (n as f32 * 0.11).sin() * 0.2).collect();
    Stereo { left, right }
}

#[test]
fn a_model_gives_its_vocals_in_pieces_as_in_whole() {
    let model = Model::from_bytes(model(0, Some("8000"))).unwrap();
    let song = song(40 * 8_000);
    let whole = model.vocals(&song, 8_000, 0, &Quiet).unwrap();
    for n in 1..song.len() - 1 {
        let expected = (n - 1..=n + 1).map(|at| song.left[at] + song.right[at]).sum::<f32>() / 6.0;
        assert!((whole.left[n] - expected).abs() < 1e-3, "{n}: {} instead of {expected}", whole.left[n]);
    }
    for plan::Piece { read, keep } in plan::pieces(song.len() as u64, 8_000, 15) {
        let mix = song.slice(read.start as usize..read.end as usize);
        let vocals = model.vocals(&mix, 8_000, read.start, &Quiet).unwrap();
        let kept = vocals.slice((keep.start - read.start) as usize..(keep.end - read.start) as usize);
        let of_whole = whole.slice(keep.start as usize..keep.end as usize);
        assert!(kept == of_whole, "{keep:?} differs from the whole");
    }
}

#[test]
fn songs_with_another_rate_are_converted_and_pieces_still_fit() {
    let model = Model::from_bytes(model(0, Some("8000"))).unwrap();
    let song = song(40 * 12_000);
    let whole = model.vocals(&song, 12_000, 0, &Quiet).unwrap();
    assert_eq!(whole.len(), song.len());
    // The tone that both channels have is slow, so the model keeps it.
    for n in (100..song.len() - 100).step_by(7) {
        let common = (n as f32 * 0.05).sin() * 0.5;
        assert!((whole.left[n] - common).abs() < 0.02, "{n}: {} instead of {common}", whole.left[n]);
    }
    for plan::Piece { read, keep } in plan::pieces(song.len() as u64, 12_000, 15) {
        let mix = song.slice(read.start as usize..read.end as usize);
        let vocals = model.vocals(&mix, 12_000, read.start, &Quiet).unwrap();
        let kept = vocals.slice((keep.start - read.start) as usize..(keep.end - read.start) as usize);
        assert!(
            kept == whole.slice(keep.start as usize..keep.end as usize),
            "{keep:?} differs from the whole"
        );
    }
}

#[test]
fn a_model_says_its_rate_and_the_length_of_its_chunks() {
    let fixed = Model::from_bytes(model(4096, Some("48000"))).unwrap();
    let song = song(48_000);
    let vocals = fixed.vocals(&song, 48_000, 0, &Quiet).unwrap();
    assert_eq!(vocals.len(), song.len());
    let other = Model::from_bytes(model(4098, Some("48000"))).unwrap();
    assert!(other.hash().len() == 64 && other.hash() != fixed.hash());
}

#[test]
fn vocals_that_are_not_finite_become_silence() {
    let model = Model::from_bytes(onnx::weighted(4096, Some("8000"), f32::NAN)).unwrap();
    let vocals = model.vocals(&song(8_000), 8_000, 0, &Quiet).unwrap();
    assert!(vocals.left.iter().chain(&vocals.right).all(|&sample| sample == 0.0));
}

#[test]
fn what_does_not_fit_is_refused_at_the_start() {
    let refused = |onnx: Vec<u8>| Model::from_bytes(onnx).err().unwrap().to_string();
    assert!(refused(b"no model".to_vec()).contains("cannot be loaded"));
    assert!(Model::from_bytes(Vec::new()).is_err(), "an empty file");
    assert!(refused(model(4097, None)).contains("even"));
    assert!(refused(model(1 << 20, None)).contains("at most"));
    assert!(refused(model(0, Some("fast"))).contains("sample_rate"));
    let whole = model(0, None);
    for length in [10, whole.len() / 2, whole.len() - 10] {
        assert!(Model::from_bytes(whole[..length].to_vec()).is_err(), "cut at {length}");
    }
    assert!(matches!(Model::load(std::path::Path::new("/no/such/model")), Err(ModelError::Io(_))));
}
